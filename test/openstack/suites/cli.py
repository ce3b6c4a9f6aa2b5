"""python-openstackclient, each command by its command line."""
import io
import json
import os
from contextlib import redirect_stdout

from openstackclient import shell

from cloud import account_of, domain_fields, folder, keystone, ok, users

user = users["cli"]
login = ["--os-auth-url", keystone, "--os-identity-api-version", "3", "--os-region-name", "RegionOne"]
login += ["--os-username", user["name"], "--os-password", user["password"]]
login += ["--os-project-name", user["project"]]
for field, value in domain_fields("cli").items():
    login += [f"--os-{field.replace('_', '-')}", value]


def openstack(*command):
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = shell.main([*login, *command])
    assert code == 0, (command, code, printed.getvalue())
    return printed.getvalue()


def table(*command):
    return json.loads(openstack(*command, "-f", "json"))


os.chdir(folder)
with open("cli-file", "wb") as file:
    file.write(os.urandom(100_000))

made = table("container", "create", "cli")
assert made[0]["account"] == account_of("cli"), made
openstack("container", "set", "--property", "Color=green", "cli")
shown = table("container", "show", "cli")
assert shown["properties"]["Color"] == "green" and shown["object_count"] == "0", shown
assert [one["Name"] for one in table("container", "list")] == ["cli"]
ok("containers")

openstack("object", "create", "cli", "cli-file")
openstack("object", "create", "cli", "cli-file", "--name", "sub/copy")
assert [one["Name"] for one in table("object", "list", "cli", "--prefix", "sub/")] == ["sub/copy"]
openstack("object", "set", "--property", "Size=Big", "cli", "sub/copy")
shown = table("object", "show", "cli", "sub/copy")
assert shown["content-length"] == "100000" and shown["properties"]["Size"] == "Big", shown
openstack("object", "save", "cli", "sub/copy", "--file", "cli-back")
with open("cli-back", "rb") as back, open("cli-file", "rb") as file:
    assert back.read() == file.read()
ok("objects")

openstack("object", "store", "account", "set", "--property", "Owner=me")
shown = table("object", "store", "account", "show")
assert shown["Objects"] == "2" and shown["Bytes"] == "200000", shown
assert shown["properties"]["Owner"] == "me", shown
openstack("object", "delete", "cli", "cli-file")
openstack("container", "delete", "--recursive", "cli")
assert table("container", "list") == []
ok("account and deletion")

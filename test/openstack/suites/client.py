"""python-swiftclient with v3 sign-in: its command line, its service and its connection."""
import io
import os
import sys
from contextlib import redirect_stdout

from swiftclient import shell
from swiftclient.service import SwiftService, SwiftUploadObject

from cloud import account_of, domain_of, fetch, folder, keystone, ok, swift_of, users

user = users["client"]
login = ["--auth-version", "3", "--os-auth-url", keystone, "--os-username", user["name"]]
login += ["--os-password", user["password"], "--os-project-name", user["project"]]
login += ["--os-user-domain-id", domain_of("client"), "--os-project-domain-id", domain_of("client")]


def swift(*command):
    """The command's output; it must end well."""
    printed = io.StringIO()
    kept = sys.argv
    with redirect_stdout(printed):
        try:
            shell.main(["swift", *login, *command])
        except SystemExit as end:
            assert not end.code, (command, end.code, printed.getvalue())
        finally:
            sys.argv = kept
    return printed.getvalue()


os.chdir(folder)
body = os.urandom(5_000_000)
with open("client-file", "wb") as file:
    file.write(body)

assert "Account: AUTH_" in swift("stat")
connection = swift_of("client")
storage, token = connection.get_auth()
# Every thread of every command would sign in of its own.
login = ["--os-storage-url", storage, "--os-auth-token", token]
connection.put_container("c")

for kind, option in (("slo", "--use-slo"), ("dlo", "--use-dlo")):
    swift("upload", "c", "client-file", "--object-name", kind, option, "--segment-size", "2000000")
    stat = swift("stat", "c", kind)
    assert "Content Length: 5000000" in stat, stat
    assert ("Manifest: c_segments" in stat) == (kind == "dlo"), stat
    swift("download", "c", kind, "-o", f"client-{kind}")
    with open(f"client-{kind}", "rb") as file:
        assert file.read() == body
parts = connection.get_container("c_segments")[1]
assert [one["bytes"] for one in parts] == [2_000_000, 2_000_000, 1_000_000] * 2, parts
ok("large objects")

# A second upload leaves no part of the first behind.
swift("upload", "c", "client-file", "--object-name", "slo", "--use-slo", "--segment-size", "3000000")
assert len(connection.get_container("c_segments")[1]) == 5
swift("delete", "c", "slo")
swift("delete", "c", "dlo")
assert connection.get_container("c_segments")[1] == []
ok("parts leave with their objects")

connection.put_container("v", {"X-Versions-Enabled": "true"})
for state in (b"one", b"two", b"three"):
    connection.put_object("v", "o", state)
listed = swift("list", "v", "--versions", "--json")
assert listed.count('"version_id"') == 3, listed
versions = connection.get_container("v", query_string="versions")[1]
oldest = versions[-1]["version_id"]
assert connection.get_object("v", "o", query_string=f"version-id={oldest}")[1] == b"one"
swift("delete", "v", "o", "--version-id", versions[0]["version_id"])
connection.put_object("v", "o", b"", query_string=f"version-id={oldest}")
assert connection.get_object("v", "o")[1] == b"one"
ok("versions")

os.makedirs("tree/a/b", exist_ok=True)
for name in ("tree/one", "tree/a/two", "tree/a/b/three"):
    with open(name, "w") as file:
        file.write(name)
swift("upload", "t", "tree")
with SwiftService(
    {
        "auth_version": "3",
        "os_auth_url": keystone,
        "os_username": user["name"],
        "os_password": user["password"],
        "os_project_name": user["project"],
        "os_user_domain_id": domain_of("client"),
        "os_project_domain_id": domain_of("client"),
        "object_uu_threads": 4,
        "object_dd_threads": 4,
    }
) as service:
    many = [SwiftUploadObject(io.BytesIO(b"x"), object_name=f"many/{i:03}") for i in range(200)]
    results = list(service.upload("t", many))
    assert all(one["success"] for one in results), results
    names = [one["name"] for page in service.list("t") for one in page["listing"]]
    assert len([one for one in names if one.startswith("many/")]) == 200
    assert {"tree/one", "tree/a/two", "tree/a/b/three"} <= set(names), names
    assert all(one["success"] for one in service.delete("t"))
assert fetch(f"/v1/{account_of('client')}/t", headers={"X-Auth-Token": token})[0] == 404
ok("a tree is uploaded, listed and deleted")

info = swift("info")
for capability in ("swift", "slo", "symlink", "object_versioning", "tempurl", "staticweb"):
    assert f"{capability}" in info, info
swift("post", "c", "--read-acl", ".r:*,.rlistings", "--meta", "Color:red")
stat = swift("stat", "c")
assert "Read ACL: .r:*,.rlistings" in stat and "Meta Color: red" in stat, stat
swift("post", "--meta", "Temp-URL-Key:client-key")
connection.put_object("c", "signed", b"signed")
path = f"/v1/{account_of('client')}/c/signed"
signed = swift("tempurl", "GET", "60", path, "client-key", "--digest", "sha256").strip()
assert fetch(signed)[2] == b"signed"
ok("info, metadata, TempURLs")

swift("delete", "--all")
assert connection.get_account()[1] == [], connection.get_account()
ok("everything is deleted")

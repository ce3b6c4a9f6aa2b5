"""What every suite here needs: the facts of the cloud it runs against, and a line for each check that held."""
import json
import logging
import sys
import urllib.error
import urllib.request

logging.disable(logging.WARNING)

with open(sys.argv[1]) as file:
    facts = json.load(file)

url = facts["url"]
keystone = facts["keystone"]
users = facts["users"]
folder = facts["folder"]


def ok(check):
    print(f"ok {check}", flush=True)


def account_of(name, prefix="AUTH_"):
    return prefix + users[name]["projectId"]


def domain_of(name):
    return users[name].get("domain", "default")


def domain_fields(name):
    """By id for the default domain, whose name is `Default`."""
    domain = domain_of(name)
    kind = "id" if domain == "default" else "name"
    return {f"user_domain_{kind}": domain, f"project_domain_{kind}": domain}


def swift_of(name, **more):
    import swiftclient

    user = users[name]
    return swiftclient.Connection(
        keystone,
        user["name"],
        user["password"],
        auth_version="3",
        retries=0,
        os_options={"project_name": user["project"], **domain_fields(name)},
        **more,
    )


def sdk_of(name):
    import openstack

    user = users[name]
    return openstack.connect(
        auth_url=keystone,
        username=user["name"],
        password=user["password"],
        project_name=user["project"],
        region_name="RegionOne",
        **domain_fields(name),
    )


def s3_of(name, **more):
    import boto3
    from botocore.config import Config

    key = users[name]["ec2"]
    return boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=key["access"],
        aws_secret_access_key=key["secret"],
        region_name="us-east-1",
        config=Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}, **more),
    )


def fetch(target, method="GET", headers={}, data=None):
    """Status, headers and body, whatever the status is."""
    address = target if target.startswith("http") else url + target
    request = urllib.request.Request(address, method=method, headers=headers, data=data)
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def status_of(call, *arguments, **named):
    """200 where python-swiftclient is content, else the status that it tells of."""
    import swiftclient

    try:
        call(*arguments, **named)
        return 200
    except swiftclient.ClientException as error:
        return error.http_status

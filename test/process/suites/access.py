"""boto3 and python-swiftclient against a running server: users, policies, lists and ACLs, across both doors.

Run by access.test.ts with the endpoint. Prints one line a check, `ok NAME`; any failed assertion ends it
with a traceback.
"""
import json
import sys
import urllib.error
import urllib.request

import boto3
import swiftclient
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

endpoint = sys.argv[1]
config = Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"})


def s3(user):
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        aws_access_key_id=user,
        aws_secret_access_key=f"secret-of-{user}",
        region_name="us-east-1",
        config=config,
    )


def swift(login):
    user = login.split(":")[1]
    return swiftclient.Connection(f"{endpoint}/auth/v1.0", login, f"key-of-{user}", retries=0)


boss, joe, ann = s3("boss"), s3("joe"), s3("ann")
nobody = boto3.client(
    "s3",
    endpoint_url=endpoint,
    region_name="us-east-1",
    config=config.merge(Config(signature_version=UNSIGNED)),
)


def outcome(call, **arguments):
    """What the call came to: `ok`, or the error's code."""
    try:
        call(**arguments)
        return "ok"
    except ClientError as error:
        return error.response["Error"]["Code"]


def status(path):
    try:
        return urllib.request.urlopen(f"{endpoint}{path}").status
    except urllib.error.HTTPError as error:
        return error.code


def policy(*statements):
    resources = ["arn:aws:s3:::box", "arn:aws:s3:::box/*"]
    full = [{"Effect": "Allow", "Resource": resources, **one} for one in statements]
    return json.dumps({"Version": "2012-10-17", "Statement": full})


boss.create_bucket(Bucket="box")
boss.put_object(Bucket="box", Key="k", Body=b"k")
rules = boss.get_bucket_ownership_controls(Bucket="box")["OwnershipControls"]["Rules"]
assert rules == [{"ObjectOwnership": "BucketOwnerEnforced"}], rules
everyone = policy({"Principal": "*", "Action": "s3:GetObject"})
assert outcome(boss.put_bucket_policy, Bucket="box", Policy=everyone) == "AccessDenied"
assert outcome(joe.get_object, Bucket="box", Key="k") == "AccessDenied"
assert outcome(nobody.get_object, Bucket="box", Key="k") == "AccessDenied"
print("ok private")

member = {"Principal": {"AWS": "arn:aws:iam::acme:user/joe"}, "Action": ["s3:GetObject", "s3:ListBucket"]}
boss.put_bucket_policy(Bucket="box", Policy=policy(member))
assert outcome(joe.get_object, Bucket="box", Key="k") == "ok"
assert outcome(joe.list_objects_v2, Bucket="box") == "ok"
assert outcome(joe.put_object, Bucket="box", Key="k", Body=b"x") == "AccessDenied"
assert outcome(joe.get_object, Bucket="box", Key="none") == "NoSuchKey"
assert outcome(ann.get_object, Bucket="box", Key="none") == "AccessDenied"
assert swift("acme:joe").get_object("box", "k")[1] == b"k"
print("ok members")

boss.delete_public_access_block(Bucket="box")
boss.put_bucket_policy(Bucket="box", Policy=everyone)
assert boss.get_bucket_policy_status(Bucket="box")["PolicyStatus"]["IsPublic"]
assert status("/box/k") == 200 and status("/v1/AUTH_acme/box/k") == 200
assert status("/box/none") == 403 and status("/v1/AUTH_acme/box") == 401
denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject"}
boss.put_bucket_policy(Bucket="box", Policy=policy(denied))
assert outcome(boss.get_object, Bucket="box", Key="k") == "AccessDenied"
assert status("/v1/AUTH_acme/box/k") == 401
boss.delete_bucket_policy(Bucket="box")
assert outcome(boss.get_object, Bucket="box", Key="k") == "ok"
print("ok policies")

boss.create_bucket(Bucket="lists", ObjectOwnership="ObjectWriter")
boss.delete_public_access_block(Bucket="lists")
boss.put_bucket_acl(Bucket="lists", ACL="public-read-write")
ann.put_object(Bucket="lists", Key="hers", Body=b"x")
assert outcome(boss.get_object, Bucket="lists", Key="hers") == "AccessDenied"
owner = boss.get_bucket_acl(Bucket="lists")["Owner"]
grants = [{"Grantee": {"Type": "AmazonCustomerByEmail", "EmailAddress": "boss@acme.test"}, "Permission": "READ"}]
hers = ann.get_object_acl(Bucket="lists", Key="hers")["Owner"]
acl = {"Owner": hers, "Grants": grants}
ann.put_object_acl(Bucket="lists", Key="hers", AccessControlPolicy=acl)
shown = ann.get_object_acl(Bucket="lists", Key="hers")["Grants"]
assert [(one["Grantee"]["ID"], one["Permission"]) for one in shown] == [(owner["ID"], "READ")], shown
assert outcome(boss.get_object, Bucket="lists", Key="hers") == "ok"
assert outcome(nobody.list_objects_v2, Bucket="lists") == "ok"
print("ok lists")

acme = swift("acme:boss")
acme.put_container("open", {"X-Container-Read": ".r:*,.rlistings", "X-Container-Write": "beta:ann"})
acme.put_object("open", "k", b"k")
assert acme.head_container("open")["x-container-read"] == ".r:*,.rlistings"
assert status("/v1/AUTH_acme/open/k") == 200 and status("/v1/AUTH_acme/open") == 200
assert outcome(nobody.list_objects_v2, Bucket="open") == "ok"
assert outcome(ann.put_object, Bucket="open", Key="a", Body=b"a") == "ok"
assert outcome(joe.put_object, Bucket="open", Key="a", Body=b"a") == "AccessDenied"
acme.post_account({"X-Account-Access-Control": json.dumps({"read-only": ["acme:joe"]})})
names = [one["name"] for one in swift("acme:joe").get_account()[1]]
assert names == ["box", "lists", "open"], names
assert "x-container-read" not in swift("acme:joe").head_container("open")
print("ok acls")

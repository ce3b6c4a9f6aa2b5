"""boto3 against a running server: the three kinds of encryption, in every operation that boto3 makes of them.

Run by test/clients/encryption with the endpoint, the access key, the secret key and a bucket name. The server has the
service keys `one` and `two`. Prints one line a check, `ok NAME`; any failed assertion ends it with a traceback.
"""
import base64
import hashlib
import io
import os
import sys

import boto3
import botocore.config
import urllib3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

urllib3.disable_warnings()
endpoint, access_key, secret_key, bucket = sys.argv[1:5]
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    aws_access_key_id=access_key,
    aws_secret_access_key=secret_key,
    region_name="us-east-1",
    verify=False,
    config=botocore.config.Config(retries={"max_attempts": 1}, s3={"addressing_style": "path"}),
)
s3.create_bucket(Bucket=bucket)

key, other = os.urandom(32), os.urandom(32)


def customer(secret, prefix=""):
    return {prefix + "SSECustomerAlgorithm": "AES256", prefix + "SSECustomerKey": secret}


ring = {"ServerSideEncryption": "AES256"}
service = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "one"}
bucket_key = dict(service, BucketKeyEnabled=True)
kinds = {"plain": {}, "ring": ring, "service": service, "bucket-key": bucket_key, "customer": customer(key)}


def encoded(secret):
    """For the operations whose parameters boto3 does not encode by itself."""
    digest = base64.b64encode(hashlib.md5(secret).digest()).decode()
    return dict(customer(base64.b64encode(secret).decode()), SSECustomerKeyMD5=digest)


def reading(kind):
    return customer(key) if kind == "customer" else {}


def refused(code, call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        found = error.response["Error"]["Code"]
        assert found == code, (found, code)
        return
    raise AssertionError("%s was expected" % code)


def check(name, body, kind):
    found = s3.get_object(Bucket=bucket, Key=name, **reading(kind))
    assert found["Body"].read() == body, (name, kind)
    assert found.get("ServerSideEncryption") == kinds[kind].get("ServerSideEncryption"), (name, kind)
    assert found.get("BucketKeyEnabled", False) == (kind == "bucket-key")
    assert ("SSECustomerKeyMD5" in found) == (kind == "customer")
    head = s3.head_object(Bucket=bucket, Key=name, **reading(kind))
    assert head["ContentLength"] == len(body) and head["ETag"] == found["ETag"]


for kind, writing in kinds.items():
    for size in (0, 1, 16384, 16385, 65519, 65520, 65521, 1048576, 3000000):
        body = os.urandom(size)
        name = "%s-%d" % (kind, size)
        put = s3.put_object(Bucket=bucket, Key=name, Body=body, **writing)
        check(name, body, kind)
        is_md5 = put["ETag"].strip('"') == hashlib.md5(body).hexdigest()
        assert is_md5 == (kind != "customer"), kind
        for start, end in ((0, 0), (65519, 65520), (size // 2, size - 1)):
            if end < size and start <= end:
                part = s3.get_object(Bucket=bucket, Key=name, Range="bytes=%d-%d" % (start, end), **reading(kind))
                assert part["Body"].read() == body[start : end + 1], (name, start, end)
print("ok sizes")

whole = os.urandom(17 * 1048576 + 5)
parts = TransferConfig(multipart_threshold=5 * 1048576, multipart_chunksize=5 * 1048576)
for kind, writing in kinds.items():
    if kind == "bucket-key":
        continue  # boto3's transfers cannot ask for one
    name = "parts-" + kind
    s3.upload_fileobj(io.BytesIO(whole), bucket, name, ExtraArgs=writing, Config=parts)
    check(name, whole, kind)
    into = io.BytesIO()
    s3.download_fileobj(bucket, name, into, ExtraArgs=reading(kind), Config=parts)
    assert into.getvalue() == whole, kind
    part = s3.get_object(Bucket=bucket, Key=name, PartNumber=2, **reading(kind))
    assert part["Body"].read() == whole[5 * 1048576 : 10 * 1048576], kind
    border = s3.get_object(Bucket=bucket, Key=name, Range="bytes=5242870-5242890", **reading(kind))
    assert border["Body"].read() == whole[5242870:5242891], kind
    attributes = s3.get_object_attributes(
        Bucket=bucket, Key=name, ObjectAttributes=["ObjectSize", "ObjectParts"],
        **(encoded(key) if kind == "customer" else {})
    )
    assert attributes["ObjectSize"] == len(whole) and attributes["ObjectParts"]["TotalPartsCount"] == 4
print("ok parts")

for kind in kinds:
    for target, writing in kinds.items():
        source = customer(key, "CopySource") if kind == "customer" else {}
        copy_source = {"Bucket": bucket, "Key": "%s-65521" % kind}
        body = s3.get_object(Bucket=bucket, Key=copy_source["Key"], **reading(kind))["Body"].read()
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=copy_source, **writing, **source)
        check("copy", body, target)
print("ok copies")

for call, more, with_key in (
    (s3.get_object, {}, customer),
    (s3.get_object_attributes, {"ObjectAttributes": ["ETag"]}, encoded),
):
    refused("InvalidRequest", call, Bucket=bucket, Key="customer-1", **more)
    refused("InvalidRequest", call, Bucket=bucket, Key="customer-1", **more, **with_key(other))
    refused("InvalidRequest", call, Bucket=bucket, Key="plain-1", **more, **with_key(key))
refused("400", s3.head_object, Bucket=bucket, Key="customer-1")
refused("KMS.NotFoundException", s3.put_object, Bucket=bucket, Key="x", Body=b"x", **dict(service, SSEKMSKeyId="none"))
refused("KMS.NotFoundException", s3.put_object, Bucket=bucket, Key="x", Body=b"x", ServerSideEncryption="aws:kms")
refused("404", s3.head_object, Bucket=bucket, Key="x")
print("ok refusals")

by_default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "two"}}
configuration = {"Rules": [dict(by_default, BucketKeyEnabled=True)]}
s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=configuration)
assert s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"] == configuration
put = s3.put_object(Bucket=bucket, Key="default", Body=b"default")
assert (put["ServerSideEncryption"], put["SSEKMSKeyId"], put["BucketKeyEnabled"]) == ("aws:kms", "two", True)
post = s3.generate_presigned_post(bucket, "form", Fields={"x-amz-server-side-encryption": "AES256"},
                                  Conditions=[{"x-amz-server-side-encryption": "AES256"}])
http = urllib3.PoolManager(cert_reqs="CERT_NONE")
form = http.request("POST", post["url"], fields={**post["fields"], "file": ("a", b"form")})
assert form.status == 204 and form.headers["x-amz-server-side-encryption"] == "AES256", form.data
assert s3.get_object(Bucket=bucket, Key="form")["Body"].read() == b"form"
s3.delete_bucket_encryption(Bucket=bucket)
assert "ServerSideEncryption" not in s3.put_object(Bucket=bucket, Key="plain", Body=b"plain")
print("ok defaults")

arguments = {"Bucket": bucket, "Key": "signed", **customer(key)}
digest = hashlib.md5(key).digest()
url = s3.generate_presigned_url("put_object", Params=arguments)
headers = {
    "x-amz-server-side-encryption-customer-algorithm": "AES256",
    "x-amz-server-side-encryption-customer-key": base64.b64encode(key).decode(),
    "x-amz-server-side-encryption-customer-key-MD5": base64.b64encode(digest).decode(),
}
assert http.request("PUT", url, body=b"signed", headers=headers).status == 200
url = s3.generate_presigned_url("get_object", Params=arguments)
assert http.request("GET", url).status == 403
assert http.request("GET", url, headers=headers).data == b"signed"
print("ok presigned")

arn = s3.put_object(Bucket=bucket, Key="again", Body=whole, **ring) and "arn:aws:kms:us-east-1:000000000000:key/two"
before = s3.head_object(Bucket=bucket, Key="again")
s3.update_object_encryption(Bucket=bucket, Key="again", ObjectEncryption={"SSEKMS": {"KMSKeyArn": arn}})
after = s3.get_object(Bucket=bucket, Key="again")
assert after["Body"].read() == whole and after["SSEKMSKeyId"] == arn
assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
print("ok update")

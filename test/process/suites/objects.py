"""boto3 against a running server: sizes around every threshold, hostile keys, parts, 10,000 small keys.

Run by boto3.test.ts with the endpoint, the access key, the secret key and a bucket name. Prints one
line a check, `ok NAME`; any failed assertion ends it with a traceback.
"""
import concurrent.futures
import os
import sys

import boto3
import botocore.config
import urllib3
from botocore.exceptions import ClientError

urllib3.disable_warnings()
endpoint, access_key, secret_key, bucket, many = sys.argv[1:6]
s3 = boto3.client(
    "s3",
    endpoint_url=endpoint,
    aws_access_key_id=access_key,
    aws_secret_access_key=secret_key,
    region_name="us-east-1",
    verify=False,
    config=botocore.config.Config(
        max_pool_connections=16, retries={"max_attempts": 1}, s3={"addressing_style": "path"}
    ),
)
s3.create_bucket(Bucket=bucket)

for size in (0, 1, 16383, 16384, 16385, 1048575, 1048576, 1048577):
    body = os.urandom(size)
    s3.put_object(Bucket=bucket, Key="size-%d" % size, Body=body, Metadata={"colour": "red"})
    found = s3.get_object(Bucket=bucket, Key="size-%d" % size)
    assert found["Body"].read() == body, size
    assert found["Metadata"] == {"colour": "red"}
print("ok sizes")

hostile = [
    "a", "a/", "a/b", "a//b", "/a", "../x", ".", "..", "caf\u00e9", "cafe\u0301", "\U0001f600", "\uff5e",
    "foo+1/", "foo/", "a b+c%d&<>\"'", "\x01\x1f", "x" * 1024,
]
for key in hostile:
    s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
names = []
for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 5}):
    names += [one["Key"] for one in page.get("Contents", [])]
assert names == sorted(names, key=lambda name: name.encode()), "byte order"
assert set(hostile) <= set(names)
for key in hostile:
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode(), key
try:
    s3.put_object(Bucket=bucket, Key="x" * 1025, Body=b"")
    raise AssertionError("a key of 1025 bytes was taken")
except ClientError as error:
    assert error.response["Error"]["Code"] == "KeyTooLongError"
print("ok hostile keys")

upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
pieces = [os.urandom(5 * 1048576), os.urandom(5 * 1048576), b"end"]
parts = [
    {"PartNumber": n, "ETag": s3.upload_part(
        Bucket=bucket, Key="parts", UploadId=upload, PartNumber=n, Body=piece)["ETag"]}
    for n, piece in enumerate(pieces, 1)
]
s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload, MultipartUpload={"Parts": parts})
assert s3.get_object(Bucket=bucket, Key="parts")["Body"].read() == b"".join(pieces)
print("ok parts")

# An error instead of `100 Continue`, and the next request on the same connection.
for _ in range(3):
    try:
        s3.put_object(Bucket=bucket + "-absent", Key="k", Body=b"body")
        raise AssertionError("a bucket that does not exist took an object")
    except ClientError as error:
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    s3.put_object(Bucket=bucket, Key="after", Body=b"body")
print("ok expect")

count = int(many)
if count:
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda n: s3.put_object(Bucket=bucket, Key="many/%05d" % n, Body=b"%d" % n), range(count)))
    found = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="many/"):
        found += [one["Key"] for one in page["Contents"]]
    assert found == ["many/%05d" % n for n in range(count)], len(found)
    groups = []
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix="many/0", Delimiter="5", PaginationConfig={"PageSize": 7}
    )
    for page in pages:
        groups += [one["Prefix"] for one in page.get("CommonPrefixes", [])]
    rests = [key[6:] for key in found]
    assert groups == sorted({"many/0" + rest[:rest.index("5") + 1] for rest in rests if "5" in rest})
    for start in range(0, count, 1000):
        batch = [{"Key": key} for key in found[start:start + 1000]]
        assert "Errors" not in s3.delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
    assert s3.list_objects_v2(Bucket=bucket, Prefix="many/")["KeyCount"] == 0
    print("ok many")

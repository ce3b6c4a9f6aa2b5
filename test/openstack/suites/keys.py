"""boto3 with EC2 credentials of Keystone."""
import io
import os

from botocore.exceptions import ClientError

from cloud import fetch, ok, s3_of, swift_of, users

s3 = s3_of("keys")
swift = swift_of("keys")


def code_of(call, **arguments):
    try:
        call(**arguments)
        return "ok"
    except ClientError as error:
        return error.response["Error"]["Code"]


s3.create_bucket(Bucket="keys")
s3.put_object(Bucket="keys", Key="a", Body=b"hello", Metadata={"color": "red"})
found = s3.get_object(Bucket="keys", Key="a")
assert found["Body"].read() == b"hello" and found["Metadata"] == {"color": "red"}
assert [one["Name"] for one in s3.list_buckets()["Buckets"]] == ["keys"]
ok("buckets and objects")

# One project is one account, whichever door it is reached by.
assert swift.get_object("keys", "a")[1] == b"hello"
swift.put_object("keys", "b", b"from Swift")
assert s3.get_object(Bucket="keys", Key="b")["Body"].read() == b"from Swift"
assert [one["Key"] for one in s3.list_objects_v2(Bucket="keys")["Contents"]] == ["a", "b"]
ok("both doors")

# In chunks that are signed one by one, which takes the secret itself.
body = os.urandom(12 * 1024 * 1024 + 3)
s3.upload_fileobj(io.BytesIO(body), "keys", "large")
assert s3.get_object(Bucket="keys", Key="large")["Body"].read() == body
streamed = io.BytesIO(b"streamed")
s3.put_object(Bucket="keys", Key="checked", Body=streamed, ChecksumAlgorithm="SHA256")
assert s3.head_object(Bucket="keys", Key="checked")["ContentLength"] == 8
signed = s3.generate_presigned_url("get_object", Params={"Bucket": "keys", "Key": "a"})
assert fetch(signed)[2] == b"hello"
ok("uploads in parts, chunks, presigned URLs")

# The bucket's owner and strangers.
other = s3_of("bob")
assert code_of(other.get_object, Bucket="keys", Key="a") == "AccessDenied"
assert code_of(other.create_bucket, Bucket="bobs") == "ok"
right = users["bob"]["ec2"]
users["bob"]["ec2"] = {**right, "secret": "wrong"}
assert code_of(s3_of("bob").get_object, Bucket="bobs", Key="a") == "SignatureDoesNotMatch"
# Keystone does not say whether it is the key that it does not know or the signature that is wrong.
users["bob"]["ec2"] = {"access": "0" * 32, "secret": "wrong"}
assert code_of(s3_of("bob").get_object, Bucket="bobs", Key="a") == "AccessDenied"
right = users["dave"]["ec2"]
users["dave"]["ec2"] = {**right, "secret": "wrong"}
assert code_of(s3_of("dave").list_buckets) == "AccessDenied"
users["dave"]["ec2"] = right
assert code_of(s3_of("dave").create_bucket, Bucket="daves") == "AccessDenied"
ok("strangers, wrong secrets, unknown keys, users without a role that owns")

"""boto3 with a body from standard input, or to standard output: nothing is kept in a file."""

import os
import sys

import boto3
from boto3.s3.transfer import TransferConfig

verb, bucket, key = sys.argv[1:]
client = boto3.client("s3", endpoint_url=os.environ["TORC_URL"])
if verb == "put":
    config = TransferConfig(multipart_chunksize=64 * 1024 * 1024, max_concurrency=4)
    client.upload_fileobj(sys.stdin.buffer, bucket, key, Config=config)
else:
    for chunk in client.get_object(Bucket=bucket, Key=key)["Body"].iter_chunks(1024 * 1024):
        sys.stdout.buffer.write(chunk)

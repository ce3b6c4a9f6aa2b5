"""Clients of a cluster, boto3 and python-swiftclient, each doing one random operation after the other through any node.

Run with a JSON object as its only argument: endpoints, access, secret, user, password, containers, seed, clients,
pause, roundSeconds. Prints one JSON object a line for each operation, with the times between which it took effect
(CLOCK_MONOTONIC, milliseconds). When its standard input says `stop` the clients end; at `check` every key that was
ever written is read and listed through every node, and the sums of the containers are compared.
"""
import hashlib
import json
import random
import sys
import threading
import time

import boto3
import swiftclient.client
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from swiftclient.exceptions import ClientException

given = json.loads(sys.argv[1])
# Longer than a request waits for the next primary of its shard.
timeout = 15
config = Config(
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
    connect_timeout=3,
    read_timeout=timeout,
    max_pool_connections=16,
)
keys = ["a", "a/", "a/b", "b", "ü"]
sizes = [0, 1, 100, 16_384, 16_385, 100_000, 300_000, 1_200_000]
stopping = threading.Event()
printing = threading.Lock()
making = threading.Lock()
# By etag: of what was written, the digest of every byte; and for each key the newest etags.
written = {}
written_sizes = {}
newest = {}


def tell(**event):
    with printing:
        sys.stdout.write(json.dumps(event) + "\n")
        sys.stdout.flush()


def now():
    return time.monotonic() * 1000


class Broken(Exception):
    """A promise that does not hold."""


class Refused(Exception):
    """The condition did not hold: nothing was done."""


class S3:
    name = "s3"

    # One an endpoint: to make one takes long, and threads may share it.
    clients = {}

    def __init__(self, endpoint):
        self.client = self.clients.get(endpoint) or self.make(endpoint)

    @classmethod
    def make(cls, endpoint):
        with making:
            if endpoint not in cls.clients:
                cls.clients[endpoint] = boto3.client(
                    "s3",
                    endpoint_url=endpoint,
                    aws_access_key_id=given["access"],
                    aws_secret_access_key=given["secret"],
                    region_name="us-east-1",
                    config=config,
                )
            return cls.clients[endpoint]

    def put(self, container, key, body, condition):
        extra = {}
        if condition["type"] == "absent":
            extra["IfNoneMatch"] = "*"
        if condition["type"] == "match":
            extra["IfMatch"] = condition["etag"]
        try:
            self.client.put_object(Bucket=container, Key=key, Body=body, **extra)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            if status == 412 or (status == 404 and condition["type"] == "match"):
                raise Refused() from error
            raise

    def read(self, container, key):
        try:
            reply = self.client.get_object(Bucket=container, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return reply["ETag"].strip('"'), reply["Body"].read()

    def delete(self, container, key):
        self.client.delete_object(Bucket=container, Key=key)
        return None

    def list(self, container, prefix):
        reply = self.client.list_objects_v2(Bucket=container, Prefix=prefix)
        return {one["Key"]: one["ETag"].strip('"') for one in reply.get("Contents", [])}

    def complete(self, container, key, parts):
        """What makes the upload an object: only that changes the key."""
        upload = self.client.create_multipart_upload(Bucket=container, Key=key)["UploadId"]
        made = []
        for place, part in enumerate(parts):
            reply = self.client.upload_part(
                Bucket=container, Key=key, UploadId=upload, PartNumber=place + 1, Body=part
            )
            made.append({"PartNumber": place + 1, "ETag": reply["ETag"]})
        return lambda: self.client.complete_multipart_upload(
            Bucket=container, Key=key, UploadId=upload, MultipartUpload={"Parts": made}
        )


class Swift:
    name = "swift"

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.connection = None

    def connect(self):
        if self.connection is None:
            storage, token = swiftclient.client.get_auth_1_0(
                f"{self.endpoint}/auth/v1.0", given["user"], given["password"], timeout=timeout
            )
            http = swiftclient.client.http_connection(storage, timeout=timeout)
            self.connection = {"url": storage, "token": token, "http_conn": http}
        return self.connection

    def put(self, container, key, body, condition):
        headers = {"If-None-Match": "*"} if condition["type"] == "absent" else {}
        try:
            swiftclient.client.put_object(
                **self.connect(), container=container, name=key, contents=body, headers=headers
            )
        except ClientException as error:
            if error.http_status == 412:
                raise Refused() from error
            raise

    def read(self, container, key):
        try:
            headers, body = swiftclient.client.get_object(
                **self.connect(), container=container, name=key
            )
        except ClientException as error:
            if error.http_status == 404:
                return None
            raise
        return headers["etag"].strip('"'), body

    def delete(self, container, key):
        try:
            swiftclient.client.delete_object(**self.connect(), container=container, name=key)
            return True
        except ClientException as error:
            if error.http_status == 404:
                return False
            raise

    def list(self, container, prefix):
        _, items = swiftclient.client.get_container(
            **self.connect(), container=container, prefix=prefix
        )
        return {one["name"]: one["hash"] for one in items}


def remember(etag, body):
    written[etag] = hashlib.sha256(body).digest()
    written_sizes[etag] = len(body)


class Client:
    def __init__(self, number):
        self.chance = random.Random(f"{given['seed']}-{number}")
        self.doors = {}

    def door(self):
        endpoint = self.chance.choice(given["endpoints"])
        kind = self.chance.choice([S3, S3, Swift])
        place = (endpoint, kind)
        if place not in self.doors:
            self.doors[place] = kind(endpoint)
        return place, self.doors[place]

    def act(self):
        place, door = self.door()
        round_ = int(time.monotonic() / given["roundSeconds"])
        container = self.chance.choice(given["containers"])
        prefix = f"{round_}/"
        key = prefix + self.chance.choice(keys)
        at = {"container": container, "key": key, "door": door.name, "endpoint": place[0]}
        roll = self.chance.random()
        start = now()
        try:
            if roll < 0.4:
                self.put(door, at)
            elif roll < 0.48 and door.name == "s3":
                self.multipart(door, at)
            elif roll < 0.58:
                self.delete(door, at)
            elif roll < 0.9:
                self.read(door, at, start)
            else:
                seen = door.list(container, prefix)
                states = {prefix + one: seen.get(prefix + one) for one in keys}
                tell(**{**at, "key": prefix}, start=start, end=now(), type="list", states=states)
        except Broken as error:
            tell(**at, start=start, end=now(), type="broken", message=str(error))
        except (ClientError, BotoCoreError, ClientException, OSError, ValueError) as error:
            # Nothing is known of a write that was told of; a read has seen nothing.
            self.doors.pop(place, None)
            tell(**at, start=start, end=now(), type="failed", message=str(error)[:200])

    def write(self, at, operation, call):
        """Told when it begins to be certain: before it is asked for, its outcome is open."""
        start = now()
        try:
            result = call()
        except Refused:
            tell(**at, **operation, start=start, end=now(), outcome="refused")
            return
        except Exception:
            tell(**at, **operation, start=start, outcome="unknown")
            raise
        if operation["type"] == "delete":
            operation = {**operation, "found": result}
        tell(**at, **operation, start=start, end=now(), outcome="ok")

    def put(self, door, at):
        place = (at["container"], at["key"])
        known = newest.get(place, [])
        roll = self.chance.random()
        condition = {"type": "none"}
        if roll < 0.25:
            condition = {"type": "absent"}
        elif roll < 0.5 and known:
            condition = {"type": "match", "etag": self.chance.choice(known)}
        if door.name == "swift" and condition["type"] == "match":
            # Swift knows no such condition.
            condition = {"type": "none"}
        # No two bodies are the same, so that an etag names one write.
        body = self.chance.randbytes(self.chance.choice(sizes) + 16)
        etag = hashlib.md5(body).hexdigest()
        remember(etag, body)
        newest[place] = [*known[-1:], etag]
        operation = {"type": "put", "etag": etag, "condition": condition}
        self.write(at, operation, lambda: door.put(at["container"], at["key"], body, condition))

    def multipart(self, door, at):
        count = 2 if self.chance.random() < 0.2 else 1
        parts = [self.chance.randbytes(5 * 1_048_576) for _ in range(count - 1)]
        parts.append(self.chance.randbytes(self.chance.choice(sizes) + 16))
        digests = b"".join(hashlib.md5(part).digest() for part in parts)
        etag = f"{hashlib.md5(digests).hexdigest()}-{count}"
        remember(etag, b"".join(parts))
        complete = door.complete(at["container"], at["key"], parts)
        self.write(at, {"type": "put", "etag": etag, "condition": {"type": "none"}}, complete)

    def delete(self, door, at):
        operation = {"type": "delete", "found": None}
        self.write(at, operation, lambda: door.delete(at["container"], at["key"]))

    def read(self, door, at, start):
        seen = door.read(at["container"], at["key"])
        end = now()
        if seen is not None:
            etag, body = seen
            if written.get(etag) != hashlib.sha256(body).digest():
                raise Broken(f"{len(body)} bytes that are not those of {etag}")
        tell(**at, type="read", start=start, end=end, seen=None if seen is None else seen[0])

    def run(self):
        while not stopping.is_set():
            self.act()
            time.sleep(self.chance.random() * given["pause"])


def check():
    """Everything is read through every node; now nothing may fail."""
    last = int(time.monotonic() / given["roundSeconds"])
    for endpoint in given["endpoints"]:
        for door in (S3(endpoint), Swift(endpoint)):
            for container in given["containers"]:
                listed = {}
                at = {"container": container, "door": door.name, "endpoint": endpoint}
                for round_ in range(first, last + 1):
                    prefix = f"{round_}/"
                    start = now()
                    seen = door.list(container, prefix)
                    listed.update(seen)
                    states = {prefix + one: seen.get(prefix + one) for one in keys}
                    tell(**at, key=prefix, start=start, end=now(), type="list", states=states)
                    if door.name == "swift":
                        continue
                    for key in states:
                        client.read(door, {**at, "key": key}, now())
                if door.name == "swift":
                    check_sums(door, container, listed)


def check_sums(door, container, listed):
    headers = swiftclient.client.head_container(**door.connect(), container=container)
    objects = int(headers["x-container-object-count"])
    size = int(headers["x-container-bytes-used"])
    expected = sum(written_sizes[etag] for etag in listed.values())
    if objects != len(listed) or size != expected:
        listing = f"the listing has {len(listed)} with {expected} bytes"
        raise Broken(f"{container} counts {objects} objects with {size} bytes, {listing}")


first = int(time.monotonic() / given["roundSeconds"])
client = Client("check")
threads = [threading.Thread(target=Client(number).run) for number in range(given["clients"])]
for thread in threads:
    thread.start()
for line in sys.stdin:
    if line.strip() == "stop":
        stopping.set()
        for thread in threads:
            thread.join()
        tell(type="stopped")
    if line.strip() == "check":
        try:
            check()
        except Exception as error:  # Whatever it is, it is told.
            tell(type="broken", message=f"{type(error).__name__}: {error}")
        break

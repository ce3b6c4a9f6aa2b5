"""Containers of two clusters, kept in step by what python-swiftclient sets on them."""
import hashlib
import json
import os
import sys
import time
from urllib.parse import quote

import swiftclient

# NAME=URL of two clusters, by the names that the realm has for them.
(one, here_url), (other, there_url) = (side.split("=", 1) for side in sys.argv[1:3])
here, there = (
    swiftclient.Connection(f"{url}/auth/v1.0", "acme:boss", "secret-of-boss", retries=0)
    for url in (here_url, there_url)
)
box = f"box of {one} and {other}"


def ok(check):
    print(f"ok {check}", flush=True)


def wait(what, held):
    """Until it holds: clusters are told a moment later."""
    end = time.time() + 90
    while True:
        try:
            if held():
                return
        except swiftclient.ClientException as error:
            if error.http_status != 404:
                raise
        assert time.time() < end, what
        time.sleep(0.1)


def has(cluster, name, body):
    return lambda: cluster.get_object(box, name)[1] == body


def lacks(cluster, name):
    return lambda: name not in [one["name"] for one in cluster.get_container(box)[1]]


def follow(cluster, name):
    headers = {"X-Container-Sync-To": f"//test/{name}/AUTH_acme/{quote(box)}", "X-Container-Sync-Key": "k"}
    cluster.post_container(box, headers)


for cluster in (here, there):
    cluster.put_container(box)
here.put_object(box, "before", b"before")
follow(there, one)
follow(here, other)
wait("what was there before", has(there, "before", b"before"))
ok("what was there before")

big = os.urandom(3_000_000)
here.put_object(box, "big", big, content_type="text/x", headers={"X-Object-Meta-Color": "red"})
there.put_object(box, "from there", b"there")
wait("big", has(there, "big", big))
wait("from there", has(here, "from there", b"there"))
found = there.head_object(box, "big")
assert found["etag"] == hashlib.md5(big).hexdigest(), found
assert found["content-type"] == "text/x" and found["x-object-meta-color"] == "red", found
ok("objects and what is said of them, both ways")

there.put_object(box, "before", b"changed")
wait("overwritten", has(here, "before", b"changed"))
here.post_object(box, "big", {"X-Object-Meta-Color": "blue", "Content-Type": "text/x"})
wait("metadata", lambda: there.head_object(box, "big")["x-object-meta-color"] == "blue")
here.delete_object(box, "before")
there.delete_object(box, "from there")
wait("deleted there", lacks(there, "before"))
wait("deleted here", lacks(here, "from there"))
ok("changes and deletions")

here.put_object(box, "parts/1", b"a" * 100)
here.put_object(box, "parts/2", b"b" * 50)
parts = [{"path": f"/{box}/parts/{part}"} for part in (1, 2)]
manifest = json.dumps(parts).encode()
here.put_object(box, "slo", manifest, query_string="multipart-manifest=put")
wait("a static large object", has(there, "slo", b"a" * 100 + b"b" * 50))
assert there.head_object(box, "slo")["x-static-large-object"] == "True"
ok("static large objects")

"""Glance's stores by its own library: Swift as one user, Swift as each image's owner, and S3."""
import hashlib
import io
import os
import uuid
from types import SimpleNamespace

from glance_store import exceptions, multi_backend
from oslo_config import cfg

from cloud import account_of, domain_of, folder, keystone, ok, s3_of, status_of, swift_of, url, users

user, key = users["images"], users["images"]["ec2"]
swift = swift_of("images")
reference = os.path.join(folder, "glance-swift.conf")
with open(reference, "w") as file:
    file.write(f"[torc]\nuser = {user['project']}:{user['name']}\nkey = {user['password']}\n")
    file.write(f"auth_version = 3\nauth_address = {keystone}\n")
    file.write(f"user_domain_id = {domain_of('images')}\nproject_domain_id = {domain_of('images')}\n")

# What glance-api reads from its file. Its unit for large objects is 1,024,000 bytes.
conf = cfg.CONF
conf([])
conf.register_opts(
    [cfg.DictOpt("enabled_backends", default={"one": "swift", "each": "swift", "buckets": "s3"})]
)
multi_backend.register_store_opts(conf)
conf.set_override("default_backend", "one", group="glance_store")
large = {"swift_store_large_object_size": 5, "swift_store_large_object_chunk_size": 2}
backends = {
    "one": {
        **large,
        "swift_store_config_file": reference,
        "default_swift_reference": "torc",
        "swift_store_container": "glance",
        "swift_store_create_container_on_put": True,
    },
    "each": {
        **large,
        "swift_store_endpoint": f"{url}/v1/{account_of('alice')}",
        "swift_store_container": "glance",
        "swift_store_create_container_on_put": True,
        "swift_store_multi_tenant": True,
        "swift_store_use_trusts": False,
    },
    "buckets": {
        "s3_store_host": url,
        "s3_store_access_key": key["access"],
        "s3_store_secret_key": key["secret"],
        "s3_store_bucket": "glance-buckets",
        "s3_store_create_bucket_on_put": True,
        "s3_store_bucket_url_format": "path",
        "s3_store_region_name": "us-east-1",
        "s3_store_large_object_size": 5,
        "s3_store_large_object_chunk_size": 5,
    },
}
for backend, options in backends.items():
    for name, value in options.items():
        conf.set_override(name, value, group=backend)
multi_backend.create_multi_stores(conf)

small, big = os.urandom(100_003), os.urandom(11_000_003)


def added(backend, image, body, size, context=None):
    upload = io.BytesIO(body)
    return multi_backend.add_with_multihash(
        conf, image, upload, size, backend, "sha512", context=context
    )


def stored(backend, body, size, context=None):
    """Adds an image, reads it back whole; its id and its place."""
    image = str(uuid.uuid4())
    place, length, checksum, digest, _ = added(backend, image, body, size, context)
    assert digest == hashlib.sha512(body).hexdigest(), digest
    assert length == len(body), (length, len(body))
    assert checksum == hashlib.md5(body).hexdigest(), checksum
    found = multi_backend.get_size_from_uri_and_backend(place, backend, context)
    assert found == len(body), found
    pieces, length = multi_backend.get(place, backend, context=context)
    assert int(length) == len(body)
    assert b"".join(pieces) == body
    return image, place


def gone(backend, place, context=None):
    multi_backend.delete(place, backend, context)
    try:
        multi_backend.get(place, backend, context=context)
    except exceptions.NotFound:
        return
    raise AssertionError(place)


def names():
    return [one["name"] for one in swift.get_container("glance")[1]]


image, place = stored("one", small, len(small))
assert names() == [image]
gone("one", place)
assert names() == []
ok("Swift: an image of one object")

# The size is known, or nobody said it. Where it is known, this library announces a whole chunk for the last one
# too and sends what is left of it, which no server can take: its images have to be a multiple of the chunk.
even = big[: 5 * 2 * 1_024_000]
for body, size, parts in ((even, len(even), 5), (big, 0, 6)):
    image, place = stored("one", body, size)
    assert names() == [image, *(f"{image}-{part:05}" for part in range(1, parts + 1))], names()
    gone("one", place)
    assert names() == []
ok("Swift: a large image in chunks")

# A connection that breaks is taken up by range.
image, place = stored("one", big, 0)
store = multi_backend.get_store_from_store_identifier("one")
location = multi_backend.location.get_location_from_uri_and_backend(place, "one", conf=conf)
with store.get_manager(location.store_location, None, allow_reauth=True) as manager:
    _, body = store._get_object(location.store_location, manager, start=3_000_001)
    assert b"".join(body) == big[3_000_001:]
gone("one", place)
ok("Swift: a download resumed by range")

token = swift_of("alice").get_auth()[1]
alice = SimpleNamespace(auth_token=token, service_catalog=[], user_id="", project_id="")
image, place = stored("each", small, len(small), alice)
bob = swift_of("bob")
bob.url, bob.token = f"{url}/v1/{account_of('alice')}", bob.get_auth()[1]
box = f"glance_{image}"
assert status_of(bob.get_object, box, image) == 403
multi_backend.set_acls_for_multi_store(
    place, "each", read_tenants=[users["bob"]["projectId"]], context=alice
)
assert bob.get_object(box, image)[1] == small
assert status_of(bob.put_object, box, image, b"x") == 403
multi_backend.set_acls_for_multi_store(place, "each", public=True, context=alice)
assert swift_of("images").get_auth() and bob.get_object(box, image)[1] == small
gone("each", place, alice)
assert status_of(swift_of("alice").head_container, box) == 404
ok("Swift: a container for each image, shared with projects")

for body in (small, big):
    image, place = stored("buckets", body, len(body))
    s3 = s3_of("images")
    part = s3.get_object(Bucket="glance-buckets", Key=image, Range="bytes=90000-90009")["Body"].read()
    assert part == body[90_000:90_010]
    gone("buckets", place)
ok("S3: images in one piece and in parts")

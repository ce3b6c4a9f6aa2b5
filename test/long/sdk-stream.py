"""openstacksdk with a large object in segments. It reads segments out of a file, several at once, so the body is put into one first."""

import os
import sys

import openstack

verb, container, key = sys.argv[1:4]
cloud = openstack.connect(
    auth_type="v1password",
    auth_url=os.environ["AUTH_URL"],
    username=os.environ["AUTH_USER"],
    password=os.environ["AUTH_KEY"],
)
if verb == "put":
    path, segment_bytes = sys.argv[4], int(sys.argv[5])
    with open(path, "wb") as file:
        while chunk := sys.stdin.buffer.read(1024 * 1024):
            file.write(chunk)
    cloud.create_container(container)
    cloud.create_object(container, key, filename=path, segment_size=segment_bytes, use_slo=True)
    # The sums that it noted are those of the file that is here: it would not be sent again.
    assert not cloud.is_object_stale(container, key, path)
    os.remove(path)
elif verb == "get":
    for chunk in cloud.stream_object(container, key, 1024 * 1024):
        sys.stdout.buffer.write(chunk)
else:
    assert cloud.delete_object(container, key)
    print([one.name for one in cloud.list_objects(container)])

"""openstacksdk: containers, objects, large objects, TempURLs, bulk deletion."""
import hashlib
import os

from cloud import fetch, folder, ok, sdk_of, url

me = sdk_of("sdk")
store = me.object_store

me.create_container("sdk")
assert [one.name for one in me.list_containers()] == ["sdk"]
store.set_container_metadata("sdk", color="blue")
assert store.get_container_metadata("sdk").metadata["color"] == "blue"
ok("containers")

me.create_object("sdk", "text/a", data=b"hello", **{"content-type": "text/plain"})
me.create_object("sdk", "text/b", data=b"world")
found = me.get_object("sdk", "text/a")
assert found[0]["content-type"] == "text/plain" and found[1] == "hello", found
assert sorted(one.name for one in me.list_objects("sdk", prefix="text/")) == ["text/a", "text/b"]
assert store.get_object_metadata("text/a", "sdk").etag == hashlib.md5(b"hello").hexdigest()
assert me.get_object("sdk", "nowhere") is None
ok("objects")

path = os.path.join(folder, "large")
body = os.urandom(11 * 1024 * 1024 + 7)
with open(path, "wb") as file:
    file.write(body)
for use_slo in (True, False):
    name = f"large-{use_slo}"
    me.create_object("sdk", name, filename=path, segment_size=4 * 1024 * 1024, use_slo=use_slo)
    back = os.path.join(folder, "large.back")
    me.get_object("sdk", name, outfile=back)
    with open(back, "rb") as file:
        assert file.read() == body
    found = store.get_object_metadata(name, "sdk")
    assert found.content_length == len(body), found
    assert found.metadata["x-sdk-md5"] == hashlib.md5(body).hexdigest(), found
    # The same file is not sent again.
    assert not me.is_object_stale("sdk", name, path)
ok("large objects")

store.set_account_temp_url_key("account-key")
store.set_container_temp_url_key("sdk", "container-key")
account = "/v1/" + store.get_endpoint().rsplit("/", 1)[1]
for key in ("account-key", "container-key"):
    signed = store.generate_temp_url(f"{account}/sdk/text/a", 60, "GET", temp_url_key=key)
    signed = signed.decode() if isinstance(signed, bytes) else signed
    assert fetch(signed)[2] == b"hello"
    assert fetch(signed.replace("/text/a", "/text/b"))[0] == 401
ok("TempURLs")

assert me.delete_object("sdk", "large-True")
assert me.delete_object("sdk", "large-False")
assert not me.delete_object("sdk", "large-True")
me.delete_object("sdk", "text/a")
me.delete_object("sdk", "text/b")
# A static large object leaves with its parts; the parts of a dynamic one are the client's to delete.
left = [one.name for one in me.list_objects("sdk")]
assert len(left) == 3 and all(name.startswith("large-False/") for name in left), left
for container in me.list_containers():
    for one in me.list_objects(container.name):
        me.delete_object(container.name, one.name)
    me.delete_container(container.name)
assert me.list_containers() == []
ok("deletion")

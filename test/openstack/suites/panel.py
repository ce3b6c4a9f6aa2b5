"""The object panel of Horizon: its calls, as it makes them with python-swiftclient."""
from cloud import account_of, fetch, ok, status_of, swift_of, url

me = swift_of("panel")
storage, token = me.get_auth()
own = {"X-Auth-Token": token}

assert "policies" in me.get_capabilities()["swift"]
assert me.get_account(limit=1001, marker=None, prefix=None)[1] == []
for name in ("one", "two", "three"):
    assert status_of(me.head_container, name) == 404
    me.put_container(name, headers={"X-Container-Read": ""})
headers, listed = me.get_account(limit=2)
assert [one["name"] for one in listed] == ["one", "three"], listed
assert headers["x-account-container-count"] == "3"
listed = me.get_account(limit=2, marker="three")[1]
assert [one["name"] for one in listed] == ["two"], listed
assert [one["name"] for one in me.get_account(prefix="t")[1]] == ["three", "two"]
found = me.head_container("one")
for name in ("x-timestamp", "x-container-object-count", "x-container-bytes-used", "x-storage-policy"):
    assert found.get(name), (name, found)
ok("containers")

me.put_object("one", "folder/", b"", content_type="application/pseudo-folder")
assert status_of(me.head_object, "one", "folder/") == 200
me.put_object(
    "one", "folder/a.txt", iter([b"he", b"llo"]), headers={"X-Object-Meta-Orig-Filename": "a.txt"}
)
me.put_object("one", "b.txt", b"b")
rows = me.get_container("one", limit=1001, prefix=None, marker=None, delimiter="/")[1]
assert [one.get("subdir") or one["name"] for one in rows] == ["b.txt", "folder/"], rows
rows = me.get_container("one", limit=1001, prefix="folder/", delimiter="/")[1]
assert [one["name"] for one in rows] == ["folder/", "folder/a.txt"], rows
found = me.head_object("one", "folder/a.txt")
assert found["x-object-meta-orig-filename"] == "a.txt" and found["x-timestamp"], found
found, body = me.get_object("one", "folder/a.txt", resp_chunk_size=3)
assert b"".join(body) == b"hello" and found["x-timestamp"]
me.put_object("two", "copy.txt", b"", headers={"X-Copy-From": "/one/folder/a.txt"}, content_length=0)
found, body = me.get_object("two", "copy.txt")
assert body == b"hello" and found["x-object-meta-orig-filename"] == "a.txt", found
ok("folders, uploads, copies")

# An object without a name is its container.
status, found, _ = fetch(f"{storage}/one/", "HEAD", own)
assert status == 204 and found["X-Container-Object-Count"] == "3", (status, found)
status, _, body = fetch(f"{storage}/one/?delimiter=/&limit=1001&format=json", headers=own)
assert status == 200 and b"b.txt" in body, (status, body)
ok("a container with a slash")

assert fetch(f"{url}/v1/{account_of('panel')}/one/b.txt")[0] == 401
me.post_container("one", headers={"X-Container-Read": ".r:*,.rlistings"})
assert fetch(f"{url}/v1/{account_of('panel')}/one/b.txt")[0] == 200
me.post_container("one", headers={"X-Container-Read": ""})
assert fetch(f"{url}/v1/{account_of('panel')}/one/b.txt")[0] == 401
ok("public and private again")

assert status_of(me.delete_container, "one") == 409
for name in ("folder/a.txt", "folder/", "b.txt"):
    me.delete_object("one", name)
me.delete_object("two", "copy.txt")
for name in ("one", "two", "three"):
    me.delete_container(name)
assert status_of(me.head_container, "one") == 404
assert me.get_account()[1] == []
ok("deletion")

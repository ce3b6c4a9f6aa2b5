"""What Zuul's log upload asks of the store, by openstacksdk: a public website of logs that expires."""
import gzip
import time
from concurrent.futures import ThreadPoolExecutor

from cloud import account_of, fetch, ok, sdk_of, url

me = sdk_of("zuul")
store = me.object_store
logs = f"{url}/v1/{account_of('zuul')}/logs_00"

# A container is made public, a website, and open to other sites' scripts.
assert me.get_container("logs_00") is None
me.create_container("logs_00", public=True)
headers = {
    "X-Container-Meta-Web-Index": "index.html",
    "X-Container-Meta-Web-Listings": "true",
    "X-Container-Meta-Access-Control-Allow-Origin": "*",
}
assert store.post("logs_00", headers=headers).status_code == 204
found = me.get_container("logs_00")
assert found.read_ACL == ".r:*,.rlistings", found
ok("a public container")

text = b"2026-01-01 | line of a log\n" * 5000
packed = gzip.compress(text)


def pieces():
    """No length is said: chunks on the wire."""
    for start in range(0, len(packed), 100):
        yield packed[start : start + 100]


def upload(place):
    target = f"logs_00/build/{place:03}/job-output.txt"
    sent = {"Content-Type": "text/plain", "Content-Encoding": "gzip", "X-Delete-After": "15552000"}
    return store.put(target, headers=sent, data=pieces()).status_code


with ThreadPoolExecutor(24) as pool:
    assert set(pool.map(upload, range(48))) == {201}
page = b"<html>the build</html>"
html = {"Content-Type": "text/html", "X-Delete-After": "15552000"}
assert store.put("logs_00/build/index.html", headers=html, data=page).status_code == 201
brief = {"Content-Type": "text/plain", "X-Delete-After": "2"}
assert store.put("logs_00/brief.txt", headers=brief, data=b"soon gone").status_code == 201
listed = me.list_objects("logs_00", prefix="build/")
assert len(listed) == 49, len(listed)
ok("uploads by 24 threads")

status, found, body = fetch(f"{logs}/build/007/job-output.txt")
assert status == 200 and found["Content-Encoding"] == "gzip" and body == packed, (status, found)
assert found["Content-Type"] == "text/plain"
left = int(found["X-Delete-At"]) - time.time()
assert 15_551_000 < left <= 15_552_001, left
status, _, body = fetch(f"{logs}/build/")
assert (status, body) == (200, page), status
status, _, body = fetch(f"{logs}/build/007/")
assert status == 200 and b"job-output.txt" in body, (status, body)
ok("strangers read pages, listings and packed logs")

origin = {"Origin": "https://zuul.example.org"}
status, found, _ = fetch(f"{logs}/build/index.html", headers=origin)
assert (status, found["Access-Control-Allow-Origin"]) == (200, "*"), found
asked = {**origin, "Access-Control-Request-Method": "GET"}
status, found, _ = fetch(f"{logs}/build/index.html", "OPTIONS", asked)
assert status == 200 and "GET" in found["Access-Control-Allow-Methods"], (status, found)
ok("scripts of other sites")

end = time.time() + 60
while fetch(f"{logs}/brief.txt")[0] != 404:
    assert time.time() < end
    time.sleep(0.2)
ok("what expires is gone")

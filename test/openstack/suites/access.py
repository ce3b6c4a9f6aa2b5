"""Who may do what: projects, roles, ACLs, readers, services."""
from cloud import account_of, fetch, ok, status_of, swift_of, url, users

alice, bob, carol, dave, erin = (swift_of(name) for name in ("alice", "bob", "carol", "dave", "erin"))
home = f"{url}/v1/{account_of('alice')}"
for one in (alice, bob, carol, dave, erin):
    one.get_auth()


def at_home(connection):
    """The same user, at the account of alice's project."""
    connection.url = home
    return connection


for one in (bob, carol, dave, erin):
    at_home(one)

alice.put_container("box")
alice.put_object("box", "o", b"hello")


def may(connection, read=None, write=None, listing=None):
    """Statuses of GET and PUT of an object, and of a listing."""
    found = {}
    if read is not None:
        found["read"] = (status_of(connection.get_object, "box", "o"), read)
    if write is not None:
        found["write"] = (status_of(connection.put_object, "box", "w", b"x"), write)
    if listing is not None:
        found["listing"] = (status_of(connection.get_container, "box"), listing)
    for what, (was, wanted) in found.items():
        assert was == wanted, (what, was, wanted)


def acl(read="", write=""):
    alice.post_container("box", {"X-Container-Read": read, "X-Container-Write": write})


may(bob, 403, 403, 403)
assert status_of(bob.head_account) == 403
assert fetch(f"{home}/box/o")[0] == 401
challenges = fetch(f"{home}/box/o")[1].get_all("WWW-Authenticate")
assert any(one.startswith("Keystone uri=") for one in challenges), challenges
assert fetch(f"{home}/box/o", headers={"X-Auth-Token": "nonsense"})[0] == 401
ok("strangers")

other = users["bob"]
for form in (
    f"{other['projectId']}:{other['userId']}",
    f"{other['project']}:{other['name']}",
    f"{other['projectId']}:*",
    f"*:{other['userId']}",
    "*:*",
):
    acl(read=form)
    may(bob, 200, 403, 200)
    acl(write=form)
    may(bob, 403, 200, 403)
acl(read=f"{other['projectId']}:{users['alice']['userId']}")
may(bob, 403, 403, 403)
ok("ACLs of projects and users")

# Names mean the default domain; users of other domains are named by ids.
branch = users["erin"]
acl(read=f"{branch['project']}:{branch['name']}")
may(erin, 403)
acl(read=f"{branch['projectId']}:{branch['userId']}")
may(erin, 200)
ok("ACLs across domains")

acl()
may(dave, 403, 403, 403)
acl(read="helper", write="helper")
may(dave, 200, 200, 200)
may(bob, 403, 403, 403)
ok("ACLs of roles")

acl()
may(carol, 200, 403, 200)
assert status_of(carol.head_account) == 200
assert status_of(carol.post_account, {"X-Account-Meta-A": "b"}) == 403
audit = at_home(swift_of("audit"))
audit.get_auth()
audit.url = home
may(audit, 200, 403, 200)
ok("readers of a project and of all")

boss = swift_of("boss")
boss.get_auth()
boss.url = home
may(boss, 200, 200, 200)
boss.put_container("bosses")
boss.delete_container("bosses")
ok("ResellerAdmin")

acl(read=".r:*")
assert fetch(f"{home}/box/o")[2] == b"hello"
assert fetch(f"{home}/box/o", headers={"X-Auth-Token": "nonsense"})[2] == b"hello"
assert fetch(f"{home}/box")[0] == 401
acl(read=".r:*,.rlistings")
assert fetch(f"{home}/box")[0] == 200
acl(read=".r:.example.com,.r:-bad.example.com")
assert fetch(f"{home}/box/o", headers={"Referer": "http://a.example.com/"})[0] == 200
assert fetch(f"{home}/box/o", headers={"Referer": "http://bad.example.com/"})[0] == 401
ok("public containers")

# A service keeps its users' data where they cannot go without it.
images = f"{url}/v1/{account_of('alice', 'SERVICE_')}/box"
token = alice.get_auth()[1]
service = swift_of("glance").get_auth()[1]
own, both = {"X-Auth-Token": token}, {"X-Auth-Token": token, "X-Service-Token": service}
assert fetch(images, "PUT", own)[0] == 403
assert fetch(images, "PUT", both)[0] == 201
assert fetch(f"{images}/i", "PUT", both, b"image")[0] == 201
assert fetch(f"{images}/i", headers=both)[2] == b"image"
assert fetch(f"{images}/i", headers=own)[0] == 403
assert fetch(f"{images}/i", headers={"X-Auth-Token": service})[0] == 403
assert fetch(f"{images}/i", headers={"X-Auth-Token": token, "X-Service-Token": token})[0] == 403
stranger = {"X-Auth-Token": bob.get_auth()[1], "X-Service-Token": service}
assert fetch(f"{images}/i", headers=stranger)[0] == 403
ok("service tokens")

"""rclone, restic and duplicity over Swift: a backup, changes, another, a prune, a restore compared byte by byte."""
import os
import random
import shutil
import subprocess

from cloud import folder, keystone, ok, swift_of, users

user = users["backups"]
swift = swift_of("backups")
home = os.path.join(folder, "backups")
os.makedirs(home, exist_ok=True)
environment = {
    **os.environ,
    "HOME": home,
    "OS_AUTH_URL": keystone,
    "OS_IDENTITY_API_VERSION": "3",
    "OS_AUTH_VERSION": "3",
    "OS_USERNAME": user["name"],
    "OS_PASSWORD": user["password"],
    "OS_PROJECT_NAME": user["project"],
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_PROJECT_DOMAIN_NAME": "Default",
    "OS_REGION_NAME": "RegionOne",
    "RESTIC_PASSWORD": "restic-secret",
    "RCLONE_CONFIG": os.path.join(home, "rclone.conf"),
    "RCLONE_CONFIG_TORC_TYPE": "swift",
    "RCLONE_CONFIG_TORC_ENV_AUTH": "true",
    "SWIFT_AUTHURL": keystone,
    "SWIFT_AUTHVERSION": "3",
    "SWIFT_USERNAME": user["name"],
    "SWIFT_PASSWORD": user["password"],
    "SWIFT_TENANTNAME": user["project"],
    "SWIFT_USER_DOMAIN_NAME": "Default",
    "SWIFT_PROJECT_DOMAIN_NAME": "Default",
}


def run(*command):
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
    return done.stdout


def tree_of(name):
    """Every file below, with what is in it."""
    root = os.path.join(home, name)
    found = {}
    for place, _, files in os.walk(root):
        for file in files:
            path = os.path.join(place, file)
            with open(path, "rb") as opened:
                found[os.path.relpath(path, root)] = opened.read()
    return found


def write(name, body):
    path = os.path.join(home, "tree", name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(body)


def first_tree():
    shutil.rmtree(os.path.join(home, "tree"), ignore_errors=True)
    write("large", random.randbytes(9_000_000))
    write("empty", b"")
    for number in range(60):
        write(f"sub {number % 5}/ü-{number}", random.randbytes(1000 + number))


def second_tree():
    write("sub 0/ü-0", b"changed")
    write("sub 9/new", random.randbytes(70_000))
    os.remove(os.path.join(home, "tree", "sub 1/ü-1"))


def count(container):
    return len(swift.get_container(container, full_listing=True)[1])


tree, back = os.path.join(home, "tree"), os.path.join(home, "back")


def anew():
    shutil.rmtree(back, ignore_errors=True)


# Objects over 4 MiB go up in segments, here as dynamic large objects.
first_tree()
sync = ("rclone", "sync", "--swift-chunk-size", "4Mi", tree, "torc:rclone/a")
run(*sync)
second_tree()
run(*sync)
run("rclone", "check", "--download", tree, "torc:rclone/a")
run("rclone", "sync", "torc:rclone/a", back)
assert tree_of("back") == tree_of("tree")
listed = run("rclone", "lsf", "-R", "--files-only", "torc:rclone/a").splitlines()
assert sorted(listed) == sorted(tree_of("tree")), listed
run("rclone", "moveto", "torc:rclone/a/large", "torc:rclone/b/moved")
assert swift.get_object("rclone", "b/moved")[1] == tree_of("tree")["large"]
run("rclone", "purge", "torc:rclone")
ok("rclone: sync, check, move, purge")

anew()
first_tree()
before = tree_of("tree")
restic = ("restic", "--no-cache", "--quiet", "-r", "swift:restic:/repo")
run(*restic, "init")
run(*restic, "backup", tree)
second_tree()
run(*restic, "backup", tree)
run(*restic, "check", "--read-data")
run(*restic, "restore", "latest", "--target", back)
assert tree_of("back" + tree) == tree_of("tree")
full = count("restic")
run(*restic, "forget", "--keep-last", "1", "--prune")
run(*restic, "check", "--read-data")
assert len(run("restic", "--no-cache", "-r", "swift:restic:/repo", "list", "snapshots").split()) == 1
anew()
run(*restic, "restore", "latest", "--target", back)
assert tree_of("back" + tree) == tree_of("tree")
ok("restic: backups, check, prune, restore")

anew()
first_tree()
duplicity = ("duplicity", "--no-encryption", "--volsize", "2", "--archive-dir", os.path.join(home, "cache"))
run(*duplicity, "full", tree, "swift://duplicity")
second_tree()
run(*duplicity, "incremental", tree, "swift://duplicity")
run(*duplicity, "verify", "--compare-data", "swift://duplicity", tree)
run(*duplicity, "restore", "swift://duplicity", back)
assert tree_of("back") == tree_of("tree")
run(*duplicity, "full", tree, "swift://duplicity")
two = count("duplicity")
run(*duplicity, "remove-all-but-n-full", "1", "--force", "swift://duplicity")
assert 0 < count("duplicity") < two
anew()
run(*duplicity, "restore", "swift://duplicity", back)
assert tree_of("back") == tree_of("tree")
ok("duplicity: full, incremental, verify, prune, restore")

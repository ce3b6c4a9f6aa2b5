"""A whole cluster of OpenStack Swift, as Debian has it, on one device in one folder.

Run by the system's Python, which Debian's packages belong to:
    real-swift.py FOLDER URL CLUSTERS
URL is where its proxy listens. CLUSTERS is JSON of a realm: {"name", "key", "clusters": {name: endpoint}}.
Prints `ready` when it answers; ends, and takes its servers with it, when its input does.
"""
import json
import os
import pwd
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.parse import urlsplit

KINDS = ("account", "container", "object")
FILTERS = ("catch_errors", "gatekeeper", "healthcheck", "cache", "container_sync", "tempauth", "copy", "slo", "dlo")


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def write(folder, name, sections):
    with open(os.path.join(folder, name), "w") as file:
        for section, settings in sections.items():
            file.write(f"[{section}]\n")
            file.writelines(f"{key} = {value}\n" for key, value in settings.items())


def filters():
    entries = {"cache": "memcache"}
    made = {f"filter:{one}": {"use": f"egg:swift#{entries.get(one, one)}"} for one in FILTERS}
    made["filter:tempauth"]["user_acme_boss"] = "secret-of-boss .admin"
    return made


def settings(folder, url, realm, ports):
    """Every file that the servers read."""
    write(folder, "swift.conf", {"swift-hash": {"swift_hash_path_suffix": "a", "swift_hash_path_prefix": "b"}})
    endpoints = {f"cluster_{name}": f"{where}/" for name, where in realm["clusters"].items()}
    write(folder, "container-sync-realms.conf", {realm["name"]: {"key": realm["key"], **endpoints}})
    base = {
        **{"bind_ip": "127.0.0.1", "user": pwd.getpwuid(os.getuid()).pw_name, "workers": 0},
        **{"swift_dir": folder, "devices": os.path.join(folder, "devices"), "mount_check": "false"},
    }
    for kind in KINDS:
        app = {"pipeline:main": {"pipeline": kind}, f"app:{kind}": {"use": f"egg:swift#{kind}"}}
        write(folder, f"{kind}.conf", {"DEFAULT": {**base, "bind_port": ports[kind]}, **app})
    whole = {**filters(), "app:proxy-server": {"use": "egg:swift#proxy", "account_autocreate": "true"}}
    whole["filter:cache"]["memcache_servers"] = f"127.0.0.1:{ports['memcached']}"
    proxy = {**base, "bind_port": urlsplit(url).port}
    write(folder, "proxy.conf", {
        "DEFAULT": proxy, "pipeline:main": {"pipeline": " ".join([*FILTERS, "proxy-server"])}, **whole,
    })
    inner = {"pipeline": "catch_errors cache proxy-server"}
    write(folder, "internal-client.conf", {"DEFAULT": proxy, "pipeline:main": inner, **whole})
    sync = {"interval": 1, "internal_client_conf_path": os.path.join(folder, "internal-client.conf")}
    write(folder, "container-sync.conf", {
        "DEFAULT": {**base, "bind_port": ports["container"]}, "container-sync": sync,
    })


def rings(folder, ports):
    from swift.common.ring import RingBuilder

    os.makedirs(os.path.join(folder, "devices", "d1"))
    for kind in KINDS:
        builder = RingBuilder(4, 1, 1)
        builder.add_dev({
            **{"id": 0, "region": 1, "zone": 1, "ip": "127.0.0.1", "port": ports[kind], "device": "d1"},
            **{"weight": 1.0, "replication_ip": "127.0.0.1", "replication_port": ports[kind]},
        })
        builder.rebalance()
        builder.get_ring().save(os.path.join(folder, f"{kind}.ring.gz"))


def serve(folder, what):
    """In a process of its own: one of Swift's servers or daemons."""
    import swift.common.utils

    # The file of the machine's own cluster is not ours.
    swift.common.utils.SWIFT_CONF_FILE = os.path.join(folder, "swift.conf")
    file = os.path.join(folder, f"{what}.conf")
    if what == "container-sync":
        from swift.common.daemon import run_daemon
        from swift.container.sync import ContainerSync

        return run_daemon(ContainerSync, file)
    from swift.common.wsgi import run_wsgi

    sys.exit(run_wsgi(file, "proxy-server" if what == "proxy" else what))


def answers(url):
    try:
        return urllib.request.urlopen(f"{url}/healthcheck", timeout=5).status == 200
    except OSError:
        return False


def main(folder, url, realm):
    ports = {name: free_port() for name in (*KINDS, "memcached")}
    settings(folder, url, json.loads(realm), ports)
    user = pwd.getpwuid(os.getuid()).pw_name
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    children = [subprocess.Popen(["memcached", "-l", "127.0.0.1", "-p", str(ports["memcached"]), "-u", user])]
    try:
        rings(folder, ports)
        for what in (*KINDS, "proxy", "container-sync"):
            children.append(subprocess.Popen([sys.executable, __file__, "--serve", folder, what]))
        end = time.time() + 300
        while not answers(url):
            assert time.time() < end and all(one.poll() is None for one in children), "Swift did not start"
            time.sleep(0.2)
        print("ready", flush=True)
        sys.stdin.read()
    finally:
        for one in children:
            one.kill()


if sys.argv[1] == "--serve":
    serve(*sys.argv[2:])
else:
    main(*sys.argv[1:])

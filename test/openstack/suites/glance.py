"""Glance's API itself, over both doors: images of one piece and of many go up, come back and go away."""
import hashlib
import io
import os
import signal
import socket
import subprocess
import sys
import time

import glanceclient
from keystoneauth1 import session
from keystoneauth1.identity import v3

from cloud import domain_of, fetch, folder, keystone, ok, s3_of, swift_of, url, users

home = os.path.join(folder, "glance")
for name in ("staging", "tasks"):
    os.makedirs(os.path.join(home, name))
with socket.create_server(("127.0.0.1", 0)) as probe:
    port = probe.getsockname()[1]
service, owner = users["glance"], users["images"]
paste = os.path.join(sys.prefix, "etc", "glance", "glance-api-paste.ini")
settings = f"""[DEFAULT]
log_file = {home}/api.log
enabled_backends = torc:swift, buckets:s3
[os_glance_staging_store]
filesystem_store_datadir = {home}/staging
[os_glance_tasks_store]
filesystem_store_datadir = {home}/tasks
[database]
connection = sqlite:///{home}/glance.db
[glance_store]
default_backend = torc
[torc]
swift_store_config_file = {home}/glance-swift.conf
default_swift_reference = torc
swift_store_container = glance-api
swift_store_create_container_on_put = True
swift_store_large_object_size = 5
swift_store_large_object_chunk_size = 2
[buckets]
s3_store_host = {url}
s3_store_access_key = {owner['ec2']['access']}
s3_store_secret_key = {owner['ec2']['secret']}
s3_store_bucket = glance-api-buckets
s3_store_create_bucket_on_put = True
s3_store_bucket_url_format = path
s3_store_region_name = us-east-1
[keystone_authtoken]
www_authenticate_uri = {keystone}
auth_url = {keystone}
auth_type = password
username = {service['name']}
password = {service['password']}
project_name = {service['project']}
user_domain_id = default
project_domain_id = default
[paste_deploy]
flavor = keystone
config_file = {paste}
"""
reference = f"""[torc]
user = {owner['project']}:{owner['name']}
key = {owner['password']}
auth_version = 3
auth_address = {keystone}
user_domain_id = {domain_of('images')}
project_domain_id = {domain_of('images')}
"""
for name, text in (("glance-api.conf", settings), ("glance-swift.conf", reference)):
    with open(os.path.join(home, name), "w") as file:
        file.write(text)


def tool(name):
    return os.path.join(os.path.dirname(sys.executable), name)


def started():
    command = [tool("glance-manage"), "--config-file", f"{home}/glance-api.conf", "db_sync"]
    subprocess.run(command, check=True, capture_output=True)
    command = [tool("gunicorn"), "-b", f"127.0.0.1:{port}", "--threads", "4", "--timeout", "600"]
    environment = {**os.environ, "OS_GLANCE_CONFIG_DIR": home}
    with open(os.path.join(home, "server.log"), "w") as log:
        server = subprocess.Popen(
            [*command, "glance.wsgi.api:application"], env=environment, stdout=log, stderr=log
        )
    return server


def await_answers(server):
    end = time.time() + 240
    while time.time() < end and server.poll() is None:
        try:
            return fetch(f"http://127.0.0.1:{port}/")
        except OSError:
            time.sleep(0.3)
    with open(os.path.join(home, "server.log")) as log:
        raise AssertionError(log.read())


def drive():
    alice = users["alice"]
    password = v3.Password(
        auth_url=keystone,
        username=alice["name"],
        password=alice["password"],
        project_name=alice["project"],
        user_domain_id="default",
        project_domain_id="default",
    )
    images = glanceclient.Client(
        "2", session=session.Session(password), endpoint_override=f"http://127.0.0.1:{port}"
    ).images
    for backend in ("torc", "buckets"):
        for body in (os.urandom(100_003), os.urandom(11_000_003)):
            image = images.create(name="disk", disk_format="raw", container_format="bare").id
            images.upload(image, io.BytesIO(body), backend=backend)
            found = images.get(image)
            assert (found.status, found.size) == ("active", len(body)), found
            assert found.checksum == hashlib.md5(body).hexdigest(), found
            assert b"".join(images.data(image)) == body
            images.delete(image)
        ok(f"images in {backend}")
    assert swift_of("images").get_container("glance-api")[1] == []
    assert "Contents" not in s3_of("images").list_objects_v2(Bucket="glance-api-buckets")
    ok("nothing is left")


server = started()
try:
    await_answers(server)
    drive()
finally:
    server.send_signal(signal.SIGTERM)
    server.wait(60)

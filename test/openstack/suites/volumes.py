"""Cinder's backup driver for Swift: a full backup, incremental ones on top, restored byte by byte."""
import os
import random
import uuid

from cinder import context, objects, rpc
from cinder.backup.drivers import swift as driver
from cinder.db import api, migration
from oslo_config import cfg

from cloud import folder, keystone, ok, swift_of, url, users

user = users["volumes"]
swift = swift_of("volumes")
# As an operator writes it, but for the small chunks.
settings = f"""[DEFAULT]
transport_url = fake://
backup_swift_url = {url}/v1/AUTH_
backup_swift_auth = single_user
backup_swift_auth_url = {keystone}
backup_swift_auth_version = 3
backup_swift_user = {user['name']}
backup_swift_key = {user['password']}
backup_swift_project = {user['project']}
backup_swift_user_domain = Default
backup_swift_project_domain = Default
backup_swift_object_size = 1048576
backup_swift_block_size = 32768
backup_swift_retry_attempts = 1
[database]
connection = sqlite:///{folder}/cinder.db
"""
with open(os.path.join(folder, "cinder.conf"), "w") as file:
    file.write(settings)
conf = cfg.CONF
conf(["--config-file", os.path.join(folder, "cinder.conf")], project="cinder")
rpc.init(conf)
objects.register_all()
migration.db_sync()
me = context.RequestContext(str(uuid.uuid4()), user["projectId"], is_admin=True)
kind = api.volume_type_create(me, {"name": "plain", "extra_specs": {}})
volume = objects.Volume(
    me, size=1, status="backing-up", display_name="disk", volume_type_id=kind["id"]
)
volume.create()


class Volume:
    """What the disk holds; its middle is changed between backups."""

    def __init__(self):
        self.body = bytearray(random.randbytes(6_000_000))
        self.path = os.path.join(folder, "disk")

    def opened(self):
        with open(self.path, "wb") as file:
            file.write(self.body)
        return open(self.path, "rb")


def backed_up(body, parent=None):
    """A backup, and the names of its objects."""
    made = objects.Backup(
        me,
        user_id=me.user_id,
        project_id=me.project_id,
        volume_id=volume.id,
        size=1,
        status="creating",
        container="volumebackups",
        parent_id=parent and parent.id,
    )
    made.create()
    with body.opened() as file:
        driver.SwiftBackupDriver(me).backup(made, file)
    made.status = "available"
    made.save()
    return made, driver.SwiftBackupDriver(me)._generate_object_names(made)


def restored(backup):
    path = os.path.join(folder, "disk.back")
    backup.status = "restoring"
    backup.save()
    with open(path, "w+b") as file:
        driver.SwiftBackupDriver(me).restore(backup, volume.id, file, True)
    with open(path, "rb") as file:
        return file.read()


driver.SwiftBackupDriver(me).check_for_setup_error()
disk = Volume()
first_body = bytes(disk.body)
first, names = backed_up(disk)
# Six chunks, what they are, and the hashes of their blocks.
assert len(names) == 8, names
assert restored(first) == first_body
ok("a full backup and its restoration")

disk.body[2_000_000:2_000_100] = random.randbytes(100)
disk.body[5_000_000:5_000_100] = bytes(100)
second_body = bytes(disk.body)
second, names = backed_up(disk, first)
assert len(names) == 4, names
sent = sum(int(swift.head_object("volumebackups", one)["content-length"]) for one in names)
assert sent < 200_000, sent
disk.body[0:10] = bytes(10)
third, _ = backed_up(disk, second)
assert restored(third) == bytes(disk.body)
assert restored(second) == second_body
assert restored(first) == first_body
ok("incremental backups, each restored")

for backup in (third, second, first):
    driver.SwiftBackupDriver(me).delete_backup(backup)
assert swift.get_container("volumebackups")[1] == []
swift.delete_container("volumebackups")
ok("backups are deleted")

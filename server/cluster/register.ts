/** Tells the cluster map of this node's devices that it does not know yet. */
import { toHex } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import { deviceId } from '../../base/units.ts';
import { openSuperblock } from '../../storage/device/superblock.ts';
import type { DeviceState } from '../../storage/shard/coordinator.ts';
import { type DeviceFolder, initialiseFolder } from '../cell/open-device.ts';
import type { MapCoordinator } from '../coordinator/map-coordinator.ts';
import type { Machine } from './join.ts';
import type { NodeFile } from './node-folder.ts';

/**
 * Every configured folder becomes a device of this node: new ones get a number and an identity, first in the map, then
 * in the folder, so that a start that dies can be repeated. They serve from when a ring names them. Throws
 * `invalid-argument` for a folder of another cluster.
 */
export async function registerDevices(
  coordinator: MapCoordinator,
  node: NodeFile,
  folders: readonly DeviceFolder[],
  machine: Pick<Machine, 'clock' | 'random'>,
): Promise<void> {
  for (const folder of folders) {
    const found = await openSuperblock(folder.disk);
    if (found.state === 'ok' && found.superblock.clusterId !== node.clusterId) {
      const sentence = `${folder.path} holds a device of another cluster`;
      throw new StoreError('invalid-argument', 'cluster.register', sentence);
    }
    if (found.state !== 'missing') continue;
    const known =
      knownAt(coordinator, node, folder) ?? (await add(coordinator, node, folder, machine));
    // A device that has served is only ever replaced on purpose.
    if (known.status !== 'new') continue;
    const { clusterId } = node;
    await initialiseFolder(folder, { clusterId, device: known, now: machine.clock.now() });
  }
}

function knownAt(
  coordinator: MapCoordinator,
  { name }: NodeFile,
  { path }: DeviceFolder,
): DeviceState | undefined {
  const { devices } = coordinator.current();
  return devices.find((device) => device.node === name && device.path === path);
}

async function add(
  coordinator: MapCoordinator,
  { name, region, zone }: NodeFile,
  { path }: DeviceFolder,
  { random }: Pick<Machine, 'random'>,
): Promise<DeviceState> {
  const uuid = toHex(random.bytes(16));
  const map = await coordinator.addDevice((last) => {
    const id = deviceId(last + 1);
    return { id, uuid, region, zone, node: name, path, weight: 0, status: 'new' };
  });
  const added = map.devices.find((device) => device.uuid === uuid);
  if (added !== undefined) return added;
  throw new StoreError('internal', 'cluster.register', `the device at ${path} is not in the map`);
}

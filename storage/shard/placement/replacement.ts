/** Which device takes over a replica whose own device stays away. Pure. */
import type { DeviceId } from '../../../base/units.ts';
import type { ClusterMap, DeviceState } from '../coordinator.ts';
import type { ShardState } from '../shard.ts';

/** A device that shares a zone or a node with another replica only serves when nothing better is there. */
function overlap(device: DeviceState, others: readonly DeviceState[]): number {
  const zone = others.filter(
    (other) => other.region === device.region && other.zone === device.zone,
  );
  const node = zone.filter((other) => other.node === device.node);
  return zone.length + node.length;
}

/**
 * The device for the replica that `gone` held: healthy, without a replica of this shard, in another
 * zone and node than the others where that can be, and with the fewest replicas for its weight.
 * Undefined when there is none.
 */
export function chooseReplacement(
  map: ClusterMap,
  shard: ShardState,
  gone: DeviceId,
  healthy: (device: DeviceId) => boolean,
): DeviceId | undefined {
  const others = map.devices.filter(
    (device) => device.id !== gone && shard.replicas.includes(device.id),
  );
  const load = new Map<DeviceId, number>();
  for (const { replicas } of map.shards) {
    for (const device of replicas) load.set(device, (load.get(device) ?? 0) + 1);
  }
  const free = map.devices.filter(
    (device) => device.weight > 0 && !shard.replicas.includes(device.id) && healthy(device.id),
  );
  const burden = (device: DeviceState): number => (load.get(device.id) ?? 0) / device.weight;
  const [best] = free.toSorted(
    (a, b) => overlap(a, others) - overlap(b, others) || burden(a) - burden(b) || a.id - b.id,
  );
  return best?.id;
}

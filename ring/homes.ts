import { invariant } from '../base/invariant.ts';
import type { DeviceId, Partition } from '../base/units.ts';
import { maxPartitionPower } from './builder.ts';
import type { Homes, Ring, RingDevice } from './ring.ts';
import { tieDraw } from './tie-hash.ts';

/** The devices that are home to a partition's fragments: place i holds fragment i. */
export const homes: Homes = (ring, partition) =>
  homeDevices(ring, partition).map((device) => device.id);

function homeDevices(ring: Ring, partition: Partition): readonly RingDevice[] {
  return ring.assignment.map((row) => {
    const device = ring.devices[row[partition] ?? -1];
    invariant(device !== undefined, 'every fragment of every partition has a home');
    return device;
  });
}

/**
 * Stand-ins for homes that are away, best first, lazily: devices in regions that neither a home nor
 * an earlier handoff is in, then so for zones, then nodes, then all others. Within each, an order
 * of the partition's own in which a device comes early in proportion to its weight, so that the load
 * of one lost device spreads over all. Drained devices (weight 0) are none.
 */
export function* handoffs(ring: Ring, partition: Partition): Generator<DeviceId, void, undefined> {
  const used = new Set<string>();
  const taken = new Set<DeviceId>();
  const take = (device: RingDevice) => {
    taken.add(device.id);
    for (const domain of domainsOf(device)) used.add(domain);
  };
  for (const home of homeDevices(ring, partition)) take(home);
  // Exponential race: the smallest of -ln(draw) / weight wins with probability of its weight.
  const ranked = ring.devices
    .filter((device) => device.weight > 0 && !taken.has(device.id))
    .map((device) => ({
      device,
      rank: -Math.log(1 - tieDraw(partition, device.id, 4)) / device.weight,
    }))
    .sort((a, b) => a.rank - b.rank || a.device.id - b.device.id);
  for (const level of [0, 1, 2, undefined]) {
    for (const { device } of ranked) {
      const domain = level === undefined ? undefined : domainsOf(device)[level];
      if (taken.has(device.id) || (domain !== undefined && used.has(domain))) continue;
      take(device);
      yield device.id;
    }
  }
}

/** Region, zone and node, each named from the region down. */
function domainsOf({ region, zone, node }: RingDevice): readonly string[] {
  return [[region], [region, zone], [region, zone, node]].map((path) => JSON.stringify(path));
}

const partitionsPerDevice = 256;
const minPower = 8;

/**
 * The partition power for a new ring: at least 256 partitions a device, from 2^8 to 2^20. It counts
 * a partition once, not once a fragment: a ring cannot change its power, so one of width n starts
 * with n times what balance needs and stays balanced when the cluster has grown n-fold.
 */
export function partitionPowerFor(deviceCount: number): number {
  invariant(deviceCount >= 1, 'a ring has devices');
  const power = Math.ceil(Math.log2(deviceCount * partitionsPerDevice));
  return Math.min(maxPartitionPower, Math.max(minPower, power));
}

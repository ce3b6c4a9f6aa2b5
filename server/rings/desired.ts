/** What rings should be, from what the map says of devices. Pure. */
import type { DeviceId } from '../../base/units.ts';
import type { Ring, RingDevice } from '../../ring/ring.ts';
import type { ClusterMap, DeviceState } from '../../storage/shard/coordinator.ts';

/** Undefined when the ring has the devices that it should have, or could not be without. */
export function desiredDevices(
  ring: Ring,
  { devices }: ClusterMap,
): readonly RingDevice[] | undefined {
  const listed = new Map<DeviceId, RingDevice>(ring.devices.map((device) => [device.id, device]));
  // A device that holds nothing, and never did, need not be in a ring.
  const wanted = devices
    .filter(({ id, weight, isLeaving }) => isLeaving !== true && (weight > 0 || listed.has(id)))
    .map(ringDeviceOf);
  const weighted = wanted.filter(({ weight }) => weight > 0).length;
  if (weighted < ring.width) return undefined;
  const isSame =
    wanted.length === ring.devices.length &&
    wanted.every((device) => isSameDevice(device, listed.get(device.id)));
  return isSame ? undefined : wanted;
}

export function ringDeviceOf({ id, region, zone, node, weight }: DeviceState): RingDevice {
  return { id, region, zone, node, weight };
}

function isSameDevice(a: RingDevice, b: RingDevice | undefined): boolean {
  return a.weight === b?.weight && a.region === b.region && a.zone === b.zone && a.node === b.node;
}

/** Whether nothing of the cluster lies on the device, by rings and replicas. */
export function isBare(id: DeviceId, rings: readonly Ring[], { shards }: ClusterMap): boolean {
  return (
    rings.every((ring) => ring.devices.every((device) => device.id !== id)) &&
    shards.every(({ replicas }) => !replicas.includes(id))
  );
}

import { expect, it } from 'vitest';
import { deviceId } from '../../../base/units.ts';
import { servedDevices, watchServedDevices } from '../../../server/cell/served-devices.ts';
import type { ClusterMap, Coordinator, DeviceState } from '../../../storage/shard/coordinator.ts';

const device = (id: number, uuid = `${id}`): DeviceState => ({
  ...{ id: deviceId(id), uuid, region: 'r', zone: 'z', node: `n${id}`, path: '/d', weight: 1 },
  status: 'up',
});

function mapOf(devices: readonly DeviceState[], ...served: readonly number[][]): ClusterMap {
  return {
    ...{ format: 1, clusterId: '', version: 1, policies: [], defaultPolicy: '', shards: [] },
    devices,
    sessions: served.map((ids, place) => ({
      ...{ id: `s${place}`, node: `n${place}`, instance: '', address: '' },
      devices: ids.map(deviceId),
    })),
  };
}

it('a single machine names none', () => {
  const { sessions: _, ...map } = mapOf([device(1)]);
  expect(servedDevices(map)).toBeUndefined();
});

/** Found by test/cluster: only the machine of a replaced disk looked for what was missing on it. */
it('tells of devices that come, go, or are made anew, on whichever machine; of nothing else', () => {
  let map = mapOf([device(1), device(2)], [1], [2]);
  let listener: (map: ClusterMap) => void = () => undefined;
  const coordinator: Pick<Coordinator, 'current' | 'watch'> = {
    current: () => map,
    watch: (given) => {
      listener = given;
      return () => undefined;
    },
  };
  let changes = 0;
  watchServedDevices(coordinator, () => {
    changes++;
  });
  const become = (next: ClusterMap): number => {
    map = next;
    listener(map);
    return changes;
  };
  expect(become({ ...map, version: 2 })).toBe(0);
  // A node is started again, as if nothing were.
  expect(become(mapOf(map.devices, [2], [1]))).toBe(0);
  expect(become(mapOf(map.devices, [1]))).toBe(1);
  expect(become(mapOf(map.devices, [1], [2]))).toBe(2);
  expect(become(mapOf([device(1), device(2, 'new')], [1], [2]))).toBe(3);
});

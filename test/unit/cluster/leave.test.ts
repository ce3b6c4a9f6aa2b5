import { expect, it } from 'vitest';
import { deviceId } from '../../../base/units.ts';
import { removeNode } from '../../../server/cluster/leave.ts';
import type { ClusterMap } from '../../../storage/shard/coordinator.ts';

const node = (name: string) => ({ name, address: `${name}:7443`, region: 'r1', zone: 'z1' });

const map: ClusterMap = {
  ...{ format: 1, clusterId: '', version: 1, policies: [], defaultPolicy: '', shards: [] },
  nodes: [node('gone'), node('up'), node('full')],
  sessions: [{ id: '1', node: 'up', instance: 'i', address: 'up:7443', devices: [] }],
  devices: [
    {
      ...{ id: deviceId(1), uuid: '', region: 'r1', zone: 'z1', node: 'full', path: '/d' },
      ...{ weight: 1, status: 'up' },
    },
  ],
};

it('only a node that is away and has no devices leaves the map', () => {
  expect(removeNode(map, 'gone')).toEqual({ key: 'nodes/gone', line: undefined });
  expect(() => removeNode(map, 'up')).toThrow(/is up/);
  expect(() => removeNode(map, 'full')).toThrow(/has 1 devices/);
  expect(() => removeNode(map, 'none')).toThrow(/there is no node/);
});

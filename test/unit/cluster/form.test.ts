import { describe, expect, it } from 'vitest';
import { deviceId } from '../../../base/units.ts';
import { firstShards, lossOf, schemeFor } from '../../../server/cluster/form.ts';
import { createPolicy, standardPolicy } from '../../../server/cell/policies.ts';
import type { ClusterMap, DeviceState } from '../../../storage/shard/coordinator.ts';

/** `zones` of `nodes` with `devices` each. */
function mapOf(zones: number, nodes: number, devices: number): ClusterMap {
  const all: DeviceState[] = [];
  for (let zone = 1; zone <= zones; zone++) {
    for (let node = 1; node <= nodes; node++) {
      for (let device = 1; device <= devices; device++) {
        all.push({
          ...{ id: deviceId(all.length + 1), uuid: '', region: 'r1', zone: `z${zone}` },
          ...{ node: `z${zone}n${node}`, path: `/d${device}`, weight: 1, status: 'up' },
        });
      }
    }
  }
  return {
    ...{ format: 1, clusterId: '', version: 1, policies: [], defaultPolicy: '', shards: [] },
    devices: all,
  };
}

describe('the first shards of a cluster', () => {
  for (const [zones, nodes, devices] of [
    [1, 3, 2],
    [3, 1, 2],
    [3, 4, 5],
    [2, 3, 1],
    [1, 1, 6],
  ] as const) {
    it(`spread over ${zones} zones of ${nodes} nodes with ${devices} devices`, () => {
      const map = mapOf(zones, nodes, devices);
      const shards = firstShards(map, 3);
      expect(shards).toHaveLength(2 * map.devices.length);
      expect(shards[0]?.start).toBe('0'.repeat(32));
      expect(shards.map(({ start }) => start)).toEqual(shards.map(({ start }) => start).toSorted());
      const of = (id: number): DeviceState | undefined => map.devices.find((one) => one.id === id);
      const load = new Map<number, number>();
      for (const { replicas, primary, inSync } of shards) {
        expect(new Set(replicas).size).toBe(3);
        expect(replicas[0]).toBe(primary);
        expect(inSync).toEqual(replicas);
        const zonesOf = new Set(replicas.map((id) => of(id)?.zone));
        const nodesOf = new Set(replicas.map((id) => of(id)?.node));
        expect(zonesOf.size).toBe(Math.min(3, zones));
        expect(nodesOf.size).toBe(Math.min(3, zones * nodes));
        for (const id of replicas) load.set(id, (load.get(id) ?? 0) + 1);
      }
      // Six replicas a device on average.
      expect(Math.max(...load.values())).toBeLessThanOrEqual(9);
      expect(Math.min(...map.devices.map(({ id }) => load.get(id) ?? 0))).toBeGreaterThanOrEqual(3);
      const primaries = map.devices.map(
        ({ id }) => shards.filter(({ primary }) => primary === id).length,
      );
      expect(new Set(primaries)).toEqual(new Set([2]));
    });
  }
});

describe('the scheme of a cluster whose operator names none', () => {
  for (const [nodes, devices, scheme] of [
    [3, 2, 'replica:3'],
    [4, 1, 'ec:2+2'],
    [4, 6, 'ec:2+2'],
    [6, 1, 'ec:4+2'],
    [7, 3, 'ec:4+2'],
    [2, 6, undefined],
    [1, 1, undefined],
  ] as const) {
    it(`is ${scheme ?? 'none'} with ${nodes} nodes of ${devices} devices`, () => {
      expect(schemeFor(mapOf(1, nodes, devices).devices)).toBe(scheme);
    });
  }

  it('is one whose bodies can be written while any one node is away', () => {
    const { devices } = mapOf(1, 3, 2);
    const loss = (scheme: string) => lossOf(createPolicy(standardPolicy(scheme, true), devices));
    expect(loss('replica:3')).toBe('writes');
    expect(loss('ec:4+2')).toBe('reads');
    expect(loss('ec:5+1')).toBe('nothing');
  });
});

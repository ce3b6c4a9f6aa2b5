import fc from 'fast-check';
import { deviceId } from '../../../base/units.ts';
import type { Ring, RingDevice } from '../../../ring/ring.ts';

/**
 * Bounded in time, and the same cases in every run: movement is proved by how often, not only by
 * how far.
 */
export function bounded(numRuns: number): { readonly numRuns: number; readonly seed: number } {
  return { numRuns, seed: 20_261_124 };
}

/** Counts of regions, zones a region, nodes a zone and devices a node. */
export type Shape = readonly [regions: number, zones: number, nodes: number, devices: number];

/** A regular topology: sister domains are of one size, all weights equal. */
export function regularDevices([regions, zones, nodes, perNode]: Shape): readonly RingDevice[] {
  return Array.from({ length: regions * zones * nodes * perNode }, (_, i) => ({
    id: deviceId(i),
    region: `region${Math.floor(i / (zones * nodes * perNode))}`,
    zone: `zone${Math.floor(i / (nodes * perNode)) % zones}`,
    node: `node${Math.floor(i / perNode) % nodes}`,
    weight: 1,
  }));
}

/** Regular topologies with a width that they have room for. */
export const regularPlans: fc.Arbitrary<{ devices: readonly RingDevice[]; width: number }> = fc
  .tuple(
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 3 }),
    fc.integer({ min: 1, max: 4 }),
  )
  .chain((shape) => {
    const devices = regularDevices(shape);
    return fc.record({
      devices: fc.constant(devices),
      width: fc.integer({ min: 1, max: Math.min(10, devices.length) }),
    });
  });

/** A device anywhere; `weights` decides how heavy. */
export function deviceArbitrary(
  id: number,
  weights: fc.Arbitrary<number>,
): fc.Arbitrary<RingDevice> {
  return fc.record({
    id: fc.constant(deviceId(id)),
    region: fc.constantFrom('r0', 'r1'),
    zone: fc.constantFrom('z0', 'z1', 'z2'),
    node: fc.constantFrom('n0', 'n1', 'n2'),
    weight: weights,
  });
}

/** Topologies of no order at all, with a width that they have room for. */
export function wildPlans(
  weights: fc.Arbitrary<number>,
): fc.Arbitrary<{ devices: readonly RingDevice[]; width: number }> {
  return fc.integer({ min: 2, max: 18 }).chain((count) =>
    fc.record({
      devices: fc.tuple(...Array.from({ length: count }, (_, i) => deviceArbitrary(i, weights))),
      width: fc.integer({ min: 1, max: Math.min(8, count) }),
    }),
  );
}

/** Fragments by device id. */
export function loadsOf(ring: Ring): ReadonlyMap<number, number> {
  const loads = new Map<number, number>(ring.devices.map((device) => [device.id, 0]));
  for (const row of ring.assignment) {
    for (const place of row) {
      const id = ring.devices[place]?.id ?? -1;
      loads.set(id, (loads.get(id) ?? 0) + 1);
    }
  }
  return loads;
}

export function partitionsOf(ring: Ring): readonly number[] {
  return Array.from({ length: 2 ** ring.partitionPower }, (_, p) => p);
}

/** The devices of one partition's fragments. */
export function devicesAt(ring: Ring, partition: number): readonly RingDevice[] {
  return ring.assignment.flatMap((row) => ring.devices[row[partition] ?? -1] ?? []);
}

/** The domains that a device is in, by name, from its region to itself. */
export function pathOf({ region, zone, node, id }: RingDevice): readonly string[] {
  return [region, `${region}/${zone}`, `${region}/${zone}/${node}`, String(id)];
}

/**
 * For each domain that has others below it (the whole is ``), those and the devices with weight in
 * each.
 */
export function domainsOf(
  devices: readonly RingDevice[],
): ReadonlyMap<string, ReadonlyMap<string, number>> {
  const domains = new Map<string, Map<string, number>>();
  for (const device of devices.filter(({ weight }) => weight > 0)) {
    const path = ['', ...pathOf(device)];
    for (let level = 1; level < path.length; level++) {
      const parent = path[level - 1] ?? '';
      const child = path[level] ?? '';
      const children = domains.get(parent) ?? new Map<string, number>();
      domains.set(parent, children.set(child, (children.get(child) ?? 0) + 1));
    }
  }
  return domains;
}

/** Fragments of one partition by domain; the whole is ``. */
export function countDomains(ring: Ring, partition: number): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const device of devicesAt(ring, partition)) {
    for (const name of ['', ...pathOf(device)]) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return counts;
}

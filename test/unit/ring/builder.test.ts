import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoreError } from '../../../base/errors.ts';
import { deviceId } from '../../../base/units.ts';
import { buildRing, type RingPlan } from '../../../ring/builder.ts';
import type { Ring } from '../../../ring/ring.ts';
import { encodeRing } from '../../../ring/ring-file.ts';
import {
  bounded,
  countDomains,
  devicesAt,
  domainsOf,
  loadsOf,
  partitionsOf,
  regularDevices,
  regularPlans,
  type Shape,
  wildPlans,
} from './topologies.ts';

const equal = fc.constant(1);
const unequal = fc.integer({ min: 1, max: 40 }).map((quarter) => quarter / 4);
const powers = fc.integer({ min: 1, max: 8 });

describe('balance', () => {
  const cases: readonly [Shape, number, number][] = [
    [[1, 1, 1, 12], 6, 9], // 256 fragments a device
    [[1, 3, 2, 2], 6, 9],
    [[2, 3, 2, 2], 6, 10],
    [[1, 1, 3, 1], 3, 8],
    [[1, 1, 6, 1], 4, 10], // 682.7: does not divide
    [[1, 5, 3, 3], 12, 10],
    [[1, 1, 7, 1], 6, 8],
  ];
  test.each(cases)('%j at width %i and 2^%i partitions is within 3 %', (shape, width, power) => {
    const devices = regularDevices(shape);
    const ring = buildRing({ devices, width, partitionPower: power });
    const fair = (width * 2 ** power) / devices.length;
    for (const load of loadsOf(ring).values()) {
      expect(Math.abs(load - fair)).toBeLessThanOrEqual(0.03 * fair);
      // In truth it is exact: only the rounding to whole fragments is left.
      expect(Math.abs(load - fair)).toBeLessThan(1);
    }
  });

  test('equal weights in any regular topology: every device within one fragment', () => {
    fc.assert(
      fc.property(regularPlans, powers, ({ devices, width }, partitionPower) => {
        const ring = buildRing({ devices, width, partitionPower });
        const fair = (width * 2 ** partitionPower) / devices.length;
        for (const load of loadsOf(ring).values()) expect(Math.abs(load - fair)).toBeLessThan(1);
      }),
      bounded(60),
    );
  });

  test('one failure domain: loads follow weights, capped at one fragment of each partition', () => {
    const weights = fc.array(unequal, { minLength: 2, maxLength: 16 });
    fc.assert(
      fc.property(weights, fc.nat(), (list, pick) => {
        const [first] = regularDevices([1, 1, 1, 1]);
        const devices = list.map((weight, i) => ({ ...first, id: deviceId(i), weight }));
        const width = 1 + (pick % list.length);
        const ring = buildRing({
          devices: devices as RingPlan['devices'],
          width,
          partitionPower: 7,
        });
        const loads = loadsOf(ring);
        // Oracle: devices whose share is above a whole fragment get one, others divide the rest.
        const sorted = [...devices].sort((a, b) => b.weight - a.weight);
        let left = width;
        let weightLeft = list.reduce((sum, weight) => sum + weight, 0);
        for (const { id, weight } of sorted) {
          const share = Math.min(1, (left * weight) / weightLeft);
          expect(Math.abs((loads.get(id) ?? 0) - share * 128)).toBeLessThanOrEqual(1);
          left -= share;
          weightLeft -= weight;
        }
      }),
      bounded(100),
    );
  });

  test('no device holds more than twice what its weight asks for, if others have room', () => {
    const lone = { id: deviceId(99), region: 'region0', zone: 'new', node: 'node0', weight: 0.5 };
    const devices = [...regularDevices([1, 1, 8, 5]), lone];
    const ring = buildRing({ devices, width: 4, partitionPower: 10 });
    const fair = (4 * 1024 * 0.5) / 40.5;
    expect(loadsOf(ring).get(99)).toBeGreaterThan(1.9 * fair);
    expect(loadsOf(ring).get(99)).toBeLessThan(2 * fair + 1);
  });

  test('a drained device holds nothing', () => {
    const devices = regularDevices([1, 1, 7, 1]).map((d) => (d.id === 3 ? { ...d, weight: 0 } : d));
    const ring = buildRing({ devices, width: 6, partitionPower: 6 });
    expect(loadsOf(ring).get(3)).toBe(0);
    expect(ring.devices.map(({ id }) => id)).toContain(3);
  });

  test('every device has its share of data fragments, so that reads spread', () => {
    const ring = buildRing({ devices: regularDevices([1, 3, 2, 2]), width: 6, partitionPower: 11 });
    const data = loadsOf({ ...ring, assignment: ring.assignment.slice(0, 4) });
    for (const load of data.values())
      expect(Math.abs(load / ((4 * 2048) / 12) - 1)).toBeLessThan(0.1);
  });

  test('partitions of one device share their other fragments with all devices', () => {
    // Were there only few sets of devices, a lost one could be rebuilt from few others only.
    const ring = buildRing({
      devices: regularDevices([1, 1, 1, 30]),
      width: 6,
      partitionPower: 11,
    });
    const together = new Map<number, number>();
    for (const p of partitionsOf(ring)) {
      const ids = devicesAt(ring, p).map(({ id }) => id);
      if (!ids.includes(deviceId(0))) continue;
      for (const id of ids) together.set(id, (together.get(id) ?? 0) + 1);
    }
    together.delete(0);
    expect(together.size).toBe(29);
    const mean = (410 * 5) / 29;
    expect(Math.max(...together.values())).toBeLessThan(1.5 * mean);
  });
});

describe('spread', () => {
  test('no two fragments of a partition share a device, in any topology', () => {
    fc.assert(
      fc.property(wildPlans(unequal), powers, ({ devices, width }, partitionPower) => {
        const ring = buildRing({ devices, width, partitionPower });
        for (const p of partitionsOf(ring)) {
          expect(new Set(devicesAt(ring, p).map(({ id }) => id)).size).toBe(width);
        }
      }),
      bounded(100),
    );
  });

  test('regular topologies: sisters of every level differ by one fragment at most', () => {
    fc.assert(
      fc.property(regularPlans, powers, ({ devices, width }, partitionPower) => {
        const ring = buildRing({ devices, width, partitionPower });
        const domains = domainsOf(devices);
        for (const p of partitionsOf(ring)) {
          const counts = countDomains(ring, p);
          for (const children of domains.values()) {
            const sisters = [...children.keys()].map((name) => counts.get(name) ?? 0);
            expect(Math.max(...sisters) - Math.min(...sisters)).toBeLessThanOrEqual(1);
          }
        }
      }),
      bounded(60),
    );
  });

  test('any topology: no domain has more than the even share of its sisters, rounded up', () => {
    let checked = 0;
    fc.assert(
      fc.property(wildPlans(fc.oneof(equal, unequal)), ({ devices, width }) => {
        const ring = buildRing({ devices, width, partitionPower: 6 });
        // Spread yields where it would overfill a device: such plans prove nothing here.
        const weights = devices.reduce((sum, { weight }) => sum + weight, 0);
        const loads = loadsOf(ring);
        const filled = devices.some(({ id, weight }) => {
          return (loads.get(id) ?? 0) >= (1.98 * 64 * width * weight) / weights - 1;
        });
        if (filled) return;
        checked++;
        expectSpread(ring);
      }),
      bounded(150),
    );
    expect(checked).toBeGreaterThan(10);
  });
});

/**
 * Compares with the model: from the top, fragments are dealt out one by one to the emptiest sister
 * with room.
 */
function expectSpread(ring: Ring): void {
  const domains = domainsOf(ring.devices);
  const bounds = new Map([['', ring.width]]);
  // A domain stands behind the one around it, since a device names its domains from the top.
  const queue = [''];
  for (const parent of queue) {
    const children = domains.get(parent) ?? new Map<string, number>();
    const dealt = new Map([...children.keys()].map((name) => [name, 0]));
    for (let i = 0; i < (bounds.get(parent) ?? 0); i++) {
      const open = [...dealt].filter(([name, count]) => count < (children.get(name) ?? 0));
      if (open.length === 0) break; // It never holds that many: it has too few devices.
      const [name, count] = open.reduce((best, next) => (next[1] < best[1] ? next : best));
      dealt.set(name, count + 1);
    }
    const bound = Math.max(0, ...dealt.values());
    for (const [name, room] of children) {
      bounds.set(name, Math.min(room, bound));
      queue.push(name);
    }
  }
  for (const p of partitionsOf(ring)) {
    for (const [name, count] of countDomains(ring, p)) {
      expect(count, name).toBeLessThanOrEqual(bounds.get(name) ?? 0);
    }
  }
}

describe('input', () => {
  test('equal plans give equal rings, in whatever order devices are listed', () => {
    fc.assert(
      fc.property(
        wildPlans(unequal).chain((plan) =>
          fc.record({
            plan: fc.constant(plan),
            shuffled: fc.shuffledSubarray([...plan.devices], { minLength: plan.devices.length }),
          }),
        ),
        ({ plan, shuffled }) => {
          const one = encodeRing(buildRing({ ...plan, partitionPower: 5 }));
          const other = encodeRing(buildRing({ ...plan, devices: shuffled, partitionPower: 5 }));
          expect(other).toEqual(one);
        },
      ),
      bounded(40),
    );
  });

  const six = regularDevices([1, 1, 1, 6]);
  const refused: readonly [string, Partial<RingPlan>][] = [
    ['fewer devices than the width', { width: 7 }],
    ['drained devices do not count', { devices: six.map((d) => ({ ...d, weight: 0 })) }],
    ['a width of 0', { width: 0 }],
    ['a width above 22', { width: 23 }],
    ['a power of 0', { partitionPower: 0 }],
    ['a power above 20', { partitionPower: 21 }],
    ['a fraction', { partitionPower: 1.5 }],
    ['an id twice', { devices: six.map((d) => ({ ...d, id: deviceId(d.id % 5) })) }],
    ['a negative id', { devices: six.map((d) => ({ ...d, id: deviceId(d.id - 1) })) }],
    ['a negative weight', { devices: six.map((d) => ({ ...d, weight: -1 })) }],
    ['a weight that is no number', { devices: six.map((d) => ({ ...d, weight: Number.NaN })) }],
    ['an endless weight', { devices: six.map((d) => ({ ...d, weight: Infinity })) }],
    ['a node without a name', { devices: six.map((d) => ({ ...d, node: '' })) }],
    ['half a surrogate pair', { devices: six.map((d) => ({ ...d, zone: '\ud800' })) }],
  ];
  test.each(refused)('refuses %s', (_, change) => {
    expect(() => buildRing({ devices: six, width: 6, partitionPower: 4, ...change })).toThrow(
      expect.toSatisfy((error) => isStoreError(error, 'invalid-argument')),
    );
  });

  test('extreme weights side by side', () => {
    const weights = [1e18, 1e-6, 1, 1e-6, 1e18, 3];
    const devices = six.map((d) => ({ ...d, weight: weights[d.id] ?? 1 }));
    const ring = buildRing({ devices, width: 5, partitionPower: 6 });
    expect([...loadsOf(ring).values()].sort((a, b) => a - b)).toEqual([32, 32, 64, 64, 64, 64]);
  });

  test('the work of a hundred devices grows with the partitions, not with their square', () => {
    const devices = regularDevices([2, 5, 5, 2]);
    const work = (partitionPower: number): number => {
      const { user } = process.cpuUsage();
      buildRing({ devices, width: 6, partitionPower });
      return process.cpuUsage().user - user;
    };
    work(10);
    // Eight times the partitions: eight times the work, and some for caches and a machine that is busy.
    expect(work(14)).toBeLessThan(24 * work(11));
  });
});

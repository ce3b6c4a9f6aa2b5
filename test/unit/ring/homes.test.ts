import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { deviceId, partition } from '../../../base/units.ts';
import { buildRing } from '../../../ring/builder.ts';
import { handoffs, homes, partitionPowerFor } from '../../../ring/homes.ts';
import {
  bounded,
  devicesAt,
  partitionsOf,
  pathOf,
  regularDevices,
  wildPlans,
} from './topologies.ts';

test('place i is the home of fragment i', () => {
  const ring = buildRing({ devices: regularDevices([1, 2, 2, 2]), width: 4, partitionPower: 5 });
  for (const p of partitionsOf(ring)) {
    expect(homes(ring, partition(p))).toEqual(devicesAt(ring, p).map(({ id }) => id));
  }
});

describe('handoffs', () => {
  test('are all devices with weight that are not homes, once, untouched domains first', () => {
    fc.assert(
      fc.property(wildPlans(fc.integer({ min: 0, max: 3 })), ({ devices, width }) => {
        const weighty = devices.filter(({ weight }) => weight > 0);
        if (weighty.length < width) return;
        const ring = buildRing({ devices, width, partitionPower: 3 });
        for (const p of partitionsOf(ring)) {
          const own = homes(ring, partition(p));
          const found = [...handoffs(ring, partition(p))];
          expect([...own, ...found].sort((a, b) => a - b)).toEqual(weighty.map(({ id }) => id));
          const used = new Set(devicesAt(ring, p).flatMap(pathOf));
          let lastLevel = 0;
          for (const id of found) {
            const path = pathOf(ring.devices.find((device) => device.id === id) ?? never());
            const level = path.findIndex((domain) => !used.has(domain));
            expect(level).toBeGreaterThanOrEqual(lastLevel);
            lastLevel = level;
            for (const domain of path) used.add(domain);
          }
        }
      }),
      bounded(60),
    );
  });

  test('spread the load of one lost device by weight', () => {
    const devices = regularDevices([1, 1, 1, 12]).map((d) => ({ ...d, weight: d.id < 6 ? 1 : 2 }));
    const ring = buildRing({ devices, width: 3, partitionPower: 12 });
    const first = new Map<number, number>();
    for (const p of partitionsOf(ring)) {
      const [id = deviceId(0)] = handoffs(ring, partition(p));
      first.set(id, (first.get(id) ?? 0) + 1);
    }
    const light = [0, 1, 2, 3, 4, 5].reduce((sum, id) => sum + (first.get(id) ?? 0), 0);
    expect(light / 4096).toBeGreaterThan(0.3);
    expect(light / 4096).toBeLessThan(0.43);
  });
});

test('partition powers', () => {
  expect([1, 2, 6, 8, 9, 100, 4096, 60_000].map(partitionPowerFor)).toEqual([
    8, 9, 11, 11, 12, 15, 20, 20,
  ]);
});

function never(): never {
  throw new Error('a handoff is a device of the ring');
}

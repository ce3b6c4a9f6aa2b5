import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deviceId } from '../../../base/units.ts';
import { buildRing } from '../../../ring/builder.ts';
import { parseScheme, type Scheme, tolerance } from '../../../ring/policy.ts';
import type { Ring, RingDevice } from '../../../ring/ring.ts';
import { type DomainLevel, lostTolerances, ringTolerances } from '../../../ring/tolerance.ts';
import { bounded, devicesAt, partitionsOf, pathOf, wildPlans } from './topologies.ts';

const levels: readonly DomainLevel[] = ['region', 'zone', 'node', 'device'];

function* choose<Item>(items: readonly Item[], count: number): Generator<readonly Item[]> {
  if (count === 0) yield [];
  for (const [i, item] of items.entries()) {
    if (count === 0) return;
    for (const rest of choose(items.slice(i + 1), count - 1)) yield [item, ...rest];
  }
}

/** Whether every partition still gives its bytes back when these domains are gone. */
function survives(ring: Ring, scheme: Scheme, lost: ReadonlySet<string>): boolean {
  return partitionsOf(ring).every((p) => {
    const gone = devicesAt(ring, p).filter((device) => pathOf(device).some((d) => lost.has(d)));
    return gone.length <= tolerance(scheme);
  });
}

function domainsAt(devices: readonly RingDevice[], level: DomainLevel): readonly string[] {
  const place = levels.indexOf(level);
  const used = devices.filter(({ weight }) => weight > 0);
  return [...new Set(used.map((device) => pathOf(device)[place] ?? ''))];
}

const plans = wildPlans(fc.constantFrom(1, 1, 2, 0.5)).chain(({ devices, width }) =>
  fc.record({
    devices: fc.constant(devices),
    width: fc.constant(width),
    m: fc.integer({ min: 0, max: Math.min(3, width - 1) }),
  }),
);

test('any so many may be lost at a level, and one more may not', () => {
  fc.assert(
    fc.property(plans, ({ devices, width, m }) => {
      const ring = buildRing({ devices, width, partitionPower: 5 });
      const scheme: Scheme = { kind: 'ec', k: width - m, m };
      const told = ringTolerances(ring, scheme);
      for (const level of levels) {
        const domains = domainsAt(devices, level);
        const most = Math.min(told[level], domains.length);
        for (const lost of choose(domains, most)) {
          expect(survives(ring, scheme, new Set(lost))).toBe(true);
        }
        if (told[level] >= domains.length) continue;
        const beyond = [...choose(domains, told[level] + 1)];
        expect(beyond.every((lost) => survives(ring, scheme, new Set(lost)))).toBe(false);
      }
      expect(told.device).toBe(m);
    }),
    bounded(150),
  );
});

test('what is told of three zones, and of what a drained node leaves', () => {
  const devices = Array.from({ length: 12 }, (_, i) => ({
    ...{ id: deviceId(i), region: 'r', weight: 1 },
    zone: `z${i % 3}`,
    node: `n${i % 6}`,
  }));
  const scheme = parseScheme('ec:4+2');
  const before = ringTolerances(buildRing({ devices, width: 6, partitionPower: 6 }), scheme);
  expect(before).toEqual({ region: 0, zone: 1, node: 2, device: 2 });
  const fewer = devices.filter(({ node }) => node !== 'n0' && node !== 'n3');
  const after = ringTolerances(buildRing({ devices: fewer, width: 6, partitionPower: 6 }), scheme);
  expect(after).toEqual({ region: 0, zone: 0, node: 1, device: 2 });
  expect(lostTolerances(before, after)).toEqual(['zone', 'node']);
  const wide = buildRing({ devices, width: 12, partitionPower: 6 });
  expect(ringTolerances(wide, parseScheme('lrc:8+2+2'))).toEqual({
    ...{ region: 0, zone: 0, node: 1, device: 3 },
  });
});

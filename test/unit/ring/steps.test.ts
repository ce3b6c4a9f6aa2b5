import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deviceId } from '../../../base/units.ts';
import { buildRing, rebalance } from '../../../ring/builder.ts';
import { parseScheme } from '../../../ring/policy.ts';
import { isReached, movesBetween, nextStep } from '../../../ring/steps.ts';
import { decodeRing, encodeRing } from '../../../ring/ring-file.ts';
import type { Ring } from '../../../ring/ring.ts';
import { ringTolerances } from '../../../ring/tolerance.ts';
import { bounded, deviceArbitrary, devicesAt, partitionsOf, wildPlans } from './topologies.ts';

const weights = fc.constantFrom(1, 1, 2, 0.5);
const changes = wildPlans(weights).chain((plan) =>
  fc.record({
    plan: fc.constant(plan),
    added: deviceArbitrary(plan.devices.length, weights),
    pick: fc.nat(),
    how: fc.constantFrom('add', 'drain', 'remove', 'heavier'),
    mostMoves: fc.integer({ min: 1, max: 60 }),
  }),
);

function idsAt(ring: Ring, p: number): readonly number[] {
  return devicesAt(ring, p).map(({ id }) => id);
}

test('every step is a whole ring, moves no more than was asked for, and the last is the goal', () => {
  fc.assert(
    fc.property(changes, ({ plan, added, pick, how, mostMoves }) => {
      const { devices, width } = plan;
      const id = devices[pick % devices.length]?.id ?? deviceId(0);
      if ((how === 'drain' || how === 'remove') && devices.length === width) return;
      const next = {
        add: [...devices, added],
        drain: devices.map((one) => (one.id === id ? { ...one, weight: 0 } : one)),
        remove: devices.filter((one) => one.id !== id),
        heavier: devices.map((one) => (one.id === id ? { ...one, weight: 3 } : one)),
      }[how];
      const first = buildRing({ devices, width, partitionPower: 5 });
      const { ring: goal, moves } = rebalance(first, next);
      const scheme = parseScheme(width > 1 ? `ec:${width - 1}+1` : 'ec:1+0');
      const [before, after] = [ringTolerances(first, scheme), ringTolerances(goal, scheme)];
      let ring = first;
      let moved = 0;
      for (let step = 0; !isReached(ring, goal); step++) {
        expect(step).toBeLessThanOrEqual(2 ** 5);
        const following = nextStep(ring, goal, mostMoves);
        const steps = movesBetween(ring, following);
        moved += steps.length;
        // A partition goes whole.
        const partitions = new Set<number>(steps.map(({ partition }) => partition));
        expect(steps.length <= mostMoves || partitions.size === 1).toBe(true);
        for (const p of partitionsOf(following)) {
          const expected = partitions.has(p) || moved === moves.length ? goal : ring;
          if (partitions.has(p)) expect(idsAt(following, p)).toEqual(idsAt(expected, p));
          else expect(idsAt(following, p)).toEqual(idsAt(ring, p));
        }
        // Neither end promises more than what is kept on the way.
        const during = ringTolerances(following, scheme);
        for (const level of ['region', 'zone', 'node', 'device'] as const) {
          expect(during[level]).toBeGreaterThanOrEqual(Math.min(before[level], after[level]));
        }
        expect(following.version).toBe(ring.version + 1);
        expect(decodeRing(encodeRing(following))).toEqual(following);
        ring = following;
      }
      expect(moved).toBe(moves.length);
      expect({ ...ring, version: goal.version }).toEqual(goal);
    }),
    bounded(150),
  );
});

import { expect, test } from 'vitest';
import { RingsInUse } from '../../../server/proxy/rings-in-use.ts';
import { Pacer } from '../../../server/rings/pacer.ts';
import { ManualClock } from '../../memory/ports.ts';

test('beside clients the work takes its share of the time, and all of it when they are quiet', async () => {
  const clock = new ManualClock();
  let activity = 0;
  const pacer = new Pacer(clock, () => activity, { busyShare: 0.25 });
  const step = pacer.strand();
  const started = clock.now();
  for (let n = 0; n < 100; n++) {
    activity++;
    clock.advance(10);
    await step(1000);
  }
  expect((100 * 10) / (clock.now() - started)).toBeCloseTo(0.25);
  clock.advance(2000);
  expect(pacer.isBusy).toBe(false);
  const quiet = pacer.strand();
  const before = clock.now();
  clock.advance(10);
  await quiet(1000);
  expect(clock.now() - before).toBe(10);
});

test('a rate holds over all strands together', async () => {
  const clock = new ManualClock();
  const pacer = new Pacer(clock, () => 0, { busyShare: 0.25, bytesPerSecond: 1000 });
  const strands = [pacer.strand(), pacer.strand()];
  const started = clock.now();
  for (let n = 0; n < 20; n++) await strands[n % 2]?.(500);
  expect(clock.now() - started).toBeCloseTo(10_000);
});

test('a ring is in use until some moments after its last write', () => {
  const clock = new ManualClock();
  const rings = new RingsInUse(clock);
  const [first, second] = [rings.begin('p', 3), rings.begin('p', 4)];
  rings.begin('other', 1);
  expect(rings.oldest('p')).toBe(3);
  first();
  expect(rings.oldest('p')).toBe(3);
  clock.advance(2000);
  expect(rings.oldest('p')).toBe(4);
  second();
  clock.advance(2000);
  expect(rings.oldest('p')).toBe(Number.POSITIVE_INFINITY);
});

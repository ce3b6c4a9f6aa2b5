import { expect, test } from 'vitest';
import { type Event, linearizable, stateOf } from './history.ts';
import { runScenario, singleMachine } from './scenario.ts';
import { firstSeed, runSeeds } from './seeds.ts';

test('what was acknowledged survives crashes and bad devices', {
  timeout: 604_800_000,
}, async () => {
  await runSeeds({ ...singleMachine, share: 0 }, (seed) => runScenario({ seed }));
});

test('the same seed gives the same run', { timeout: 900_000 }, async () => {
  for (let seed = firstSeed; seed < firstSeed + 3; seed++) {
    const once = await runScenario({ seed });
    expect(await runScenario({ seed })).toEqual(once);
  }
});

function put(etag: string, start: number, end: number, outcome: Event['outcome'] = 'ok'): Event {
  return { start, end, outcome, operation: { type: 'put', etag, condition: { type: 'none' } } };
}
function read(etag: string | undefined, start: number, end: number, metadata?: string): Event {
  const seen = etag === undefined ? undefined : stateOf(etag, metadata);
  return { start, end, outcome: 'ok', operation: { type: 'read', seen } };
}
function post(
  metadata: string,
  start: number,
  end: number,
  outcome: Event['outcome'] = 'ok',
): Event {
  return { start, end, outcome, operation: { type: 'post', metadata } };
}
const never = Number.POSITIVE_INFINITY;

test('the judge of histories accepts what some order explains, and nothing else', () => {
  expect(linearizable([put('a', 0, 1), read('a', 2, 3)])).toBe('yes');
  expect(linearizable([put('a', 0, 1), read(undefined, 2, 3)])).toBe('no');
  expect(linearizable([put('a', 0, 4), read(undefined, 1, 2), read('a', 3, 5)])).toBe('yes');
  expect(linearizable([put('a', 0, 9), read('a', 1, 2), read(undefined, 3, 4)])).toBe('no');
  expect(linearizable([put('a', 0, 1), put('b', 2, 3), read('a', 4, 5)])).toBe('no');
  // An unknown write may come late, or never; but it comes once.
  expect(linearizable([put('a', 0, never, 'unknown'), read(undefined, 5, 6)])).toBe('yes');
  const late = [put('a', 0, never, 'unknown'), read(undefined, 5, 6), read('a', 7, 8)];
  expect(linearizable(late)).toBe('yes');
  const twice = [...late, put('b', 9, 10), read('b', 11, 12), read('a', 13, 14)];
  expect(linearizable(twice)).toBe('no');
  // Metadata goes with the object that it was given to.
  expect(linearizable([put('a', 0, 1), post('m', 2, 3), read('a', 4, 5, 'm')])).toBe('yes');
  expect(linearizable([put('a', 0, 1), post('m', 2, 3), read('a', 4, 5)])).toBe('no');
  expect(linearizable([put('a', 0, 1), post('m', 2, 3), put('a', 4, 5), read('a', 6, 7)])).toBe(
    'yes',
  );
  expect(linearizable([put('a', 0, 1), post('m', 2, 3, 'refused')])).toBe('no');
  // A write of what is there already must not come before another one to the same.
  const again = [put('a', 0, 1), put('a', 2, 9), put('b', 3, 8), read('a', 10, 11)];
  expect(linearizable(again)).toBe('yes');
  expect(linearizable([...again, read('b', 12, 13)])).toBe('no');
});

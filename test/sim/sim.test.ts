import { expect, test } from 'vitest';
import { type Event, linearizable, stateOf } from './history.ts';
import { runScenario } from './scenario.ts';

/** SIM_SEEDS runs exactly so many; otherwise up to 200, and no new one after 90 s: a slow machine runs fewer. */
const first = Number(process.env['SIM_FIRST'] ?? 1);
const wanted = process.env['SIM_SEEDS'];
const seeds = Number(wanted ?? 200);
const limitMillis = wanted === undefined ? 90_000 : Number.POSITIVE_INFINITY;

test('what was acknowledged survives crashes and bad devices', { timeout: 3_600_000 }, async () => {
  const started = performance.now();
  let seed = first;
  for (; seed < first + seeds && performance.now() - started < limitMillis; seed++) {
    try {
      await runScenario({ seed });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const again = `SIM_FIRST=${seed} SIM_SEEDS=1 shows it again`;
      throw new Error(`seed ${seed} fails (${again}): ${reason}`, { cause: error });
    }
  }
  process.stdout.write(`simulated seeds ${first} to ${seed - 1}\n`);
  expect(seed).toBeGreaterThan(first);
});

test('the same seed gives the same run', { timeout: 120_000 }, async () => {
  for (let seed = first; seed < first + 3; seed++) {
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
});

import { expect, test } from 'vitest';
import { runClusterScenario } from './scenario.ts';

/** SIM_SEEDS runs exactly so many; otherwise up to 100, and no new one after 90 s: a slow machine runs fewer. */
const first = Number(process.env['SIM_FIRST'] ?? 1);
const wanted = process.env['SIM_SEEDS'];
const seeds = Number(wanted ?? 100);
const limitMillis = wanted === undefined ? 90_000 : Number.POSITIVE_INFINITY;

test('a cluster keeps its promises while machines and network fail', {
  timeout: 36_000_000,
}, async () => {
  const started = performance.now();
  const sums = { ok: 0, refused: 0, unknown: 0, faults: 0, undecided: 0 };
  let seed = first;
  for (; seed < first + seeds && performance.now() - started < limitMillis; seed++) {
    try {
      const { counts, faults, undecided } = await runClusterScenario({ seed });
      sums.ok += counts.ok;
      sums.refused += counts.refused;
      sums.unknown += counts.unknown;
      sums.faults += faults;
      sums.undecided += undecided;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const again = `SIM_FIRST=${seed} SIM_SEEDS=1 shows it again`;
      throw new Error(`seed ${seed} fails (${again}): ${reason}`, { cause: error });
    }
  }
  process.stdout.write(`clusters ${first} to ${seed - 1}: ${JSON.stringify(sums)}\n`);
  expect(seed).toBeGreaterThan(first);
  // A run in which hardly anything succeeds proves nothing.
  expect(sums.ok).toBeGreaterThan(sums.unknown);
});

test('the same seed gives the same run', { timeout: 240_000 }, async () => {
  const once = await runClusterScenario({ seed: first });
  expect(await runClusterScenario({ seed: first })).toEqual(once);
});

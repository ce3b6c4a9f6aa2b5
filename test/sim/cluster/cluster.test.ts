import { expect, test } from 'vitest';
import { firstSeed, runSeeds } from '../seeds.ts';
import { runClusterScenario } from './scenario.ts';

test('a cluster keeps its promises while machines and network fail', {
  timeout: 36_000_000,
}, async () => {
  const sums = { ok: 0, refused: 0, unknown: 0, faults: 0, undecided: 0, changes: 0 };
  const results = await runSeeds({ seeds: 100, limitMillis: 90_000 }, (seed) =>
    runClusterScenario({ seed }),
  );
  for (const { counts, faults, undecided, changes } of results) {
    sums.ok += counts.ok;
    sums.refused += counts.refused;
    sums.unknown += counts.unknown;
    sums.faults += faults;
    sums.undecided += undecided;
    sums.changes += changes;
  }
  process.stdout.write(`clusters: ${JSON.stringify(sums)}\n`);
  // A run in which hardly anything succeeds proves nothing.
  expect(sums.ok).toBeGreaterThan(sums.unknown);
});

test('the same seed gives the same run', { timeout: 900_000 }, async () => {
  const once = await runClusterScenario({ seed: firstSeed });
  expect(await runClusterScenario({ seed: firstSeed })).toEqual(once);
});

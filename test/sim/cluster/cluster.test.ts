import { expect, test } from 'vitest';
import { firstSeed } from '../seeds.ts';
import { runClusterScenario } from './scenario.ts';
import { runClusterShare } from './shares.ts';

test('a cluster keeps its promises while machines and network fail', {
  timeout: 604_800_000,
}, async () => {
  const sums = await runClusterShare(0);
  // A run in which hardly anything succeeds proves nothing.
  expect(sums.ok).toBeGreaterThanOrEqual(sums.unknown);
});

test('the same seed gives the same run', { timeout: 900_000 }, async () => {
  const once = await runClusterScenario({ seed: firstSeed });
  expect(await runClusterScenario({ seed: firstSeed })).toEqual(once);
});

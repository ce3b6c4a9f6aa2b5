import { expect, test } from 'vitest';
import { runClusterShare } from './shares.ts';

/** Beside cluster.test.ts, on another core. */
test('a cluster keeps its promises while machines and network fail', {
  timeout: 604_800_000,
}, async () => {
  const sums = await runClusterShare(1);
  expect(sums.ok).toBeGreaterThanOrEqual(sums.unknown);
});

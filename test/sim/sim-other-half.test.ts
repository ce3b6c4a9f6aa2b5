import { test } from 'vitest';
import { runScenario, singleMachine } from './scenario.ts';
import { runSeeds } from './seeds.ts';

/** Beside sim.test.ts, on another core. */
test('what was acknowledged survives crashes and bad devices', {
  timeout: 604_800_000,
}, async () => {
  await runSeeds({ ...singleMachine, share: 1 }, (seed) => runScenario({ seed }));
});

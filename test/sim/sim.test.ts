import { expect, test } from 'vitest';
import { runScenario } from './scenario.ts';

const first = Number(process.env['SIM_FIRST'] ?? 1);
const seeds = Number(process.env['SIM_SEEDS'] ?? 20);

test(`acknowledged writes survive, in ${seeds} seeds`, { timeout: 3_600_000 }, async () => {
  for (let seed = first; seed < first + seeds; seed++) {
    try {
      await runScenario({ seed });
    } catch (error) {
      throw new Error(`seed ${seed} fails (SIM_FIRST=${seed} SIM_SEEDS=1)`, { cause: error });
    }
  }
});

test('the same seed gives the same run', { timeout: 120_000 }, async () => {
  for (let seed = first; seed < first + 3; seed++) {
    const once = await runScenario({ seed });
    expect(await runScenario({ seed })).toEqual(once);
  }
});

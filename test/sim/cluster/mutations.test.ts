/** The simulated clusters have teeth: without any one thing that the promises rest on, some early seed fails. */
import { expect, test } from 'vitest';
import { type Mutation, mutations } from './mutations.ts';
import { runClusterScenario } from './scenario.ts';

const seedsMax = 120;

async function firstFailure({ apply, coordinator, favourite, first }: Mutation): Promise<string> {
  for (let seed = first; seed < first + seedsMax; seed++) {
    const undo = apply();
    try {
      await runClusterScenario({ seed, mutate: coordinator, favourite });
    } catch (error) {
      return `seed ${seed}: ${String(error)}`;
    } finally {
      undo();
    }
  }
  return 'none';
}

for (const [name, mutation] of Object.entries(mutations)) {
  test(`${name} is noticed`, { timeout: 900_000 }, async () => {
    expect(await firstFailure(mutation)).not.toBe('none');
  });
}

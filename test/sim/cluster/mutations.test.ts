/** The simulated clusters have teeth: without any one thing that the promises rest on, some early seed fails. */
import { expect, test } from 'vitest';
import { type Mutation, mutations } from './mutations.ts';
import { runClusterScenario } from './scenario.ts';

const seedsMax = 120;

async function firstFailure(mutation: Mutation): Promise<string> {
  const { apply, coordinator, favourite, first, changesRings } = mutation;
  for (let seed = first; seed < first + seedsMax; seed++) {
    const undo = apply();
    try {
      await runClusterScenario({ seed, mutate: coordinator, favourite, changesRings });
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

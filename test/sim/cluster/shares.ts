import { runSeeds } from '../seeds.ts';
import { runClusterScenario } from './scenario.ts';

/** What `npm test` runs of it, in two suites side by side: four and a half minutes at most. */
const clusters = { seeds: 500, limitMillis: 270_000, shares: 2 };

/** What clients were answered, and what was done to the machines, in all seeds of the share. */
interface Sums {
  ok: number;
  refused: number;
  unknown: number;
  faults: number;
  undecided: number;
  changes: number;
}

/** Runs one share's seeds and says what came of them. */
export async function runClusterShare(share: number): Promise<Sums> {
  const sums: Sums = { ok: 0, refused: 0, unknown: 0, faults: 0, undecided: 0, changes: 0 };
  const results = await runSeeds({ ...clusters, share }, (seed) => runClusterScenario({ seed }));
  for (const { counts, faults, undecided, changes } of results) {
    sums.ok += counts.ok;
    sums.refused += counts.refused;
    sums.unknown += counts.unknown;
    sums.faults += faults;
    sums.undecided += undecided;
    sums.changes += changes;
  }
  process.stdout.write(`clusters: ${JSON.stringify(sums)}\n`);
  return sums;
}

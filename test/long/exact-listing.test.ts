/** A listing right after a PUT, DELETE, POST or COPY through another connection is exact, ten thousand times. */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, it } from 'vitest';
import { runTrials } from '../process/exact-listing.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const trials = Number(process.env['EXACT_TRIALS'] ?? 10_000);
const seed = Number(process.env['EXACT_SEED'] ?? randomInt(1_000_000));

it(`lists exactly what is there after each of ${trials} random writes, EXACT_SEED=${seed}`, {
  timeout: 3_600_000,
}, async () => {
  await runTrials(server, { trials, side: 8, seed });
});

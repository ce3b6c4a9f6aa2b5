/** A part of test/long/exact-listing.test.ts, which has ten thousand trials. */
import { randomInt } from 'node:crypto';
import { afterAll, beforeAll, it } from 'vitest';
import { runTrials } from '../../process/exact-listing.ts';
import { ServerProcess } from '../../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const seed = Number(process.env['EXACT_SEED'] ?? randomInt(1_000_000));

it(`lists exactly what is there right after each of 600 random writes, EXACT_SEED=${seed}`, {
  timeout: 300_000,
}, async () => {
  await runTrials(server, { trials: 600, side: 3, seed });
});

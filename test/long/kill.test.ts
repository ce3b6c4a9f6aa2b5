/** kill -9 under load, a hundred times. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runKillCycles } from '../process/kill-cycles.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const cycles = Number(process.env['LONG_KILLS'] ?? 100);

it(`loses nothing acknowledged in ${cycles} kill -9`, { timeout: 3_600_000 }, async () => {
  const acknowledged = await runKillCycles(server, cycles);
  process.stdout.write(`${cycles} kill -9, ${acknowledged} acknowledged writes\n`);
  expect(acknowledged).toBeGreaterThan(10 * cycles);
});

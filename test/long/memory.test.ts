/** 64 parallel uploads and downloads of 256 MiB each. They lie on the disk while it runs: 24 GiB. */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runParallelLoad } from '../process/parallel-load.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const MiB = 1_048_576;
const size = Number(process.env['LONG_BODY_MIB'] ?? 256) * MiB;
const parallel = 64;

it(`serves ${parallel} bodies of ${size / MiB} MiB in 600 MiB of memory`, {
  timeout: 3_600_000,
}, async () => {
  const { bavail, bsize } = statfsSync(tmpdir());
  // Half as much again for parity, and a tenth for headers and logs.
  expect(bavail * bsize, 'free bytes').toBeGreaterThan(1.6 * parallel * size);
  const { uploadMiB, downloadMiB } = await runParallelLoad(server, { parallel, size });
  expect(uploadMiB).toBeLessThan(600);
  expect(downloadMiB).toBeLessThan(600);
});

/** Resident memory of the server under parallel uploads and downloads; test/long has the full size. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runParallelLoad } from '../process/parallel-load.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const MiB = 1_048_576;

it.each([
  // More in flight than 600 MiB could hold, were bodies kept; then bodies that last longer.
  { parallel: 64, size: 16 * MiB },
  { parallel: 4, size: 128 * MiB },
])(
  'stays under 600 MiB with $parallel bodies of $size bytes',
  { timeout: 180_000 },
  async (load) => {
    const { uploadMiB, downloadMiB } = await runParallelLoad(server, load);
    expect(uploadMiB).toBeLessThan(600);
    expect(downloadMiB).toBeLessThan(600);
  },
);

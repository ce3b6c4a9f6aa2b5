/** A container of a million rows: its first, middle and last page cost alike. */
import { join, resolve } from 'node:path';
import { CreateBucketCommand, ListObjectsV2Command, type S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/log.ts';
import { NodeDisk } from '../../base/node-disk.ts';
import { systemRandom } from '../../base/random.ts';
import { type Cell, openCell } from '../../server/cell/cell.ts';
import { LevelFolder } from '../../server/cell/level-folder.ts';
import { openCluster } from '../../server/cell/open-cluster.ts';
import { cellSettings } from '../../server/config/defaults.ts';
import { bucketNameId } from '../../server/core/ids.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const Bucket = 'a-million';
const rowCount = Number(process.env['LONG_ROWS'] ?? 1_000_000);
const WRITERS = 1000;
const nameOf = (i: number): string =>
  `folder-${String(Math.floor(i / 1000)).padStart(6, '0')}/${String(i).padStart(9, '0')}`;

const client = (): S3Client => s3ClientOf(server);

/** The stopped server's own cell, in this process: a row costs a tenth of a PUT over HTTP. */
async function openStopped(data: string): Promise<Cell> {
  const folders = [1, 2, 3, 4, 5, 6].map(
    (number) => new LevelFolder(resolve(join(data, 'devices', `d${number}`))),
  );
  const coordinator = await openCluster({
    data: new NodeDisk(data),
    folders,
    policies: { type: 'standard', scheme: undefined },
    random: systemRandom,
    now: systemClock.now(),
  });
  return openCell({
    ...{ coordinator, folders, logger: silentLogger, settings: cellSettings },
    clock: systemClock,
    random: systemRandom,
  });
}

async function fill(cell: Cell): Promise<void> {
  const nameId = bucketNameId(Bucket);
  const found = await cell.rows.get('bucketName', { nameId });
  const containerId = found?.containerId ?? '';
  let next = 0;
  const write = async (): Promise<void> => {
    while (next < rowCount) {
      await cell.rows.execute({
        type: 'object.put',
        containerId,
        key: nameOf(next++),
        object: {
          size: 0,
          etag: 'd41d8cd98f00b204e9800998ecf8427e',
          contentType: 'application/octet-stream',
          system: {},
          user: {},
          checksums: [],
          body: { type: 'empty' },
        },
        condition: {},
      });
    }
  };
  await Promise.all(Array.from({ length: WRITERS }, write));
}

/** Median milliseconds of one page of 1,000, and the names of the last one read. */
async function timePage(query: object): Promise<{ millis: number; names: readonly string[] }> {
  const s3 = client();
  const times: number[] = [];
  let names: readonly string[] = [];
  for (let i = 0; i < 31; i++) {
    const started = performance.now();
    const page = await s3.send(new ListObjectsV2Command({ Bucket, ...query }));
    times.push(performance.now() - started);
    const keys = page.Contents?.map((one) => one.Key ?? '') ?? [];
    names = [...keys, ...(page.CommonPrefixes?.map((one) => one.Prefix ?? '') ?? [])];
  }
  return { millis: times.toSorted((a, b) => a - b)[15] ?? 0, names };
}

it(`lists the first, the middle and the last page of ${rowCount} rows alike`, {
  timeout: 3_600_000,
}, async () => {
  await client().send(new CreateBucketCommand({ Bucket }));
  expect(await server.end('SIGTERM')).toBe(0);
  const cell = await openStopped(server.data);
  await fill(cell);
  await cell.close();
  await server.start();
  const middle = rowCount / 2;
  const pages = {
    first: await timePage({}),
    middle: await timePage({ StartAfter: nameOf(middle - 1) }),
    last: await timePage({ StartAfter: nameOf(rowCount - 1001) }),
    groups: await timePage({ Delimiter: '/' }),
  };
  const millis = Object.values(pages).map((page) => Math.round(page.millis * 10) / 10);
  process.stdout.write(`${Object.keys(pages).join(', ')}: ${millis.join(', ')} ms\n`);
  const run = (from: number): string[] => Array.from({ length: 1000 }, (_, i) => nameOf(from + i));
  expect(pages.first.names).toEqual(run(0));
  expect(pages.middle.names).toEqual(run(middle));
  expect(pages.last.names).toEqual(run(rowCount - 1000));
  expect(pages.groups.names).toHaveLength(Math.min(1000, rowCount / 1000));
  const cheapest = Math.min(pages.first.millis, pages.middle.millis, pages.last.millis);
  const dearest = Math.max(pages.first.millis, pages.middle.millis, pages.last.millis);
  // Alike within what a busy machine disturbs; a walk over half a million rows would be a hundredfold.
  expect(dearest).toBeLessThan(3 * cheapest + 5);
});

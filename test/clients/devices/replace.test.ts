/** Replacing a device as an operator does: stop, empty its folder, start, `torc device replace`. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, statusOf, torc } from '../../process/operator.ts';
import { s3ClientOf } from '../../process/s3-client.ts';
import { ServerProcess } from '../../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const Bucket = 'replaced';

const client = (): S3Client => s3ClientOf(server);

interface Status {
  readonly devices: readonly { readonly id: number; readonly state: string }[];
  readonly shards: { readonly total: number; readonly full: number };
  readonly redundancy: {
    readonly finishedAt: number;
    readonly fragmentsNeeded: number;
    readonly fragmentsPresent: number;
  } | null;
}

const status = (): Promise<Status> => statusOf(server);

function empty(device: string): void {
  const folder = join(server.data, 'devices', device);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
}

async function replace(device: string): Promise<void> {
  expect(await server.end('SIGTERM')).toBe(0);
  empty(device);
  await server.start();
  const since = Date.now();
  expect((await status()).devices.filter((one) => one.state === 'away')).toHaveLength(1);
  expect(await torc('device', 'replace', device, '--data', server.data)).toContain('being rebuilt');
  await eventually(`${device} is whole`, async () => {
    const { devices, shards, redundancy } = await status();
    return (
      devices.every((one) => one.state === 'up') &&
      shards.full === shards.total &&
      redundancy !== null &&
      redundancy.finishedAt > since &&
      redundancy.fragmentsNeeded > 0 &&
      redundancy.fragmentsPresent === redundancy.fragmentsNeeded
    );
  });
}

it('rebuilds one device after another, so that any two may go', { timeout: 240_000 }, async () => {
  await client().send(new CreateBucketCommand({ Bucket }));
  const written = new Map<string, Buffer>();
  for (let i = 0; i < 12; i++) {
    const Body = randomBytes([100, 30_000, 1_200_000][i % 3] ?? 1);
    await client().send(new PutObjectCommand({ Bucket, Key: `k${i}`, Body }));
    written.set(`k${i}`, Body);
  }
  await expect(torc('device', 'replace', 'd1', '--data', server.data)).rejects.toMatchObject({
    stderr: expect.stringContaining('in use') as string,
  });
  await replace('d1');
  await replace('d2');
  expect(await server.end('SIGTERM')).toBe(0);
  for (const device of ['d3', 'd4']) {
    rmSync(join(server.data, 'devices', device), { recursive: true });
  }
  await server.start();
  for (const [Key, body] of written) {
    const { Body } = await client().send(new GetObjectCommand({ Bucket, Key }));
    expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
  }
});

/** A device that was away while others were written to is brought level again when it comes back. */
import { randomBytes } from 'node:crypto';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, statusOf } from '../process/operator.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const Bucket = 'repaired';

const client = (): S3Client => s3ClientOf(server);

interface Status {
  readonly shards: { readonly total: number; readonly full: number };
  readonly workers: readonly { readonly name: string; readonly done: number }[];
}

const status = (): Promise<Status> => statusOf(server);

function moveAway(device: string): void {
  renameSync(join(server.data, 'devices', device), join(server.data, `away-${device}`));
}

function moveBack(device: string): void {
  renameSync(join(server.data, `away-${device}`), join(server.data, 'devices', device));
}

it('rebuilds fragments and shard replicas, so that two others may go', {
  timeout: 120_000,
}, async () => {
  const written = new Map<string, Buffer>();
  const put = async (name: string, size: number): Promise<void> => {
    const Body = randomBytes(size);
    await client().send(new PutObjectCommand({ Bucket, Key: name, Body }));
    written.set(name, Body);
  };
  const readAll = async (): Promise<void> => {
    for (const [Key, body] of written) {
      const { Body } = await client().send(new GetObjectCommand({ Bucket, Key }));
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(body)).toBe(true);
    }
  };
  await client().send(new CreateBucketCommand({ Bucket }));
  for (let i = 0; i < 6; i++) await put(`before-${i}`, [100, 30_000, 1_200_000][i % 3] ?? 1);
  expect(await server.end('SIGTERM')).toBe(0);
  moveAway('d1');
  await server.start();
  for (let i = 0; i < 12; i++) await put(`without-${i}`, [100, 30_000, 1_200_000][i % 3] ?? 1);
  await readAll();
  expect(await server.end('SIGTERM')).toBe(0);
  moveBack('d1');
  await server.start();
  await eventually('every shard is full', async () => {
    const { shards } = await status();
    return shards.full === shards.total;
  });
  // Eight of the twelve are fragments; each was queued for repair by its own commit.
  await eventually('all of it was rebuilt', async () => {
    const { workers } = await status();
    return (workers.find((one) => one.name === 'reconstructor')?.done ?? 0) >= 8;
  });
  expect(await server.end('SIGTERM')).toBe(0);
  moveAway('d3');
  moveAway('d4');
  await server.start();
  await readAll();
});

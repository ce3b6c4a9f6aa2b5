/** Devices that come and go as an operator has them do, with `torc ring`, while a client reads and writes. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { s3ClientOf } from '../../process/s3-client.ts';
import { ServerProcess } from '../../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const Bucket = 'ringed';
const added = join(server.data, 'added');
const written = new Map<string, Buffer>();

const client = (): S3Client => s3ClientOf(server);

async function put(Key: string, size: number): Promise<void> {
  const Body = randomBytes(size);
  await client().send(new PutObjectCommand({ Bucket, Key, Body }));
  written.set(Key, Body);
}

async function expectAll(): Promise<void> {
  for (const [Key, body] of written) {
    const { Body } = await client().send(new GetObjectCommand({ Bucket, Key }));
    const read = Buffer.from((await Body?.transformToByteArray()) ?? []);
    expect(read.equals(body), Key).toBe(true);
  }
}

async function torc(...args: readonly string[]): Promise<string> {
  const entry = join(import.meta.dirname, '..', '..', '..', 'bin', 'torc.ts');
  const all = [entry, 'ring', ...args, '--data', server.data];
  return (await promisify(execFile)(process.execPath, all)).stdout;
}

/** Reads and writes until every ring is settled. */
async function settle(name: string): Promise<void> {
  const end = Date.now() + 120_000;
  for (let n = 0; Date.now() < end; n++) {
    await put(`${name}-${n}`, 40_000);
    await expectAll();
    const status = await torc('status');
    if (!status.includes('changing') && !status.includes('waiting')) return;
  }
  throw new Error(`it did not settle: ${await torc('status')}`);
}

it('adds a bigger device, drains one and removes one, under a client', {
  timeout: 400_000,
}, async () => {
  await client().send(new CreateBucketCommand({ Bucket }));
  for (let i = 0; i < 9; i++) await put(`k${i}`, [100, 30_000, 1_200_000][i % 3] ?? 1);
  // Six devices are what ec:4+2 needs.
  await expect(torc('remove', 'd1')).rejects.toMatchObject({
    stderr: expect.stringContaining('needs 6 devices') as string,
  });
  const plan = await torc('plan', 'add', added, '--weight', '2');
  expect(plan).toContain('policy ec:4+2: 2048 of 12288 fragments move (16.7 %)');
  expect(plan).toContain('survives the loss of any 2 devices');
  expect(existsSync(added)).toBe(false);
  expect(await torc('add', added, '--weight', '2')).toContain('device 7 has begun');
  await settle('added');
  await torc('remove', 'd1');
  await settle('removed');
  await expectGone(1);
  // The map's own copies, and all that a policy promises, are with the others now.
  expect(await server.end('SIGTERM')).toBe(0);
  for (const device of ['d1', 'd2', 'd3']) {
    rmSync(join(server.data, 'devices', device), { recursive: true });
  }
  await server.start();
  await expectAll();
});

async function expectGone(device: number): Promise<void> {
  const devices = async (): Promise<readonly number[]> => {
    const status = await (await fetch(new URL('/torc/status', server.httpUrl))).json();
    return (status as { devices: { id: number }[] }).devices.map(({ id }) => id);
  };
  const end = Date.now() + 60_000;
  while ((await devices()).includes(device) && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  expect(await devices()).not.toContain(device);
}

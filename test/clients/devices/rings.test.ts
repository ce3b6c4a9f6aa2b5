/** Devices that come and go as an operator has them do, with `torc ring`, while a client reads and writes. */
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
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

const ring = (...args: readonly string[]): Promise<string> =>
  torc('ring', ...args, '--data', server.data);

/** Reads and writes until every ring is settled. */
async function settle(name: string): Promise<void> {
  const end = Date.now() + 120_000;
  for (let n = 0; Date.now() < end; n++) {
    await put(`${name}-${n}`, 40_000);
    await expectAll();
    const status = await ring('status');
    if (!status.includes('changing') && !status.includes('waiting')) return;
  }
  throw new Error(`it did not settle: ${await ring('status')}`);
}

it('adds a bigger device, drains one and removes one, under a client', {
  timeout: 400_000,
}, async () => {
  await client().send(new CreateBucketCommand({ Bucket }));
  for (let i = 0; i < 9; i++) await put(`k${i}`, [100, 30_000, 1_200_000][i % 3] ?? 1);
  // Six devices are what ec:4+2 needs.
  await expect(ring('remove', 'd1')).rejects.toMatchObject({
    stderr: expect.stringContaining('needs 6 devices') as string,
  });
  const plan = await ring('plan', 'add', added, '--weight', '2');
  expect(plan).toContain('policy ec:4+2: 2048 of 12288 fragments move (16.7 %)');
  expect(plan).toContain('survives the loss of any 2 devices');
  expect(existsSync(added)).toBe(false);
  expect(await ring('add', added, '--weight', '2')).toContain('device 7 has begun');
  await settle('added');
  await ring('remove', 'd1');
  await settle('removed');
  await isGone(1);
  // The map's own copies, and all that a policy promises, are with the others now.
  expect(await server.end('SIGTERM')).toBe(0);
  for (const device of ['d1', 'd2', 'd3']) {
    rmSync(join(server.data, 'devices', device), { recursive: true });
  }
  await server.start();
  await expectAll();
});

function isGone(device: number): Promise<void> {
  return eventually(`device ${device} is gone`, async () => {
    const { devices } = await statusOf<{ devices: readonly { id: number }[] }>(server);
    return devices.every(({ id }) => id !== device);
  });
}

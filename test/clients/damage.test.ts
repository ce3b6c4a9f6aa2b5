/** Bits flip on any two of six devices while they serve; after repair on any other two. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flipDevice } from '../process/bit-flips.ts';
import { digestOf, generatedBody } from '../process/generated-body.ts';
import { eventually, statusOf, torc } from '../process/operator.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const Bucket = 'damaged';
const sizes = [100, 16_384, 20_000, 1_048_577, 3_000_000];
const OBJECTS = 40;
const sizeOf = (i: number): number => sizes[i % sizes.length] ?? 0;

const client = (): S3Client => s3ClientOf(server, { maxAttempts: 1 });

async function readAll(): Promise<void> {
  const s3 = client();
  for (let i = 0; i < OBJECTS; i++) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: `k${i}` }));
    const found = await digestOf(Body as unknown as AsyncIterable<Uint8Array>);
    expect(found, `k${i}`).toEqual(await digestOf(generatedBody(i, sizeOf(i))));
  }
  const page = await s3.send(new ListObjectsV2Command({ Bucket }));
  expect(page.KeyCount).toBe(OBJECTS);
}

interface Status {
  readonly audit: {
    readonly fragments: { readonly rounds: number; readonly corrupt: number };
    readonly inlineBodies: { readonly rounds: number; readonly healed: number };
  };
  readonly shards: { readonly total: number; readonly full: number };
  readonly redundancy: {
    readonly startedAt: number;
    readonly fragmentsNeeded: number;
    readonly fragmentsPresent: number;
  } | null;
}

const status = (): Promise<Status> => statusOf(server);

/** As an operator: `torc device audit`, then wait until the reconciler has counted everything as there. */
async function repairAll(): Promise<void> {
  const { audit } = await status();
  await torc('device', 'audit', '--data', server.data);
  await eventually('everything was audited', async () => {
    const { fragments, inlineBodies } = (await status()).audit;
    return (
      fragments.rounds > audit.fragments.rounds && inlineBodies.rounds > audit.inlineBodies.rounds
    );
  });
  expect((await status()).audit.fragments.corrupt).toBeGreaterThan(audit.fragments.corrupt);
  const ended = Date.now();
  await eventually('everything is whole', async () => {
    const { redundancy, shards } = await status();
    return (
      redundancy !== null &&
      redundancy.startedAt > ended &&
      redundancy.fragmentsPresent === redundancy.fragmentsNeeded &&
      shards.full === shards.total
    );
  });
}

const devices = ['d1', 'd2', 'd3', 'd4', 'd5', 'd6'];

it('reads every object byte-exact, and again after each repair', { timeout: 180_000 }, async () => {
  await client().send(new CreateBucketCommand({ Bucket }));
  for (let i = 0; i < OBJECTS; i++) {
    const Body = Buffer.concat([...generatedBody(i, sizeOf(i))]);
    await client().send(new PutObjectCommand({ Bucket, Key: `k${i}`, Body }));
  }
  // Three pairs, one after the other: what the repair of one left bad, the next would show.
  for (let place = 0; place < devices.length; place += 2) {
    for (const device of devices.slice(place, place + 2)) {
      expect(flipDevice(join(server.data, 'devices', device))).toBeGreaterThan(100);
    }
    await readAll();
    await repairAll();
  }
  // Whole again by another witness: any two devices may go.
  expect(await server.end('SIGTERM')).toBe(0);
  for (const device of ['d2', 'd5'])
    rmSync(join(server.data, 'devices', device), { recursive: true });
  await server.start();
  await readAll();
});

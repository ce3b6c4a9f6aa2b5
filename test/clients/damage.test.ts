/** Bits flip on any two of six devices while they serve; after repair on any other two. */
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { flipDevice } from './bit-flips.ts';
import { digestOf, generatedBody } from './generated-body.ts';
import { ServerProcess } from './server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const Bucket = 'damaged';
const sizes = [100, 16_384, 20_000, 1_048_577, 3_000_000];
const OBJECTS = 40;
const sizeOf = (i: number): number => sizes[i % sizes.length] ?? 0;

function client(): S3Client {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return new S3Client({
    endpoint: server.httpUrl,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 1,
  });
}

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

it('reads every object byte-exact, and again after each repair', { timeout: 120_000 }, async () => {
  await client().send(new CreateBucketCommand({ Bucket }));
  for (let i = 0; i < OBJECTS; i++) {
    const Body = Buffer.concat([...generatedBody(i, sizeOf(i))]);
    await client().send(new PutObjectCommand({ Bucket, Key: `k${i}`, Body }));
  }
  for (const pair of [
    ['d1', 'd2'],
    ['d3', 'd4'],
    ['d5', 'd6'],
  ]) {
    for (const device of pair) {
      expect(flipDevice(join(server.data, 'devices', device))).toBeGreaterThan(100);
    }
    await readAll();
  }
});

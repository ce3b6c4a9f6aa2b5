/** The minio client, over http and https: streams, parts, listing, conditional reads. */
import { randomBytes } from 'node:crypto';
import { Agent } from 'node:https';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { Client } from 'minio';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { minioOf } from '../process/minio-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

const sizes = [0, 1, 16_383, 16_384, 16_385, 1_048_575, 1_048_576, 1_048_577];

describe.each(['http', 'https'] as const)('minio over %s', (scheme) => {
  const bucket = `minio-${scheme}`;
  const client = (): Client =>
    minioOf(server, {
      partSize: 5 * 1_048_576,
      ...(scheme === 'https'
        ? {
            useSSL: true,
            transportAgent: new Agent({ keepAlive: true, rejectUnauthorized: false }),
          }
        : {}),
    });
  const read = async (key: string): Promise<Buffer> =>
    buffer(await client().getObject(bucket, key));

  it('makes a bucket and finds it', async () => {
    await client().makeBucket(bucket, 'us-east-1');
    expect(await client().bucketExists(bucket)).toBe(true);
    expect(await client().bucketExists(`${bucket}-absent`)).toBe(false);
    expect((await client().listBuckets()).map((one) => one.name)).toContain(bucket);
  });

  it.each(sizes)('writes and reads %i bytes', async (size) => {
    const bytes = randomBytes(size);
    await client().putObject(bucket, `size-${size}`, bytes, size, { 'X-Amz-Meta-Colour': 'red' });
    expect((await read(`size-${size}`)).equals(bytes)).toBe(true);
    const stat = await client().statObject(bucket, `size-${size}`);
    expect(stat.size).toBe(size);
    expect(stat.metaData['colour']).toBe('red');
  });

  it('uploads in parts and reads ranges', async () => {
    const bytes = randomBytes(12 * 1_048_576 + 5);
    const pieces = [bytes.subarray(0, 7_000_000), bytes.subarray(7_000_000)];
    const { etag } = await client().putObject(bucket, 'parts', Readable.from(pieces));
    expect(etag).toMatch(/-[2-9]$/);
    expect((await read('parts')).equals(bytes)).toBe(true);
    const range = await buffer(await client().getPartialObject(bucket, 'parts', 5_242_870, 20));
    expect(range.equals(bytes.subarray(5_242_870, 5_242_890))).toBe(true);
  });

  it('lists by prefix and folder, and removes many at once', async () => {
    const keys = ['l/a', 'l/a/', 'l/a/b', 'l/a//b', 'l/ü &<>"+%', 'l/\u{1F600}'];
    for (const key of keys) await client().putObject(bucket, key, Buffer.from(key));
    const list = async (recursive: boolean): Promise<string[]> => {
      const found: string[] = [];
      const stream = client().listObjectsV2(bucket, 'l/', recursive);
      for await (const item of stream as AsyncIterable<{ name?: string; prefix?: string }>) {
        found.push(item.name ?? item.prefix ?? '');
      }
      return found;
    };
    expect((await list(true)).toSorted()).toEqual(keys.toSorted());
    expect((await list(false)).toSorted()).toEqual(
      ['l/a', 'l/a/', 'l/ü &<>"+%', 'l/\u{1F600}'].toSorted(),
    );
    await client().removeObjects(bucket, keys);
    expect(await list(true)).toEqual([]);
  });

  it('signs links that anyone may follow', async () => {
    if (scheme === 'https') return;
    const link = await client().presignedGetObject(bucket, 'size-1', 60);
    const answer = await fetch(link);
    expect(answer.status).toBe(200);
    expect((await answer.arrayBuffer()).byteLength).toBe(1);
  });
});

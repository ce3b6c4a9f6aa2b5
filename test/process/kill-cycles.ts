/** kill -9 of the server under load, again and again, and what must be true after each. */
import { createHash, randomBytes } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { expect } from 'vitest';
import { s3ClientOf } from './s3-client.ts';
import type { ServerProcess } from './server.ts';

const Bucket = 'kept';
const WRITERS = 8;
const sizes = [100, 5_000, 40_000, 1_500_000];
/** Every so many-th key is kept to the end; the others are deleted, for the disk's sake and as load. */
const keepEvery = 10;

/** What may be found under a key: a body's digest, or `absent`. */
type Allowed = Map<string, Set<string>>;

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const client = (server: ServerProcess): S3Client => s3ClientOf(server, { maxAttempts: 1 });

async function digestUnder(s3: S3Client, Key: string): Promise<string> {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    return sha256((await Body?.transformToByteArray()) ?? new Uint8Array(0));
  } catch (error) {
    if (error instanceof Error && error.name === 'NoSuchKey') return 'absent';
    throw error;
  }
}

async function listedKeys(s3: S3Client): Promise<Set<string>> {
  const keys = new Set<string>();
  let after: string | undefined;
  do {
    const start = after === undefined ? {} : { StartAfter: after };
    const page = await s3.send(new ListObjectsV2Command({ Bucket, ...start }));
    for (const { Key = '' } of page.Contents ?? []) keys.add(Key);
    after = page.IsTruncated === true ? page.Contents?.at(-1)?.Key : undefined;
  } while (after !== undefined);
  return keys;
}

/** Runs one change; what it may have left is noted before, what it has left after its success. */
async function change(
  allowed: Allowed,
  key: string,
  after: string,
  call: Promise<unknown>,
): Promise<void> {
  const before = allowed.get(key) ?? new Set(['absent']);
  allowed.set(key, new Set([...before, after]));
  await call;
  allowed.set(key, new Set([after]));
}

/** Writes new keys, overwrites one, and deletes, until the server dies. Returns how many were acknowledged. */
async function write(s3: S3Client, name: string, allowed: Allowed): Promise<number> {
  for (let i = 0; ; i++) {
    const Key = i % 5 === 4 ? `${name.split('-')[1]}-again` : `${name}-${i}`;
    const Body = randomBytes(sizes[i % sizes.length] ?? 1);
    try {
      const put = new PutObjectCommand({ Bucket, Key, Body });
      await change(allowed, Key, sha256(Body), s3.send(put));
      if (i % 7 !== 6) continue;
      const gone = `${name}-${i - 3}`;
      if (!allowed.has(gone)) continue;
      const deletion = new DeleteObjectCommand({ Bucket, Key: gone });
      await change(allowed, gone, 'absent', s3.send(deletion));
    } catch {
      return i; // the server died under this one: its outcome is unknown
    }
  }
}

/** Everything that may be there is whole, everything that must be there is, and the listing says the same. */
async function check(s3: S3Client, allowed: Allowed, settled: Allowed): Promise<void> {
  const listed = await listedKeys(s3);
  const strange = [...listed].filter((key) => !allowed.has(key) && !settled.has(key));
  expect(strange).toEqual([]);
  for (const [key, outcomes] of settled) {
    if (!allowed.has(key)) expect(listed.has(key), key).toBe(!outcomes.has('absent'));
  }
  for (const [key, outcomes] of allowed) {
    const found = await digestUnder(s3, key);
    expect([...outcomes], key).toContain(found);
    expect(listed.has(key), key).toBe(found !== 'absent');
    // From now on it is known: what was read once must not change any more.
    allowed.set(key, new Set([found]));
  }
}

async function thin(s3: S3Client, allowed: Allowed): Promise<void> {
  let place = 0;
  for (const [key, outcomes] of allowed) {
    if (place++ % keepEvery === 0 || key.endsWith('again') || outcomes.has('absent')) continue;
    await change(allowed, key, 'absent', s3.send(new DeleteObjectCommand({ Bucket, Key: key })));
  }
}

/** Kills the server `cycles` times under eight writers. Returns how many writes were acknowledged. */
export async function runKillCycles(server: ServerProcess, cycles: number): Promise<number> {
  await client(server).send(new CreateBucketCommand({ Bucket }));
  // Keys of earlier cycles: in every listing, and read again at the end.
  const settled: Allowed = new Map();
  let acknowledged = 0;
  let again: Allowed = new Map();
  for (let cycle = 0; cycle < cycles; cycle++) {
    const allowed: Allowed = new Map(again);
    const s3 = client(server);
    const writers = Array.from({ length: WRITERS }, (_, writer) =>
      write(s3, `c${cycle}-w${writer}`, allowed),
    );
    // Killed at a different moment of the load each time.
    await new Promise((resolve) => setTimeout(resolve, 300 + ((cycle * 137) % 700)));
    await server.end('SIGKILL');
    for (const count of await Promise.all(writers)) acknowledged += count;
    await server.start();
    const survivors = client(server);
    await check(survivors, allowed, settled);
    await thin(survivors, allowed);
    again = new Map([...allowed].filter(([key]) => key.endsWith('again')));
    for (const [key, outcomes] of allowed) settled.set(key, outcomes);
  }
  await check(client(server), settled, settled);
  return acknowledged;
}

/**
 * What lies on the devices of a server that encrypts everything: no plain byte of any object, however
 * it was written. And what becomes of it when keys are rotated, lost or damaged.
 */
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { torc } from '../../process/operator.ts';
import { s3ClientOf } from '../../process/s3-client.ts';
import { ServerProcess } from '../../process/server.ts';

const server = new ServerProcess();
const config = join(server.data, '..', 'config.json');
const Bucket = 'at-rest';
const settings = { encryptAll: true, serviceKeys: ['one'] };

/** Random, so that no compression hides it. */
const needle: Buffer = randomBytes(64);
const seenPlain: Buffer = randomBytes(64);
/** The needle again and again, between bytes that are never the same. */
function bodyWith(mark: Uint8Array, length: number): Buffer {
  const body = randomBytes(length);
  for (let at = 0; at + mark.length <= length; at += 4000) body.set(mark, at);
  return body;
}

const customerKey = randomBytes(32);
const customer = { SSECustomerAlgorithm: 'AES256', SSECustomerKey: customerKey.toString('base64') };
const bodies: Record<string, Buffer> = {
  inline: bodyWith(needle, 5000),
  large: bodyWith(needle, 3_000_000),
  customer: bodyWith(needle, 100_000),
  'customer-inline': bodyWith(needle, 100),
  service: bodyWith(needle, 100_000),
  swift: bodyWith(needle, 200_000),
  'segment/1': bodyWith(needle, 1_000_000),
  'segment/2': bodyWith(needle, 500),
};
const first = bodyWith(needle, 5 * 1024 * 1024);
const last = bodyWith(needle, 300);

let s3: S3Client;

async function start(): Promise<void> {
  await server.start(['--config', config]);
  s3 = s3ClientOf(server, { maxAttempts: 1 });
}

beforeAll(async () => {
  writeFileSync(config, JSON.stringify(settings));
  await start();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
afterAll(() => server.remove());

interface SwiftRequest {
  readonly method?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

async function swift(path: string, init: SwiftRequest = {}): Promise<Response> {
  const { account, user, password } = server.credentials;
  const headers = { 'X-Auth-User': `${account}:${user}`, 'X-Auth-Key': password };
  const signed = await fetch(`${server.httpUrl}/auth/v1.0`, { headers });
  const token = signed.headers.get('x-auth-token') ?? '';
  const url = `${signed.headers.get('x-storage-url')}/${Bucket}/${path}`;
  return fetch(url, { ...init, headers: { ...init.headers, 'X-Auth-Token': token } });
}

async function get(Key: string): Promise<Buffer> {
  const theirs = Key.startsWith('customer') ? customer : {};
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, ...theirs }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

async function failure(Key: string): Promise<number | undefined> {
  try {
    await get(Key);
    return undefined;
  } catch (error) {
    return (error as { $metadata?: { httpStatusCode?: number } }).$metadata?.httpStatusCode;
  }
}

/** Paths of the files below a folder that hold the bytes. */
function filesWith(folder: string, wanted: Buffer): readonly string[] {
  const found: string[] = [];
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    if (holds(path, wanted)) found.push(path);
  }
  return found;
}

/** In pieces that overlap, for volumes are large. */
function holds(path: string, wanted: Buffer): boolean {
  const piece = Buffer.alloc(4 * 1024 * 1024);
  const file = openSync(path, 'r');
  try {
    for (let at = 0; ; at += piece.length - wanted.length) {
      const length = readSync(file, piece, 0, piece.length, at);
      if (piece.subarray(0, length).includes(wanted)) return true;
      if (length < piece.length) return false;
    }
  } finally {
    closeSync(file);
  }
}

it('nothing plain of any object lies on any device', { timeout: 120_000 }, async () => {
  const put = (Key: string, more: object = {}): Promise<unknown> =>
    s3.send(new PutObjectCommand({ Bucket, Key, Body: bodies[Key] ?? '', ...more }));
  await put('inline');
  await put('large');
  await put('customer', customer);
  await put('customer-inline', customer);
  await put('service', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'one' });
  for (const name of ['swift', 'segment/1', 'segment/2']) {
    expect((await swift(name, { method: 'PUT', body: bodies[name] ?? '' })).status).toBe(201);
  }
  const manifest = { 'X-Object-Manifest': `${Bucket}/segment/` };
  expect((await swift('dynamic', { method: 'PUT', body: '', headers: manifest })).status).toBe(201);
  const list = ['segment/1', 'segment/2'].map((name) => ({ path: `/${Bucket}/${name}` }));
  const body = JSON.stringify(list);
  expect((await swift('static?multipart-manifest=put', { method: 'PUT', body })).status).toBe(201);
  const Key = 'multipart';
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const Parts = await Promise.all(
    [first, last].map(async (Body, index) => {
      const part = { Bucket, Key, UploadId, PartNumber: index + 1, Body };
      const { ETag } = await s3.send(new UploadPartCommand(part));
      return { PartNumber: index + 1, ETag };
    }),
  );
  const complete = { Bucket, Key, UploadId, MultipartUpload: { Parts } };
  await s3.send(new CompleteMultipartUploadCommand(complete));
  await readBack();
  expect(filesWith(server.data, needle)).toEqual([]);
  expect(filesWith(server.data, customerKey)).toEqual([]);
  // Nor after everything that memory still held has been written.
  await server.end('SIGTERM');
  expect(filesWith(server.data, needle)).toEqual([]);
});

async function readBack(): Promise<void> {
  for (const [name, body] of Object.entries(bodies)) {
    expect([name, Buffer.compare(await get(name), body)]).toEqual([name, 0]);
  }
  expect(Buffer.compare(await get('multipart'), Buffer.concat([first, last]))).toBe(0);
  const whole = Buffer.concat([bodies['segment/1'] ?? first, bodies['segment/2'] ?? first]);
  for (const name of ['dynamic', 'static']) {
    const answer = await swift(name);
    expect([name, answer.status]).toEqual([name, 200]);
    expect(Buffer.compare(Buffer.from(await answer.arrayBuffer()), whole)).toBe(0);
  }
}

it('the search finds plain bytes where they are', { timeout: 60_000 }, async () => {
  writeFileSync(config, JSON.stringify({ ...settings, encryptAll: false }));
  await start();
  for (const [Key, length] of [
    ['plain-inline', 5000],
    ['plain-large', 3_000_000],
  ] as const) {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: bodyWith(seenPlain, length) }));
    expect(filesWith(server.data, seenPlain)).not.toEqual([]);
  }
  await readBack();
});

const operate = (...args: readonly string[]): Promise<string> =>
  torc(...args, '--data', server.data);

it('rotations keep old objects readable, also over a crash', { timeout: 120_000 }, async () => {
  expect(await operate('keys', 'rotate')).toContain('New objects get key');
  expect(await operate('kms', 'rotate', 'one')).toContain('version 2');
  const Body = bodyWith(needle, 100_000);
  const ring = { ServerSideEncryption: 'AES256' } as const;
  await s3.send(new PutObjectCommand({ Bucket, Key: 'rotated', Body, ...ring }));
  await server.end('SIGKILL');
  // On the files themselves, while no server runs.
  expect(await operate('keys', 'rotate')).toContain('New objects get key');
  expect((await operate('keys', 'list')).match(/\n/g)).toHaveLength(4);
  await start();
  await readBack();
  expect(Buffer.compare(await get('rotated'), Body)).toBe(0);
});

it('a ring that is lost or damaged is refused at the start, and what is plain can be saved', async () => {
  const ring = join(server.data, 'keys', 'ring.json');
  const away = join(server.data, '..', 'ring.json');
  await server.end('SIGTERM');
  renameSync(ring, away);
  await expect(start()).rejects.toThrow('keys/ring.json is not there: bring it back from a backup');
  writeFileSync(ring, readFileSync(away, 'utf8').replace('"secret": "', '"secret": "A'));
  await expect(start()).rejects.toThrow('keys/ring.json is damaged');
  rmSync(ring);
  writeFileSync(config, JSON.stringify({ serviceKeys: ['one'], keyRing: 'optional' }));
  await start();
  expect(existsSync(ring)).toBe(false);
  expect((await get('plain-large')).includes(seenPlain)).toBe(true);
  expect(await failure('large')).toBe(503);
  expect((await get('service')).equals(bodies['service'] ?? first)).toBe(true);
  await server.end('SIGTERM');
  renameSync(away, ring);
  await start();
  await readBack();
}, 120_000);

it('a key of the service that is lost is refused at the start, or by its objects', async () => {
  const file = join(server.data, 'keys', 'kms', 'one.json');
  const away = join(server.data, '..', 'one.json');
  await server.end('SIGTERM');
  renameSync(file, away);
  await expect(start()).rejects.toThrow('keys/kms/one.json is not there');
  writeFileSync(config, '{}');
  await start();
  expect(await failure('service')).toBe(400);
  expect((await get('large')).equals(bodies['large'] ?? first)).toBe(true);
  await server.end('SIGTERM');
  renameSync(away, file);
  await start();
  expect((await get('service')).equals(bodies['service'] ?? first)).toBe(true);
  const audit = readFileSync(join(server.data, 'keys', 'kms-audit.log'), 'utf8');
  expect(audit).toContain('"outcome":"permitted"');
  expect(audit).toContain('"outcome":"key-not-found"');
}, 120_000);

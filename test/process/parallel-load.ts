/** Many uploads and downloads at once through both doors, by a client that keeps no body. */
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { Agent, type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Client } from 'minio';
import { expect } from 'vitest';
import { digestOf, generatedBody } from './generated-body.ts';
import { minioOf } from './minio-client.ts';
import type { ServerProcess } from './server.ts';

const MiB = 1_048_576;

/** The largest resident memory of a process since the last call, in MiB. */
function peakMiB(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const peak = /VmHWM:\s+(\d+) kB/.exec(status)?.[1];
  // Writing 5 sets the kernel's own high-water mark back: nothing between two samples is missed.
  writeFileSync(`/proc/${pid}/clear_refs`, '5');
  return Number(peak) / 1024;
}

interface Door {
  /** Resolves with what `get` must give: computed on the way, for a client that stands still loses its connections. */
  put(key: string, size: number, seed: number): ReturnType<Door['get']>;
  get(key: string): Promise<{ readonly digest: string; readonly size: number }>;
  remove(key: string): Promise<void>;
}

const agent = new Agent({ keepAlive: true });

interface Call {
  readonly method?: string;
  readonly headers: Readonly<Record<string, string>>;
}

function send(
  url: URL | string,
  call: Call,
  body?: Iterable<Uint8Array>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { ...call, agent }, resolve);
    outgoing.once('error', reject);
    if (body === undefined) outgoing.end();
    else pipeline(Readable.from(body, { highWaterMark: 1 }), outgoing).catch(reject);
  });
}

async function upload(url: URL | string, call: Call, source: Source): ReturnType<Door['get']> {
  const md5 = createHash('md5');
  const sha256 = createHash('sha256');
  const body = (function* (): Generator<Buffer> {
    for (const chunk of generatedBody(source.seed, source.size)) {
      md5.update(chunk);
      sha256.update(chunk);
      yield chunk;
    }
  })();
  const headers = { ...call.headers, 'Content-Length': String(source.size) };
  const reply = await send(url, { method: 'PUT', headers }, body);
  reply.resume();
  expect([200, 201]).toContain(reply.statusCode);
  expect(reply.headers.etag?.replaceAll('"', '')).toBe(md5.digest('hex'));
  return { digest: sha256.digest('hex'), size: source.size };
}

async function download(url: URL | string, call: Call): ReturnType<Door['get']> {
  const reply = await send(url, call);
  expect(reply.statusCode).toBe(200);
  return digestOf(reply as AsyncIterable<Uint8Array>);
}

async function swiftDoor(server: ServerProcess, container: string): Promise<Door> {
  const { account, user, password } = server.credentials;
  const signIn = await fetch(`${server.httpUrl}/auth/v1.0`, {
    headers: { 'X-Auth-User': `${account}:${user}`, 'X-Auth-Key': password },
  });
  const storage = signIn.headers.get('x-storage-url') ?? '';
  const headers = { 'X-Auth-Token': signIn.headers.get('x-auth-token') ?? '' };
  const url = (key: string): string => `${storage}/${container}/${key}`;
  return {
    put: (key, size, seed) => upload(url(key), { headers }, { size, seed }),
    get: (key) => download(url(key), { headers }),
    remove: async (key) => {
      const reply = await send(url(key), { method: 'DELETE', headers });
      reply.resume();
      expect(reply.statusCode).toBe(204);
    },
  };
}

function s3Door(client: Client, bucket: string): Door {
  return {
    put: async (key, size, seed) =>
      upload(await client.presignedPutObject(bucket, key), { headers: {} }, { size, seed }),
    get: async (key) => download(await client.presignedGetObject(bucket, key), { headers: {} }),
    remove: (key) => client.removeObject(bucket, key),
  };
}

interface Source {
  readonly size: number;
  readonly seed: number;
}

export interface Load {
  readonly parallel: number;
  readonly size: number;
}

export interface LoadReport {
  readonly idleMiB: number;
  readonly uploadMiB: number;
  readonly downloadMiB: number;
  readonly seconds: number;
}

/**
 * `parallel` uploads of `size` bytes at once, then as many downloads, every other one through Swift;
 * all are compared by digest and deleted. Reports the most resident memory of the server meanwhile.
 */
export async function runParallelLoad(server: ServerProcess, load: Load): Promise<LoadReport> {
  const client = minioOf(server);
  const bucket = `load-${load.parallel}-${load.size}`;
  await client.makeBucket(bucket, 'us-east-1');
  const doors = [s3Door(client, bucket), await swiftDoor(server, bucket)] as const;
  const each = <T>(run: (door: Door, key: string, seed: number) => Promise<T>): Promise<T[]> =>
    Promise.all(
      Array.from({ length: load.parallel }, (_, i) => run(doors[i % 2 ? 1 : 0], `body-${i}`, i)),
    );
  const started = performance.now();
  peakMiB(server.pid);
  const idleMiB = peakMiB(server.pid);
  const sent = await each((door, key, seed) => door.put(key, load.size, seed));
  const uploadMiB = peakMiB(server.pid);
  await each(async (door, key, seed) => {
    expect(await door.get(key)).toEqual(sent[seed]);
  });
  const downloadMiB = peakMiB(server.pid);
  const seconds = (performance.now() - started) / 1000;
  await each((door, key) => door.remove(key));
  await client.removeBucket(bucket);
  const report = { idleMiB, uploadMiB, downloadMiB, seconds };
  process.stdout.write(
    `${load.parallel} x ${load.size / MiB} MiB: ${JSON.stringify(report, (_, value: unknown) =>
      typeof value === 'number' ? Math.round(value) : value,
    )}\n`,
  );
  return report;
}

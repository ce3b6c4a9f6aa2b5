/** One bucket of a real server is divided again and again while real clients write, read and list in it, and while its settings change; then everything is counted. */
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  GetBucketVersioningCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketTaggingCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callControl } from '../../bin/verbs/control.ts';
import { eventually } from '../process/operator.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
const settings = join(dirname(server.data), 'settings.json');
const options = ['--log-level', 'info', '--config', settings];
beforeAll(() => {
  // The halves are parted when the backup knows of both.
  writeFileSync(settings, JSON.stringify({ metadataBackupSeconds: 1 }));
  return server.start(options);
});
afterAll(() => server.remove());

const Bucket = 'divided';
const divisions = Number(process.env['LONG_DIVISIONS'] ?? 7);
const objects = Number(process.env['LONG_OBJECTS'] ?? 4000);
/** The machine's and the client's time is in it. */
const patienceMillis = Number(process.env['LONG_PATIENCE'] ?? 5000);

const control = (path: string): Promise<string> => callControl(server.data, path);
const about = (): string => `account=${server.credentials.account}&container=${Bucket}`;
const client = (): S3Client => s3ClientOf(server, { maxAttempts: 1 });
const keyOf = (number: number): string =>
  `${'abcdefgh'[number % 8] ?? ''}/${String(number).padStart(6, '0')}`;
const sizes = [10, 10, 10, 30_000];

class Load {
  readonly #s3 = client();
  readonly bodies = new Map<string, string>();
  readonly millis: number[] = [];
  isOver = false;

  async #timed<Result>(task: () => Promise<Result>): Promise<Result> {
    const began = performance.now();
    const result = await task();
    this.millis.push(performance.now() - began);
    return result;
  }

  async put(Key: string, round: number): Promise<void> {
    const Body = `${Key} ${round} `.padEnd(sizes[round % sizes.length] ?? 10, 'x');
    await this.#timed(() => this.#s3.send(new PutObjectCommand({ Bucket, Key, Body })));
    this.bodies.set(Key, Body);
  }

  async remove(Key: string): Promise<void> {
    await this.#timed(() => this.#s3.send(new DeleteObjectCommand({ Bucket, Key })));
    this.bodies.delete(Key);
  }

  get(Key: string): Promise<string | undefined> {
    return this.#timed(async () => {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket, Key }));
      return Body?.transformToString();
    });
  }

  /** All pages. */
  async list(Prefix?: string): Promise<readonly string[]> {
    const names: string[] = [];
    let ContinuationToken: string | undefined;
    do {
      const command = new ListObjectsV2Command({ Bucket, Prefix, ContinuationToken });
      const page = await this.#timed(() => this.#s3.send(command));
      names.push(...(page.Contents ?? []).map(({ Key = '' }) => Key));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    return names;
  }

  /** Its own names: nobody else writes them. */
  async run(place: number, of: number): Promise<void> {
    for (let round = 1; !this.isOver; round++) {
      const number = ((round * 7919) % Math.floor(objects / of)) * of + place;
      const Key = keyOf(number);
      if (round % 5 === 4) await this.remove(Key);
      else await this.put(Key, round);
      if (round % 2 === 0 && this.bodies.has(Key))
        expect(await this.get(Key)).toBe(this.bodies.get(Key));
      const own = `${place}-own/`;
      if (round % 20 === 0) {
        for (const name of ['x', 'y', 'z']) await this.put(`${own}${name}${round}`, round);
        const expected = [...this.bodies.keys()].filter((name) => name.startsWith(own));
        expect(await this.list(own)).toEqual(expected.toSorted());
      }
    }
  }

  /** A large object whose parts come before and after. */
  async upload(Key: string, until: Promise<unknown>): Promise<void> {
    const { UploadId } = await this.#s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const bodies = ['a'.repeat(5 * 1024 * 1024), 'the end'];
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    for (const [place, Body] of bodies.entries()) {
      if (place === 1) await until;
      const PartNumber = place + 1;
      const part = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body });
      Parts.push({ PartNumber, ETag: (await this.#s3.send(part)).ETag });
    }
    const MultipartUpload = { Parts };
    const done = { Bucket, Key, UploadId, MultipartUpload };
    await this.#s3.send(new CompleteMultipartUploadCommand(done));
    this.bodies.set(Key, bodies.join(''));
  }

  async tag(round: number): Promise<void> {
    const Tagging = { TagSet: [{ Key: 'round', Value: String(round) }] };
    await this.#timed(() => this.#s3.send(new PutBucketTaggingCommand({ Bucket, Tagging })));
  }

  async create(): Promise<void> {
    await this.#s3.send(new CreateBucketCommand({ Bucket }));
  }

  async refusesToGo(): Promise<void> {
    const going = this.#s3.send(new DeleteBucketCommand({ Bucket }));
    await expect(going).rejects.toMatchObject({ name: 'BucketNotEmpty' });
    await this.#s3.send(new GetBucketVersioningCommand({ Bucket }));
  }

  async goes(names: Iterable<string>): Promise<void> {
    for (const Key of names) {
      await this.#s3.send(new DeleteObjectCommand({ Bucket, Key }));
    }
    await this.#s3.send(new DeleteBucketCommand({ Bucket }));
    const after = this.#s3.send(new PutObjectCommand({ Bucket, Key: 'a', Body: '' }));
    await expect(after).rejects.toMatchObject({ name: 'NoSuchBucket' });
  }
}

const piecesNow = async (): Promise<number> =>
  (await control(`/shard/pieces?${about()}`)).split('\n').length;

/** One after the other, each of the largest piece; the settings change meanwhile. */
async function divideAll(load: Load): Promise<void> {
  for (let round = 1; round <= divisions; round++) {
    await control(`/shard/divide?${about()}`);
    await eventually('it is divided', async () => (await piecesNow()) === round + 1, 240);
    await load.tag(round);
    await load.refusesToGo();
  }
}

function report(load: Load): { readonly slowest: number; readonly held: readonly number[] } {
  const sorted = load.millis.toSorted((a, b) => a - b);
  const at = (share: number): number => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
  const slowest = Math.round(sorted.at(-1) ?? 0);
  const told = server.printed.matchAll(/"shard\.divided"[^\n]*"heldMillis":(\d+)/g);
  const held = [...told].map(([, millis]) => Number(millis));
  process.stdout.write(
    `held ${Math.max(...held)} ms at most (${held.join(' ')}), objects: ${load.bodies.size}, requests: ${sorted.length}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${slowest} ms\n`,
  );
  return { slowest, held };
}

it('nothing is lost, and nobody waits, while a bucket is divided', {
  timeout: 900_000,
}, async () => {
  const load = new Load();
  await load.create();
  const strands = 4;
  const each = async (task: (place: number) => Promise<void>): Promise<void> => {
    await Promise.all(Array.from({ length: strands }, (_, place) => task(place)));
  };
  await each(async (place) => {
    for (let number = place; number < objects; number += strands) await load.put(keyOf(number), 0);
  });
  load.millis.length = 0;
  const running = each((place) => load.run(place, strands));
  running.catch(() => undefined);
  const dividing = divideAll(load);
  const uploading = load.upload('d/multipart', dividing);
  await dividing;
  await uploading;
  load.isOver = true;
  await running;
  const { slowest, held } = report(load);
  expect(held).toHaveLength(divisions);
  expect(slowest).toBeLessThan(patienceMillis);
  for (let life = 0; life < 2; life++) {
    const now = life === 0 ? load : new Load();
    expect(await now.list()).toEqual([...load.bodies.keys()].toSorted());
    for (const [key, body] of load.bodies) expect(await now.get(key)).toBe(body);
    expect(await piecesNow()).toBe(divisions + 1);
    if (life === 1) break;
    await server.end('SIGKILL');
    await server.start(options);
  }
  await new Load().goes(load.bodies.keys());
});

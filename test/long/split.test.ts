/** Every shard of a real server is split, and every other one merged again, while real clients write, read and list; then everything is counted. */
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callControl } from '../../bin/verbs/control.ts';
import { eventually } from '../process/operator.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start(['--log-level', 'info']));
afterAll(() => server.remove());

const buckets = Array.from({ length: 40 }, (_, place) => `split-${place}`);
/** No key waits longer than 200 ms for a split; the rest is the machine's and the client's. */
const patienceMillis = Number(process.env['LONG_PATIENCE'] ?? 5000);

const client = (): S3Client => s3ClientOf(server, { maxAttempts: 1 });

class Load {
  readonly #s3 = client();
  /** By bucket, the bodies that were acknowledged. */
  readonly bodies = new Map(buckets.map((bucket) => [bucket, new Map<string, string>()]));
  readonly millis: number[] = [];
  isOver = false;

  async #timed<Result>(task: () => Promise<Result>): Promise<Result> {
    const began = performance.now();
    const result = await task();
    this.millis.push(performance.now() - began);
    return result;
  }

  async make(): Promise<void> {
    for (const Bucket of buckets) await this.#s3.send(new CreateBucketCommand({ Bucket }));
  }

  async #act(Bucket: string, round: number): Promise<void> {
    const bodies = this.bodies.get(Bucket) ?? new Map<string, string>();
    const Key = `key-${round % 25}`;
    if (round % 6 === 5) {
      await this.#timed(() => this.#s3.send(new DeleteObjectCommand({ Bucket, Key })));
      bodies.delete(Key);
    } else {
      // Some in the row, some on devices.
      const Body = `${Bucket} ${round} `.repeat(round % 4 === 3 ? 4000 : 10);
      await this.#timed(() => this.#s3.send(new PutObjectCommand({ Bucket, Key, Body })));
      bodies.set(Key, Body);
    }
    if (round % 3 === 0 && bodies.has(Key))
      expect(await this.read(Bucket, Key)).toBe(bodies.get(Key));
    if (round % 10 === 0) expect(await this.list(Bucket)).toEqual([...bodies.keys()].toSorted());
  }

  read(Bucket: string, Key: string): Promise<string | undefined> {
    return this.#timed(async () => {
      const { Body } = await this.#s3.send(new GetObjectCommand({ Bucket, Key }));
      return Body?.transformToString();
    });
  }

  list(Bucket: string): Promise<readonly string[]> {
    return this.#timed(async () => {
      const { Contents = [] } = await this.#s3.send(new ListObjectsV2Command({ Bucket }));
      return Contents.map(({ Key = '' }) => Key).toSorted();
    });
  }

  /** A large object whose parts come before and after. */
  async upload(Bucket: string, until: Promise<unknown>): Promise<void> {
    const Key = 'multipart';
    const { UploadId } = await this.#s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const Parts: { PartNumber: number; ETag: string | undefined }[] = [];
    const part = async (PartNumber: number, Body: string): Promise<void> => {
      const command = new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body });
      Parts.push({ PartNumber, ETag: (await this.#s3.send(command)).ETag });
    };
    const bodies = ['a'.repeat(5 * 1024 * 1024), 'the end'];
    await part(1, bodies[0] ?? '');
    await until;
    await part(2, bodies[1] ?? '');
    const MultipartUpload = { Parts };
    await this.#s3.send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload }),
    );
    this.bodies.get(Bucket)?.set(Key, bodies.join(''));
  }

  async run(place: number, of: number): Promise<void> {
    const own = buckets.filter((_, number) => number % of === place);
    for (let round = 0; !this.isOver; round++) {
      for (const bucket of own) await this.#act(bucket, round);
    }
  }
}

async function splitAll(): Promise<number> {
  const listed = await callControl(server.data, '/shard/list');
  let count = 0;
  for (const line of listed.split('\n')) {
    const shard = Number(line.split(' ', 1)[0]);
    try {
      await callControl(server.data, `/shard/split?shard=${shard}`);
      count++;
    } catch (error) {
      // A shard with one container, or none, is not parted.
      expect(String(error)).toContain('parted');
    }
  }
  return count;
}

/** Every other shard goes over into the one before it; within the first minute of a process they wait for backups. */
async function mergeHalf(): Promise<number> {
  const numbers = async (): Promise<readonly number[]> => {
    const listed = await callControl(server.data, '/shard/list');
    return listed.split('\n').map((line) => Number(line.split(' ', 1)[0]));
  };
  const going = (await numbers()).filter((_, place) => place % 2 === 1);
  for (const shard of going) {
    await callControl(server.data, `/shard/merge?shard=${shard}`);
    await eventually(`${shard} is merged`, async () => !(await numbers()).includes(shard));
  }
  return going.length;
}

it('nothing is lost, and nobody waits, while shards are split and merged', {
  timeout: 300_000,
}, async () => {
  const load = new Load();
  await load.make();
  const strands = 4;
  const running = Promise.all(
    Array.from({ length: strands }, (_, place) => load.run(place, strands)),
  );
  running.catch(() => undefined);
  await new Promise((resolve) => setTimeout(resolve, 2000));
  const splitting = splitAll();
  const merging = splitting.then(mergeHalf);
  const uploading = load.upload('split-0', merging);
  const count = await splitting;
  const merged = await merging;
  await uploading;
  load.isOver = true;
  await running;
  expect(count).toBeGreaterThan(5);
  const sorted = load.millis.toSorted((a, b) => a - b);
  const slowest = sorted.at(-1) ?? 0;
  const at = (share: number): number => Math.round(sorted[Math.floor(sorted.length * share)] ?? 0);
  const held = [...server.printed.matchAll(/"heldMillis":(\d+)/g)].map(([, millis]) =>
    Number(millis),
  );
  expect(held).toHaveLength(count + merged);
  process.stdout.write(
    `held ${Math.max(...held)} ms at most (${held.join(' ')}), splits: ${count}, merges: ${merged}, requests: ${sorted.length}, p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${Math.round(slowest)} ms\n`,
  );
  expect(slowest).toBeLessThan(patienceMillis);
  for (let life = 0; life < 2; life++) {
    const now = life === 0 ? load : Object.assign(new Load(), {});
    for (const [bucket, bodies] of load.bodies) {
      expect(await now.list(bucket)).toEqual([...bodies.keys()].toSorted());
      for (const [key, body] of bodies) expect(await now.read(bucket, key)).toBe(body);
    }
    if (life === 1) break;
    await server.end('SIGKILL');
    await server.start();
  }
});

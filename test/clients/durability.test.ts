/** kill -9 under load, lost devices, both doors: against the real process on real files. */
import { createHash, randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runKillCycles } from '../process/kill-cycles.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

let server: ServerProcess;
beforeEach(async () => {
  server = new ServerProcess();
  await server.start();
});
afterEach(() => server.remove());

const Bucket = 'kept';

const client = (): S3Client => s3ClientOf(server, { maxAttempts: 1 });

async function digestOf(s3: S3Client, Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array(0);
  return createHash('sha256').update(bytes).digest('hex');
}

async function names(s3: S3Client): Promise<string[]> {
  const page = await s3.send(new ListObjectsV2Command({ Bucket }));
  return page.Contents?.map((one) => one.Key ?? '') ?? [];
}

describe('what was acknowledged', () => {
  it('survives five kill -9 under eight writers', { timeout: 180_000 }, async () => {
    expect(await runKillCycles(server, 5)).toBeGreaterThan(50);
  });

  it('is still read byte-exact when two of six devices are deleted', {
    timeout: 60_000,
  }, async () => {
    const s3 = client();
    await s3.send(new CreateBucketCommand({ Bucket }));
    const written = new Map<string, string>();
    for (let i = 0; i < 24; i++) {
      const Body = randomBytes([10, 20_000, 1_048_577, 3_000_000][i % 4] ?? 1);
      await s3.send(new PutObjectCommand({ Bucket, Key: `k${i}`, Body }));
      written.set(`k${i}`, createHash('sha256').update(Body).digest('hex'));
    }
    expect(await server.end('SIGTERM')).toBe(0);
    for (const device of ['d2', 'd5']) {
      rmSync(join(server.data, 'devices', device), { recursive: true, force: true });
    }
    await server.start();
    const again = client();
    expect((await names(again)).sort()).toEqual([...written.keys()].sort());
    for (const [key, digest] of written) expect(await digestOf(again, key)).toBe(digest);
  });
});

/** A file system that fills up under the server: writes are refused, and nothing that was kept is lost. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { digestOf, generatedBody } from '../process/generated-body.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'torc-full-'));

/** Only root may mount; test/sim fills its devices for everybody else. */
function mountSmall(): boolean {
  try {
    const args = ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', folder];
    execFileSync('mount', args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const isMounted = mountSmall();
const server = new ServerProcess(folder);
const Bucket = 'full';
const sizes = [12_000, 8_000_000];
let s3: S3Client;

async function start(): Promise<void> {
  await server.start();
  s3 = s3ClientOf(server, { maxAttempts: 1 });
}

beforeAll(() => (isMounted ? start() : undefined));
afterAll(async () => {
  await server.remove();
  if (isMounted) execFileSync('umount', ['--lazy', folder]);
  rmSync(folder, { recursive: true, force: true });
});

/** Who still writes when the refusal comes may see his connection end before he reads it: he asks again, as clients do. */
async function put(i: number, attempts = 3): Promise<number> {
  const Body = Buffer.concat([...generatedBody(i, sizes[i % 2] ?? 0)]);
  try {
    await s3.send(new PutObjectCommand({ Bucket, Key: `k${i}`, Body }));
    return 200;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if ((code === 'EPIPE' || code === 'ECONNRESET') && attempts > 1) return put(i, attempts - 1);
    if (!(error instanceof S3ServiceException)) throw error;
    return error.$metadata.httpStatusCode ?? 0;
  }
}

async function checkAll(kept: readonly number[]): Promise<void> {
  const page = await s3.send(new ListObjectsV2Command({ Bucket }));
  const listed = page.Contents?.map((one) => one.Key ?? '') ?? [];
  expect(listed.toSorted()).toEqual(kept.map((i) => `k${i}`).toSorted());
  for (const i of kept) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: `k${i}` }));
    const found = await digestOf(Body as unknown as AsyncIterable<Uint8Array>);
    expect(found, `k${i}`).toEqual(await digestOf(generatedBody(i, sizes[i % 2] ?? 0)));
  }
}

it.runIf(isMounted)(
  'refuses with 507 or 503, and keeps what it took',
  { timeout: 90_000 },
  async () => {
    await s3.send(new CreateBucketCommand({ Bucket }));
    const kept: number[] = [];
    let refused = 0;
    for (let i = 0; i < 400 && refused < 3; i++) {
      const status = await put(i);
      if (status === 200) kept.push(i);
      else {
        expect([503, 507]).toContain(status);
        refused++;
      }
    }
    expect(refused).toBe(3);
    expect(kept.length).toBeGreaterThan(20);
    await checkAll(kept);
    // A full device still deletes, and still starts.
    const gone = kept.pop();
    await s3.send(new DeleteObjectCommand({ Bucket, Key: `k${gone}` }));
    await checkAll(kept);
    await server.end('SIGKILL');
    await start();
    await checkAll(kept);
  },
);

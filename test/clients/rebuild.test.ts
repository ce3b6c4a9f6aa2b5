/** All logs and indexes of a server are lost; `torc fsck --rebuild` makes its shards again from fragments, for both doors. */
import { randomBytes } from 'node:crypto';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  GetObjectTaggingCommand,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually, statusOf, torc } from '../process/operator.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
const settings = join(server.data, '..', 'settings.json');
beforeAll(() => {
  writeFileSync(settings, JSON.stringify({ metadataBackupSeconds: 1 }));
  return server.start(['--config', settings]);
});
afterAll(() => server.remove());

const Bucket = 'rebuilt';
const client = (): S3Client => s3ClientOf(server);

interface Backup {
  readonly shards: number;
  readonly followed: number;
  readonly waiting: number;
}

async function fsck(...flags: readonly string[]): Promise<Record<string, unknown>> {
  const printed = await torc('fsck', ...flags, '--data', server.data);
  return JSON.parse(printed) as Record<string, unknown>;
}

function backedUp(): Promise<void> {
  return eventually('backups follow', async () => {
    const { metadataBackup } = await statusOf<{ metadataBackup: Backup }>(server);
    return metadataBackup.followed === metadataBackup.shards && metadataBackup.waiting === 0;
  });
}

async function bytesOf(Key: string, VersionId?: string): Promise<Buffer> {
  const { Body } = await client().send(new GetObjectCommand({ Bucket, Key, VersionId }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

async function multipart(Key: string, parts: readonly Buffer[]): Promise<void> {
  const s3 = client();
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const Parts = [];
  for (const [i, Body] of parts.entries()) {
    const at = { Bucket, Key, UploadId, PartNumber: i + 1 };
    const { ETag } = await s3.send(new UploadPartCommand({ ...at, Body }));
    Parts.push({ ETag, PartNumber: i + 1 });
  }
  const done = { Bucket, Key, UploadId, MultipartUpload: { Parts } };
  await s3.send(new CompleteMultipartUploadCommand(done));
}

interface SwiftInit {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array<ArrayBuffer>;
}

/** A Swift request with a token of the same account. */
async function swift(method: string, path: string, init: SwiftInit = {}): Promise<Response> {
  const { account, user, password } = server.credentials;
  const headers = {
    'X-Auth-User': `${account.replace(/^AUTH_/, '')}:${user}`,
    'X-Auth-Key': password,
  };
  const signed = await fetch(new URL('/auth/v1.0', server.httpUrl), { headers });
  const token = signed.headers.get('x-auth-token') ?? '';
  const url = `${signed.headers.get('x-storage-url') ?? ''}${path}`;
  return fetch(url, { ...init, method, headers: { ...init.headers, 'X-Auth-Token': token } });
}

it('brings back what both doors had, byte by byte', { timeout: 240_000 }, async () => {
  const s3 = client();
  await s3.send(new CreateBucketCommand({ Bucket }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
  const small = randomBytes(700);
  const large = randomBytes(2_500_000);
  const Metadata = { colour: 'blue' };
  await s3.send(new PutObjectCommand({ Bucket, Key: 'small', Body: small, Metadata }));
  const { VersionId: older } = await s3.send(
    new PutObjectCommand({ Bucket, Key: 'large', Body: 'before' }),
  );
  const sealed = { ServerSideEncryption: 'AES256' } as const;
  await s3.send(new PutObjectCommand({ Bucket, Key: 'large', Body: large, ...sealed }));
  const parts = [randomBytes(5 * 1024 * 1024), randomBytes(100)];
  await multipart('parts', parts);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'gone', Body: large }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'gone' }));
  await backedUp();
  // Of a chain's second piece: a late change, an object of the other door, a large object of its segments.
  const Tagging = { TagSet: [{ Key: 'a', Value: 'b' }] };
  await s3.send(new PutObjectTaggingCommand({ Bucket, Key: 'small', Tagging }));
  await swift('PUT', '/things', { headers: { 'X-Container-Meta-Kind': 'odds' } });
  const half = large.subarray(0, 1_300_000);
  for (const name of ['s1', 's2']) await swift('PUT', `/things/${name}`, { body: half });
  const segments = ['s1', 's2'].map((name) => ({ path: `/things/${name}` }));
  const made = await swift('PUT', '/things/whole?multipart-manifest=put', {
    body: JSON.stringify(segments),
  });
  expect(made.status).toBe(201);
  await backedUp();

  await server.end('SIGKILL');
  for (const device of readdirSync(join(server.data, 'devices'))) {
    const folder = join(server.data, 'devices', device);
    rmSync(join(folder, 'log'), { recursive: true });
    rmSync(join(folder, 'index'), { recursive: true });
  }
  await server.start(['--config', settings]);
  await expect(bytesOf('small')).rejects.toThrow();
  const shards = 12;
  const report = await fsck('--rebuild');
  expect(report).toMatchObject({ shardsRebuilt: shards, shardsLost: 0, containers: 2 });

  expect(await bytesOf('small')).toEqual(small);
  const head = await client().send(new GetObjectCommand({ Bucket, Key: 'small' }));
  expect(head.Metadata).toEqual(Metadata);
  const tags = await client().send(new GetObjectTaggingCommand({ Bucket, Key: 'small' }));
  expect(tags.TagSet).toEqual(Tagging.TagSet);
  expect(await bytesOf('large')).toEqual(large);
  expect((await bytesOf('large', older)).toString()).toBe('before');
  expect(await bytesOf('parts')).toEqual(Buffer.concat(parts));
  await expect(bytesOf('gone')).rejects.toThrow();
  const { Versions, DeleteMarkers } = await client().send(
    new ListObjectVersionsCommand({ Bucket }),
  );
  expect(Versions?.map(({ Key }) => Key)).toEqual(['gone', 'large', 'large', 'parts', 'small']);
  expect(DeleteMarkers?.map(({ Key }) => Key)).toEqual(['gone']);
  const whole = await swift('GET', '/things/whole');
  expect(Buffer.from(await whole.arrayBuffer())).toEqual(Buffer.concat([half, half]));
  const container = await swift('HEAD', '/things');
  expect(container.headers.get('x-container-meta-kind')).toBe('odds');
  // Nothing is to be made twice, and what is there is counted whole.
  expect(await fsck('--rebuild')).toMatchObject({
    ...{ shardsGood: shards, shardsRebuilt: 0 },
  });
  await client().send(new PutObjectCommand({ Bucket, Key: 'after', Body: small }));
  expect(await bytesOf('after')).toEqual(small);
  expect(await fsck()).toMatchObject({
    ...{ fragmentsBad: 0, fragmentsMissing: 0, bodiesLost: 0 },
  });
});

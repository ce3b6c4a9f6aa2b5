/** Two servers: what one is told, the other gets, through its outage and a crash of the first. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectVersionsCommand,
  PutBucketReplicationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { s3ClientOf } from '../../process/s3-client.ts';
import { ServerProcess } from '../../process/server.ts';

const near = new ServerProcess();
const far = new ServerProcess();
const config = join(near.data, '..', 'config.json');
const soon = { timeout: 30_000, interval: 100 };

const client = (server: ServerProcess): S3Client => s3ClientOf(server);

async function versioned(s3: S3Client, Bucket: string): Promise<void> {
  await s3.send(new CreateBucketCommand({ Bucket }));
  const VersioningConfiguration = { Status: 'Enabled' } as const;
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
}

async function statusOf(Key: string): Promise<string | undefined> {
  const head = await client(near).send(new HeadObjectCommand({ Bucket: 'source', Key }));
  return head.ReplicationStatus;
}

async function read(s3: S3Client, Bucket: string, Key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

beforeAll(async () => {
  await far.start();
  const { accessKeyId, secretAccessKey } = far.credentials;
  const store = { name: 'far', endpoint: far.httpUrl, accessKeyId, secretAccessKey };
  mkdirSync(join(near.data, '..'), { recursive: true });
  writeFileSync(config, JSON.stringify({ replicationTargets: [store] }));
  await near.start(['--config', config]);
  await versioned(client(far), 'copies');
  await versioned(client(near), 'source');
  await client(near).send(
    new PutBucketReplicationCommand({
      Bucket: 'source',
      ReplicationConfiguration: {
        Role: 'arn:aws:iam::000000000000:role/replication',
        Rules: [
          {
            ID: 'all',
            Priority: 1,
            Status: 'Enabled',
            Filter: { Prefix: '' },
            DeleteMarkerReplication: { Status: 'Enabled' },
            Destination: { Bucket: 'arn:torc:replication::far:copies' },
          },
        ],
      },
    }),
  );
});
afterAll(async () => {
  await near.remove();
  await far.remove();
});

it('objects, large ones and those in parts arrive as they are', async () => {
  const s3 = client(near);
  const large = randomBytes(3_000_000);
  const at = { Bucket: 'source', Key: 'large' };
  await s3.send(new PutObjectCommand({ ...at, Body: large, Metadata: { a: 'b' }, Tagging: 't=1' }));
  const parts = { Bucket: 'source', Key: 'parts' };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(parts));
  const bodies = [randomBytes(5 * 1_048_576), randomBytes(100)];
  const Parts = [];
  for (const [index, Body] of bodies.entries()) {
    const PartNumber = index + 1;
    const part = { ...parts, UploadId, PartNumber };
    const { ETag, ChecksumCRC32 } = await s3.send(new UploadPartCommand({ ...part, Body }));
    Parts.push({ PartNumber, ETag, ChecksumCRC32 });
  }
  await s3.send(
    new CompleteMultipartUploadCommand({ ...parts, UploadId, MultipartUpload: { Parts } }),
  );
  await vi.waitFor(async () => {
    expect([await statusOf('large'), await statusOf('parts')]).toEqual(['COMPLETED', 'COMPLETED']);
  }, soon);
  expect((await read(client(far), 'copies', 'large')).equals(large)).toBe(true);
  expect((await read(client(far), 'copies', 'parts')).equals(Buffer.concat(bodies))).toBe(true);
  const mine = await s3.send(new HeadObjectCommand(parts));
  const got = await client(far).send(new HeadObjectCommand({ ...parts, Bucket: 'copies' }));
  expect([got.ETag, got.ReplicationStatus]).toEqual([mine.ETag, 'REPLICA']);
  const head = await client(far).send(new HeadObjectCommand({ Bucket: 'copies', Key: 'large' }));
  expect(head.Metadata).toEqual({ a: 'b' });
});

it('an outage there and a crash here lose nothing', async () => {
  const address = new URL(far.httpUrl).host;
  await far.end('SIGKILL');
  const s3 = client(near);
  for (const Body of ['1', '22', '333']) {
    await s3.send(new PutObjectCommand({ Bucket: 'source', Key: 'history', Body }));
  }
  await s3.send(new PutObjectCommand({ Bucket: 'source', Key: 'gone', Body: 'x' }));
  await s3.send(new DeleteObjectCommand({ Bucket: 'source', Key: 'gone' }));
  expect(await statusOf('history')).toBe('PENDING');
  await near.end('SIGKILL');
  await near.start(['--config', config]);
  expect(await statusOf('history')).toBe('PENDING');
  await far.start(['--http', address]);
  await vi.waitFor(async () => expect(await statusOf('history')).toBe('COMPLETED'), soon);
  await vi.waitFor(async () => {
    const list = await client(far).send(new ListObjectVersionsCommand({ Bucket: 'copies' }));
    const sizes = list.Versions?.filter(({ Key }) => Key === 'history').map(({ Size }) => Size);
    expect(sizes).toEqual([3, 2, 1]);
    expect(list.DeleteMarkers?.map(({ Key }) => Key)).toEqual(['gone']);
  }, soon);
});

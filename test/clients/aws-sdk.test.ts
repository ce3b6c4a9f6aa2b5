/** @aws-sdk/client-s3 with its default integrity settings, over http and https. */
import { randomBytes } from 'node:crypto';
import { Agent } from 'node:https';
import {
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
beforeAll(() => server.start());
afterAll(() => server.remove());

function client(scheme: 'http' | 'https'): S3Client {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return new S3Client({
    endpoint: scheme === 'http' ? server.httpUrl : server.httpsUrl,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    maxAttempts: 1,
    ...(scheme === 'https'
      ? { requestHandler: { httpsAgent: new Agent({ rejectUnauthorized: false }) } }
      : {}),
  });
}

async function read(s3: S3Client, Bucket: string, Key: string): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return Buffer.from((await Body?.transformToByteArray()) ?? []);
}

const sizes = [0, 1, 16_383, 16_384, 16_385, 1_048_575, 1_048_576, 1_048_577];
const hostileKeys = [
  'a',
  'a/',
  'a/b',
  'a//b',
  '../x',
  '.',
  'é',
  'e\u0301',
  '\u{1F600}',
  '\u{FF5E}',
  'a b+c%d&<>"',
  'x'.repeat(1024),
];

describe.each(['http', 'https'] as const)('the JavaScript SDK over %s', (scheme) => {
  const Bucket = `sdk-${scheme}`;
  const s3 = (): S3Client => client(scheme);

  it('writes and reads objects around every threshold', async () => {
    await s3().send(new CreateBucketCommand({ Bucket }));
    for (const size of sizes) {
      const Body = randomBytes(size);
      await s3().send(new PutObjectCommand({ Bucket, Key: `size-${size}`, Body }));
      expect((await read(s3(), Bucket, `size-${size}`)).equals(Body)).toBe(true);
      const head = await s3().send(new HeadObjectCommand({ Bucket, Key: `size-${size}` }));
      expect(head.ContentLength).toBe(size);
    }
  });

  it('keeps hostile keys apart and lists them by their bytes', async () => {
    for (const Key of hostileKeys) {
      await s3().send(new PutObjectCommand({ Bucket, Key: `h/${Key}`.slice(0, 1024), Body: Key }));
    }
    const page = await s3().send(new ListObjectsV2Command({ Bucket, Prefix: 'h/' }));
    const names = page.Contents?.map((one) => one.Key ?? '') ?? [];
    const wanted = hostileKeys.map((key) => `h/${key}`.slice(0, 1024));
    wanted.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    expect(names).toEqual(wanted);
    for (const Key of hostileKeys) {
      const found = await read(s3(), Bucket, `h/${Key}`.slice(0, 1024));
      expect(found.toString('utf8')).toBe(Key);
    }
  });

  it('uploads in parts', async () => {
    const Key = 'parts';
    const pieces = [randomBytes(5 * 1_048_576), randomBytes(5 * 1_048_576), randomBytes(17)];
    const { UploadId } = await s3().send(new CreateMultipartUploadCommand({ Bucket, Key }));
    const Parts = [];
    for (const [place, Body] of pieces.entries()) {
      const PartNumber = place + 1;
      const part = await s3().send(
        new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }),
      );
      Parts.push({ PartNumber, ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32 });
    }
    const done = await s3().send(
      new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
    );
    expect(done.ETag).toMatch(/-3"$/);
    expect((await read(s3(), Bucket, Key)).equals(Buffer.concat(pieces))).toBe(true);
    const range = await s3().send(
      new GetObjectCommand({ Bucket, Key, Range: 'bytes=5242870-5242889' }),
    );
    const bytes = Buffer.from((await range.Body?.transformToByteArray()) ?? []);
    expect(bytes.equals(Buffer.concat(pieces).subarray(5_242_870, 5_242_890))).toBe(true);
  });

  it('lets one of 32 racing creations win', async () => {
    const shared = s3();
    const attempts = await Promise.allSettled(
      Array.from({ length: 32 }, (_, i) =>
        shared.send(
          new PutObjectCommand({ Bucket, Key: 'race', Body: `writer ${i}`, IfNoneMatch: '*' }),
        ),
      ),
    );
    const winners = attempts.flatMap((one, i) => (one.status === 'fulfilled' ? [i] : []));
    expect(winners).toHaveLength(1);
    expect((await read(shared, Bucket, 'race')).toString()).toBe(`writer ${winners[0]}`);
  });

  it('forgets what is deleted, at once', async () => {
    await s3().send(new DeleteObjectCommand({ Bucket, Key: 'size-1' }));
    await expect(read(s3(), Bucket, 'size-1')).rejects.toMatchObject({ name: 'NoSuchKey' });
    const page = await s3().send(new ListObjectsV2Command({ Bucket, Prefix: 'size-1' }));
    expect(page.Contents?.map((one) => one.Key)).not.toContain('size-1');
  });
});

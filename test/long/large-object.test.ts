/**
 * One object over 6 GiB by multipart with each client, read back with the same client and compared by
 * digest; python-swiftclient reads what aws-cli wrote, which does it over https too. Bodies are generated and judged as they pass, so
 * only the server stores anything, and each client's object is gone before the next begins.
 */
import { statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import {
  CompleteMultipartUploadCommand,
  type CompletedPart,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import type { Client } from 'minio';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { digestOf } from '../process/generated-body.ts';
import {
  type Chunks,
  commandClient,
  outputOf,
  start,
  type StreamingClient,
} from '../process/tools/piped-command.ts';
import { roundTrip } from '../process/tools/round-trip.ts';
import { installPythonTools, toolPath } from '../process/python-tools.ts';
import { minioOf } from '../process/minio-client.ts';
import { s3ClientOf } from '../process/s3-client.ts';
import { ServerProcess } from '../process/server.ts';

const MiB = 1_048_576;
/** Over 5 GiB, the most that one PUT may carry, and no multiple of a part. */
const size = Number(process.env['LONG_BYTES'] ?? 6 * 1024 * MiB + 12_345_679);
const partBytes = 64 * MiB;
const bucket = 'large';
const key = 'object';

let server: ServerProcess;
beforeAll(() => installPythonTools(), 300_000);
beforeEach(async () => {
  // A server of its own for each: what the one before stored is gone at once.
  server = new ServerProcess();
  const { bavail, bsize } = statfsSync(tmpdir());
  expect(bavail * bsize, 'free bytes').toBeGreaterThan(1.6 * size);
  await server.start();
  await minio().makeBucket(bucket, 'us-east-1');
});
afterEach(() => server.remove());

const minio = (): Client => minioOf(server, { partSize: partBytes });

function awsEnvironment(): Record<string, string> {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
    TORC_URL: server.httpUrl,
  };
}

function awsCli(endpoint = server.httpUrl): StreamingClient {
  const common = ['--endpoint-url', endpoint, '--no-verify-ssl', 's3', 'cp', '--quiet'];
  const url = `s3://${bucket}/${key}`;
  const put = [...common, '--expected-size', String(size), '-', url];
  return commandClient(toolPath('aws'), { put, get: [...common, url, '-'] }, awsEnvironment());
}

function boto3(): StreamingClient {
  const script = join(import.meta.dirname, 'boto3-stream.py');
  const args = { put: [script, 'put', bucket, key], get: [script, 'get', bucket, key] };
  return commandClient(toolPath('python'), args, awsEnvironment());
}

function rclone(): StreamingClient {
  const { accessKeyId, secretAccessKey } = server.credentials;
  const env = {
    RCLONE_CONFIG: '/dev/null',
    RCLONE_CONFIG_TORC_TYPE: 's3',
    RCLONE_CONFIG_TORC_PROVIDER: 'Other',
    RCLONE_CONFIG_TORC_ENDPOINT: server.httpUrl,
    RCLONE_CONFIG_TORC_REGION: 'us-east-1',
    RCLONE_CONFIG_TORC_ACCESS_KEY_ID: accessKeyId,
    RCLONE_CONFIG_TORC_SECRET_ACCESS_KEY: secretAccessKey,
    RCLONE_CONFIG_TORC_CHUNK_SIZE: '64M',
    RCLONE_CONFIG_TORC_UPLOAD_CUTOFF: '64M',
  };
  const where = `torc:${bucket}/${key}`;
  const put = ['rcat', '--size', String(size), where];
  return commandClient('rclone', { put, get: ['cat', where] }, env);
}

function minioClient(): StreamingClient {
  return {
    put: async (body) => {
      await minio().putObject(bucket, key, Readable.from(body()), size);
    },
    get: () => minio().getObject(bucket, key),
  };
}

/** Joins chunks into parts, of which one at a time is in memory. */
function* partsOf(chunks: Iterable<Buffer>): Generator<Buffer> {
  let pieces: Buffer[] = [];
  let filled = 0;
  for (const chunk of chunks) {
    pieces.push(chunk);
    filled += chunk.length;
    if (filled < partBytes) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    filled = 0;
  }
  if (filled > 0) yield Buffer.concat(pieces);
}

function javascriptSdk(): StreamingClient {
  const s3 = s3ClientOf(server);
  const at = { Bucket: bucket, Key: key };
  return {
    put: async (body) => {
      const { UploadId } = await s3.send(new CreateMultipartUploadCommand(at));
      const Parts: CompletedPart[] = [];
      for (const Body of partsOf(body())) {
        const PartNumber = Parts.length + 1;
        const part = new UploadPartCommand({ ...at, UploadId, PartNumber, Body });
        const { ETag, ChecksumCRC32 } = await s3.send(part);
        Parts.push({ PartNumber, ETag, ChecksumCRC32 });
      }
      const whole = { ...at, UploadId, MultipartUpload: { Parts } };
      const { ETag } = await s3.send(new CompleteMultipartUploadCommand(whole));
      expect(ETag).toMatch(new RegExp(`-${Parts.length}"$`));
      expect((await s3.send(new HeadObjectCommand(at))).ContentLength).toBe(size);
    },
    get: async () => (await s3.send(new GetObjectCommand(at))).Body as unknown as Chunks,
  };
}

/** Reads through the other door. */
function swift(): Chunks {
  const { account, user, password } = server.credentials;
  const auth = ['-A', `${server.httpUrl}/auth/v1.0`, '-U', `${account}:${user}`, '-K', password];
  return outputOf(start(toolPath('swift'), [...auth, 'download', bucket, key, '-o', '-'], {}));
}

describe(`an object of ${size} bytes`, () => {
  it.each([
    ['aws-cli', () => awsCli()],
    ['aws-cli over https', () => awsCli(server.httpsUrl)],
    ['boto3', boto3],
    ['the JavaScript SDK', javascriptSdk],
    ['minio', minioClient],
    ['rclone', rclone],
  ] as const)('comes back from %s as it went', { timeout: 3_600_000 }, async (name, open) => {
    const client = open();
    const expected = await roundTrip(name, size, client);
    if (name === 'aws-cli') expect(await digestOf(swift())).toEqual(expected);
    const { etag } = await minio().statObject(bucket, key);
    // Only parts make such an etag.
    expect(etag).toMatch(/-\d+$/);
  });
});

/** aws-cli and rclone with each kind of encryption, and rclone as Swift client of what S3 encrypted. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPythonTools, runTool } from '../../process/python-tools.ts';
import { ServerProcess } from '../../process/server.ts';

const server = new ServerProcess();
const folder = mkdtempSync(join(tmpdir(), 'torc-sse-'));
const source = join(folder, 'source');
const names = ['small', 'border', 'large'];
/** 32 characters, so that it can stand in an environment variable too. */
const customerKey = 'a customer keeps this key: 32 by.'.slice(0, 32);

beforeAll(async () => {
  installPythonTools();
  mkdirSync(source);
  writeFileSync(join(source, 'small'), randomBytes(100));
  writeFileSync(join(source, 'border'), randomBytes(65_520));
  writeFileSync(join(source, 'large'), randomBytes(20_000_003));
  writeFileSync(join(folder, 'key'), customerKey);
  const config = join(folder, 'config.json');
  writeFileSync(config, JSON.stringify({ serviceKeys: ['one'] }));
  await server.start(['--config', config]);
}, 300_000);
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

function compare(with_: string): void {
  for (const name of names) {
    const same = readFileSync(join(source, name)).equals(readFileSync(join(with_, name)));
    expect([name, same]).toEqual([name, true]);
  }
}

describe('aws-cli', () => {
  function aws(...args: readonly string[]): Promise<string> {
    const { accessKeyId, secretAccessKey } = server.credentials;
    const shared = ['--endpoint-url', server.httpsUrl, '--no-verify-ssl'];
    return runTool('aws', [...shared, ...args], {
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
      AWS_DEFAULT_REGION: 'us-east-1',
      AWS_CONFIG_FILE: join(folder, 'none'),
      AWS_MAX_ATTEMPTS: '1',
    });
  }
  const key = `fileb://${join(folder, 'key')}`;
  const theirs = ['--sse-c', 'AES256', '--sse-c-key', key];

  it.each<[string, readonly string[], readonly string[]]>([
    ['sse', ['--sse'], []],
    ['kms', ['--sse', 'aws:kms', '--sse-kms-key-id', 'one'], []],
    ['customer', theirs, theirs],
  ])(
    'copies there and back with %s, in parts too',
    async (kind, writing, reading) => {
      await aws('s3', 'mb', `s3://cli-${kind}`);
      await aws('s3', 'cp', '--recursive', source, `s3://cli-${kind}`, ...writing);
      const back = join(folder, `cli-${kind}`);
      await aws('s3', 'cp', '--recursive', `s3://cli-${kind}`, back, ...reading);
      compare(back);
      if (kind !== 'customer') return;
      await expect(aws('s3', 'cp', `s3://cli-${kind}/small`, back)).rejects.toThrow('400');
      const copied = ['--sse-c-copy-source', 'AES256', '--sse-c-copy-source-key', key];
      const [from, to] = [`s3://cli-${kind}/large`, `s3://cli-${kind}/copy`];
      await aws('s3', 'cp', from, to, ...copied, '--sse');
      await aws('s3', 'cp', to, join(back, 'large'));
      compare(back);
    },
    120_000,
  );
});

describe('rclone', () => {
  const digest = createHash('md5').update(customerKey).digest('base64');
  const kinds: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    sse: { SERVER_SIDE_ENCRYPTION: 'AES256' },
    kms: { SERVER_SIDE_ENCRYPTION: 'aws:kms', SSE_KMS_KEY_ID: 'one' },
    customer: {
      SSE_CUSTOMER_ALGORITHM: 'AES256',
      SSE_CUSTOMER_KEY: customerKey,
      SSE_CUSTOMER_KEY_MD5: digest,
    },
  };

  async function rclone(
    options: Readonly<Record<string, string>>,
    ...args: readonly string[]
  ): Promise<void> {
    const entries = Object.entries(options);
    const remote = entries.map(([name, value]) => [`RCLONE_CONFIG_TORC_${name}`, value]);
    // An old rclone that is told of a bundle refuses to start with --no-check-certificate.
    const env: NodeJS.ProcessEnv = { ...process.env, ...Object.fromEntries(remote) };
    delete env['AWS_CA_BUNDLE'];
    env['RCLONE_CONFIG'] = '/dev/null';
    const all = ['--no-check-certificate', '--retries', '1', '--low-level-retries', '1', ...args];
    await promisify(execFile)('rclone', all, { env });
  }

  function asS3(kind: string): Readonly<Record<string, string>> {
    const { accessKeyId, secretAccessKey } = server.credentials;
    return {
      TYPE: 's3',
      PROVIDER: 'Other',
      ENDPOINT: server.httpsUrl,
      ACCESS_KEY_ID: accessKeyId,
      SECRET_ACCESS_KEY: secretAccessKey,
      CHUNK_SIZE: '5M',
      UPLOAD_CUTOFF: '5M',
      ...kinds[kind],
    };
  }

  it.each(Object.keys(kinds))(
    'copies there and back with %s, in parts too',
    async (kind) => {
      const bucket = `torc:rclone-${kind}`;
      await rclone(asS3(kind), 'mkdir', bucket);
      await rclone(asS3(kind), 'copy', source, bucket);
      await rclone(asS3(kind), 'check', '--download', source, bucket);
      await rclone(asS3(kind), 'check', source, bucket);
      const { account, user, password } = server.credentials;
      const AUTH = `${server.httpsUrl}/auth/v1.0`;
      const asSwift = { TYPE: 'swift', AUTH, USER: `${account}:${user}`, KEY: password };
      const back = join(folder, `swift-${kind}`);
      const reading = rclone(asSwift, 'copy', bucket, back);
      if (kind === 'customer') return expect(reading).rejects.toThrow();
      await reading;
      compare(back);
    },
    120_000,
  );
});

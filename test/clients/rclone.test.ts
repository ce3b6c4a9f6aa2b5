/**
 * rclone, as S3 and as Swift client, over http and https. Its makers publish it on no registry of
 * Node or Python, so it must be on the PATH: `.ci/run` puts it there.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
const folder = mkdtempSync(join(tmpdir(), 'torc-rclone-'));
const source = join(folder, 'source');
const sizes = [0, 1, 16_383, 16_384, 16_385, 1_048_575, 1_048_576, 1_048_577, 12_000_000];
const names = ['plain', 'sub/a', 'sub/b c', 'sub/ü', 'sub/e\u0301', 'sub/\u{1F600}', 'a+b%25&=#?'];

beforeAll(async () => {
  mkdirSync(join(source, 'sub'), { recursive: true });
  for (const size of sizes) writeFileSync(join(source, `size-${size}`), randomBytes(size));
  for (const name of names) writeFileSync(join(source, name), name);
  for (let i = 0; i < 200; i++) writeFileSync(join(source, `sub/small-${i}`), String(i));
  await server.start();
});
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** A remote by environment alone: no configuration file of the machine is read or written. */
function remote(type: 's3' | 'swift', url: string): Record<string, string> {
  const { accessKeyId, secretAccessKey, account, user, password } = server.credentials;
  return type === 's3'
    ? {
        RCLONE_CONFIG_TORC_TYPE: 's3',
        RCLONE_CONFIG_TORC_PROVIDER: 'Other',
        RCLONE_CONFIG_TORC_ENDPOINT: url,
        RCLONE_CONFIG_TORC_REGION: 'us-east-1',
        RCLONE_CONFIG_TORC_ACCESS_KEY_ID: accessKeyId,
        RCLONE_CONFIG_TORC_SECRET_ACCESS_KEY: secretAccessKey,
        RCLONE_CONFIG_TORC_CHUNK_SIZE: '5M',
        RCLONE_CONFIG_TORC_UPLOAD_CUTOFF: '6M',
      }
    : {
        RCLONE_CONFIG_TORC_TYPE: 'swift',
        RCLONE_CONFIG_TORC_AUTH: `${url}/auth/v1.0`,
        RCLONE_CONFIG_TORC_USER: `${account}:${user}`,
        RCLONE_CONFIG_TORC_KEY: password,
      };
}

describe.each([
  ['s3', 'http'],
  ['s3', 'https'],
  ['swift', 'http'],
  ['swift', 'https'],
] as const)('rclone as %s client over %s', (type, scheme) => {
  const where = `torc:rclone-${type}-${scheme}`;
  const rclone = async (...args: readonly string[]): Promise<string> => {
    const url = scheme === 'http' ? server.httpUrl : server.httpsUrl;
    const common = ['--config', join(folder, 'none.conf'), '--no-check-certificate'];
    // Nothing else of the environment: rclone obeys AWS_* and proxy variables that it may hold.
    const { PATH = '' } = process.env;
    const env = { PATH, HOME: folder, ...remote(type, url) };
    const options = { env, maxBuffer: 16 * 1_048_576 };
    const all = [...common, '--retries', '1', '--low-level-retries', '1', ...args];
    return (await promisify(execFile)('rclone', all, options)).stdout;
  };

  it('copies a tree, finds it equal, lists it and removes it', { timeout: 120_000 }, async () => {
    await rclone('mkdir', where);
    await rclone('copy', source, where);
    // `--download` compares bytes, not only what the server says of them.
    await rclone('check', '--download', source, where);
    await rclone('check', source, where);
    const listed = (await rclone('lsf', '-R', '--files-only', where)).trim().split('\n');
    expect(listed).toHaveLength(sizes.length + names.length + 200);
    for (const name of names) expect(listed).toContain(name);
    const back = join(folder, `back-${type}-${scheme}`);
    await rclone('sync', where, back);
    await rclone('check', source, back);
    await rclone('moveto', `${where}/plain`, `${where}/moved/plain`);
    expect(await rclone('cat', `${where}/moved/plain`)).toBe('plain');
    await rclone('purge', where);
    expect(await rclone('lsd', 'torc:')).not.toContain(`rclone-${type}-${scheme}`);
  });
});

/** aws-cli, boto3 and python-swiftclient; and the same bytes through both doors. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { installPythonTools, runTool } from '../process/python-tools.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
const folder = mkdtempSync(join(tmpdir(), 'torc-files-'));
beforeAll(async () => {
  installPythonTools();
  await server.start();
}, 300_000);
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

const sizes = [0, 1, 16_384, 16_385, 1_048_577, 20_000_000];

function s3Environment(): Record<string, string> {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return {
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    AWS_DEFAULT_REGION: 'us-east-1',
  };
}

function swift(url: string, ...args: readonly string[]): Promise<string> {
  const { account, user, password } = server.credentials;
  const auth = ['-A', `${url}/auth/v1.0`, '-U', `${account}:${user}`, '-K', password, '--insecure'];
  return runTool('swift', [...auth, ...args], {});
}

describe.each(['http', 'https'] as const)('over %s', (scheme) => {
  const url = (): string => (scheme === 'http' ? server.httpUrl : server.httpsUrl);
  const aws = (...args: readonly string[]): Promise<string> =>
    runTool('aws', ['--endpoint-url', url(), '--no-verify-ssl', ...args], s3Environment());

  it('aws-cli uploads, lists and downloads', { timeout: 120_000 }, async () => {
    await aws('s3', 'mb', `s3://cli-${scheme}`);
    for (const size of sizes) {
      const file = join(folder, `${scheme}-${size}`);
      const bytes = randomBytes(size);
      writeFileSync(file, bytes);
      await aws('s3', 'cp', '--quiet', file, `s3://cli-${scheme}/size-${size}`);
      await aws('s3', 'cp', '--quiet', `s3://cli-${scheme}/size-${size}`, `${file}.back`);
      expect(readFileSync(`${file}.back`).equals(bytes)).toBe(true);
    }
    const listed = await aws('s3', 'ls', `s3://cli-${scheme}/`);
    for (const size of sizes) expect(listed).toContain(`size-${size}`);
  });

  it('swift reads what aws-cli wrote, and the other way round', { timeout: 120_000 }, async () => {
    const container = `cli-${scheme}`;
    expect(await swift(url(), 'list')).toContain(container);
    const listed = (await swift(url(), 'list', container)).trim().split('\n').sort();
    expect(listed).toEqual(sizes.map((size) => `size-${size}`).sort());
    for (const size of sizes) {
      const file = join(folder, `${scheme}-${size}`);
      await swift(url(), 'download', container, `size-${size}`, '-o', `${file}.swift`);
      expect(readFileSync(`${file}.swift`).equals(readFileSync(file))).toBe(true);
    }
    const file = join(folder, `${scheme}-1048577`);
    await swift(url(), 'upload', container, file, '--object-name', 'from/swift');
    await aws('s3', 'cp', '--quiet', `s3://${container}/from/swift`, `${file}.aws`);
    expect(readFileSync(`${file}.aws`).equals(readFileSync(file))).toBe(true);
    // Deletes what was uploaded in parts as a static large object, and the container.
    await swift(url(), 'delete', container);
    expect(await aws('s3', 'ls')).not.toContain(container);
  });
});

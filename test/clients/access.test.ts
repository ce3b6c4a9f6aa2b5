/** Users, policies, lists and ACLs by boto3 and python-swiftclient; the checks are in test/process/suites/access.py. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { installPythonTools, runTool } from '../process/python-tools.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
const folder = mkdtempSync(join(tmpdir(), 'torc-users-'));

const user = (account: string, name: string, more: object = {}): object => ({
  ...{ account, user: name, key: `key-of-${name}` },
  s3Keys: [{ accessKeyId: name, secretAccessKey: `secret-of-${name}` }],
  ...more,
});

beforeAll(async () => {
  installPythonTools();
  const users = [
    user('acme', 'boss', { email: 'boss@acme.test' }),
    user('acme', 'joe', { role: 'member' }),
    user('beta', 'ann'),
  ];
  const config = join(folder, 'torc.json');
  writeFileSync(config, JSON.stringify({ users }));
  await server.start(['--config', config]);
}, 300_000);
afterAll(async () => {
  await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

it('holds across both doors', { timeout: 120_000 }, async () => {
  const script = join(import.meta.dirname, '..', 'process', 'suites', 'access.py');
  const printed = await runTool('python', [script, server.httpUrl], {});
  const checks = ['private', 'members', 'policies', 'lists', 'acls'];
  expect(printed.trim().split('\n')).toEqual(checks.map((name) => `ok ${name}`));
});

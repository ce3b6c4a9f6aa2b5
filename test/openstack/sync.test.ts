/** Container sync between two Torcs, and between Torc and a Swift, by python-swiftclient: `npm run test:openstack -- --all`. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ServerProcess } from '../process/server.ts';
import { freePort } from './keystone.ts';
import { checksOf, installPackages } from './packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'torc-sync-'));
const names = ['here', 'there', 'swift'] as const;
const servers = [new ServerProcess(), new ServerProcess()] as const;
const urls: string[] = [];
let swift: ChildProcess | undefined;

beforeAll(async () => {
  installPackages('all');
  for (const _ of names) urls.push(`http://127.0.0.1:${await freePort()}`);
  const clusters = names.map((name, place) => ({ name, endpoint: `${urls[place]}/v1` }));
  const realm = { name: 'TEST', key: 'of the realm' };
  const users = [{ account: 'acme', user: 'boss', key: 'secret-of-boss' }];
  const config = join(folder, 'torc.json');
  writeFileSync(
    config,
    JSON.stringify({ users, swift: { sync: { realms: [{ ...realm, clusters }] } } }),
  );
  for (const [place, server] of servers.entries()) {
    const { host } = new URL(urls[place] ?? '');
    await server.start(['--config', config, '--http', host, '--https', 'off']);
  }
  const endpoints = Object.fromEntries(clusters.map(({ name, endpoint }) => [name, endpoint]));
  swift = await startSwift(urls[2] ?? '', JSON.stringify({ ...realm, clusters: endpoints }));
}, 1_800_000);
afterAll(async () => {
  await endSwift();
  for (const server of servers) await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

/** Debian's Swift belongs to Debian's Python. */
async function startSwift(url: string, realm: string): Promise<ChildProcess> {
  const own = join(folder, 'swift');
  mkdirSync(own);
  const script = join(import.meta.dirname, 'real-swift.py');
  const child = spawn('/usr/bin/python3', [script, own, url, realm], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', (code) => reject(new Error(`Swift ended with ${code}`)));
  });
  return child;
}

async function endSwift(): Promise<void> {
  const child = swift;
  if (child === undefined || child.exitCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.stdin?.end();
  await ended;
}

const checks = [
  'what was there before',
  'objects and what is said of them, both ways',
  'changes and deletions',
  'static large objects',
];

it.each([
  ['two Torcs', 'here', 'there'],
  ['Torc and Swift', 'here', 'swift'],
  ['Swift and Torc', 'swift', 'there'],
] as const)('keeps containers of %s in step', { timeout: 600_000 }, async (_, one, other) => {
  const sides = [one, other].map((name) => `${name}=${urls[names.indexOf(name)]}`);
  expect(await checksOf('sync', sides)).toEqual(checks);
});

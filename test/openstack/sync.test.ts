/** Container sync between two Torcs, by python-swiftclient: `npm run test:openstack -- --all`. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ServerProcess } from '../process/server.ts';
import { freePort } from './keystone.ts';
import { checksOf, installPackages } from './packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'torc-sync-'));
const names = ['here', 'there'] as const;
const servers = names.map(() => new ServerProcess());

beforeAll(async () => {
  installPackages('core');
  const clusters: { name: string; endpoint: string }[] = [];
  for (const name of names) {
    clusters.push({ name, endpoint: `http://127.0.0.1:${await freePort()}/v1` });
  }
  const users = [{ account: 'acme', user: 'boss', key: 'secret-of-boss' }];
  const swift = { sync: { realms: [{ name: 'TEST', key: 'of the realm', clusters }] } };
  const config = join(folder, 'torc.json');
  writeFileSync(config, JSON.stringify({ users, swift }));
  for (const [place, server] of servers.entries()) {
    const { host } = new URL(clusters[place]?.endpoint ?? '');
    await server.start(['--config', config, '--http', host, '--https', 'off']);
  }
}, 900_000);
afterAll(async () => {
  for (const server of servers) await server.remove();
  rmSync(folder, { recursive: true, force: true });
});

it('keeps containers in step', { timeout: 600_000 }, async () => {
  const checks = [
    'what was there before',
    'objects and what is said of them, both ways',
    'changes and deletions',
    'static large objects',
  ];
  const urls = servers.map((server) => server.httpUrl);
  expect(await checksOf('sync', urls)).toEqual(checks);
});

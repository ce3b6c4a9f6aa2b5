/** Two servers that keep a container of each in step with the other's, over real connections. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ServerProcess } from '../../process/server.ts';

const one = new ServerProcess();
const two = new ServerProcess();
const folder = mkdtempSync(join(tmpdir(), 'torc-sync-'));

interface Account {
  readonly url: string;
  readonly token: string;
}
const accounts: Account[] = [];

async function start(server: ServerProcess, sync: object): Promise<Account> {
  const file = join(folder, `${accounts.length}.json`);
  writeFileSync(file, JSON.stringify({ swift: { sync } }));
  await server.start(['--config', file]);
  const { account, user, password } = server.credentials;
  const headers = { 'X-Auth-User': `${account}:${user}`, 'X-Auth-Key': password };
  const signedIn = await fetch(`${server.httpUrl}/auth/v1.0`, { headers });
  const url = signedIn.headers.get('x-storage-url') ?? '';
  const made = { url, token: signedIn.headers.get('x-auth-token') ?? '' };
  accounts.push(made);
  return made;
}

function ask(
  { url, token }: Account,
  method: string,
  path: string,
  more: { readonly headers?: Record<string, string>; readonly body?: Buffer } = {},
): Promise<Response> {
  const { headers, body } = more;
  const given = body === undefined ? {} : { body: new Uint8Array(body) };
  return fetch(`${url}${path}`, {
    method,
    headers: { 'X-Auth-Token': token, ...headers },
    ...given,
  });
}

const key = { 'X-Container-Sync-Key': 'secret of both' };

beforeAll(async () => {
  const realms = (endpoint: string): object => ({
    realms: [{ name: 'r', key: 'realm key', clusters: [{ name: 'two', endpoint }] }],
    allowedHosts: ['127.0.0.1'],
  });
  const far = await start(two, realms('http://127.0.0.1:1/v1'));
  const near = await start(one, realms(`${two.httpUrl}/v1`));
  const accountOf = (account: Account): string => account.url.split('/').at(-1) ?? '';
  const toFar = { ...key, 'X-Container-Sync-To': `//R/two/${accountOf(far)}/box` };
  const toNear = { ...key, 'X-Container-Sync-To': `${near.url}/box` };
  expect((await ask(far, 'PUT', '/box', { headers: toNear })).status).toBe(201);
  expect((await ask(near, 'PUT', '/box', { headers: toFar })).status).toBe(201);
}, 120_000);
afterAll(async () => {
  await Promise.all([one.remove(), two.remove()]);
  rmSync(folder, { recursive: true, force: true });
});

it('brings both sides together', { timeout: 120_000 }, async () => {
  const [far, near] = accounts;
  if (far === undefined || near === undefined) throw new Error('no servers');
  const large = Buffer.alloc(3_000_000, 'over a stripe');
  await ask(near, 'PUT', '/box/%C3%BC/..%2F%3F', { body: large });
  await ask(near, 'PUT', '/box/empty', { body: Buffer.alloc(0) });
  await ask(far, 'PUT', '/box/back', { body: Buffer.from('from the other side') });
  const names = ['back', 'empty', 'ü/../?'];
  for (const side of [near, far]) {
    await expect
      .poll(async () => (await ask(side, 'GET', '/box')).text(), { timeout: 60_000 })
      .toBe(`${names.join('\n')}\n`);
  }
  const there = await ask(far, 'GET', '/box/%C3%BC/..%2F%3F');
  expect(Buffer.from(await there.arrayBuffer()).equals(large)).toBe(true);
  expect((await ask(far, 'DELETE', '/box/empty')).status).toBe(204);
  for (const side of [near, far]) {
    await expect
      .poll(async () => (await ask(side, 'HEAD', '/box/empty')).status, { timeout: 60_000 })
      .toBe(404);
  }
});

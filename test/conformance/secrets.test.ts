/** What a server prints at its most talkative holds none of the secrets that went through it. */
import { createHash, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ServerProcess } from '../process/server.ts';
import { type Key, type PayloadMode, presign, sign, type Signed } from '../unit/s3/signer.ts';

const canary = (): string => `canary${randomBytes(15).toString('hex')}`;
const key: Key = { accessKeyId: 'CANARYKEY00000000001', secretAccessKey: canary() };
const password = canary();
const customerKey = randomBytes(32);
const sent = new Set<string>([key.secretAccessKey, password, customerKey.toString('base64')]);

const server = new ServerProcess();
beforeAll(async () => {
  const config = join(server.data, '..', 'users.json');
  const s3Keys = [key];
  const users = [{ account: 'one', user: 'root', key: password, s3Keys }];
  writeFileSync(config, JSON.stringify({ users }));
  await server.start(['--config', config, '--log-level', 'debug']);
});
afterAll(() => server.remove());

const stamp = (): string => new Date().toISOString().replace(/[-:]|\.\d+/g, '');
const host = (): string => new URL(server.httpUrl).host;

async function send(signed: Signed): Promise<number> {
  const { method, path, query, headers, body } = signed;
  // Whoever reads a signature from a log could repeat the request.
  for (const text of [headers['authorization'] ?? '', query]) {
    for (const signature of text.match(/[0-9a-f]{64}/g) ?? []) sent.add(signature);
  }
  const url = new URL(server.httpUrl);
  const options = { host: url.hostname, port: url.port, method, path: `${path}?${query}` };
  const length = { 'content-length': String(body.length) };
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...options, headers: { ...headers, ...length } }, (incoming) => {
      incoming.resume().on('end', () => resolve(incoming.statusCode ?? 0));
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly body?: Buffer;
}

function ask(what: Request, mode: PayloadMode = 'signed', secret = key): Promise<number> {
  const headers = { host: host(), ...what.headers };
  return send(sign({ ...what, headers }, { key: secret, stamp: stamp(), mode }));
}

test('no secret, no signature and no key of a customer is logged', async () => {
  const body = Buffer.from('x');
  expect(await ask({ method: 'PUT', path: '/bucket' })).toBe(200);
  const modes = ['signed', 'unsigned', 'streaming', 'streaming-trailer'] as const;
  for (const mode of modes) {
    expect(await ask({ method: 'PUT', path: '/bucket/k', body }, mode)).toBe(200);
    const wrong = { ...key, secretAccessKey: canary() };
    sent.add(wrong.secretAccessKey);
    expect(await ask({ method: 'PUT', path: '/bucket/k', body }, mode, wrong)).toBe(403);
  }
  const customer = {
    'x-amz-server-side-encryption-customer-algorithm': 'AES256',
    'x-amz-server-side-encryption-customer-key': customerKey.toString('base64'),
    'x-amz-server-side-encryption-customer-key-md5': createHash('md5')
      .update(customerKey)
      .digest('base64'),
  };
  expect(await ask({ method: 'PUT', path: '/bucket/k', body, headers: customer })).toBe(200);
  expect(await ask({ method: 'GET', path: '/bucket/k', headers: customer })).toBe(200);
  expect(await ask({ method: 'GET', path: '/bucket/k' })).toBe(400);
  const link = { method: 'GET', path: '/bucket/k', headers: { host: host() } };
  expect(await send(presign(link, { key, stamp: stamp(), expires: 60 }))).toBe(400);
  expect(await ask({ method: 'PUT', path: '/bucket', query: { policy: '' }, body })).toBe(400);
  expect(await ask({ method: 'POST', path: '/bucket/k', query: { uploadId: 'x' } })).toBe(404);

  const user = { 'X-Auth-User': 'one:root' };
  const login = async (given: string): Promise<Response> =>
    fetch(`${server.httpUrl}/auth/v1.0`, { headers: { ...user, 'X-Auth-Key': given } });
  const wrongPassword = canary();
  sent.add(wrongPassword);
  expect((await login(wrongPassword)).status).toBe(401);
  const good = await login(password);
  expect(good.status).toBe(200);
  const token = good.headers.get('x-auth-token') ?? '';
  sent.add(token);
  const storage = good.headers.get('x-storage-url') ?? '';
  const listed = await fetch(storage, { headers: { 'X-Auth-Token': token } });
  expect(listed.status).toBeLessThan(300);
  expect(await server.end('SIGTERM')).toBe(0);

  expect(sent.size).toBeGreaterThan(15);
  expect(server.printed).toContain('Torc is ready');
  for (const secret of sent) expect(server.printed.includes(secret)).toBe(false);
});

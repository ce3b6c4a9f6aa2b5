import { createHash } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { createHarness, type Harness } from './harness.ts';

const container = '/v1/AUTH_test/c';
let harness: Harness;

beforeEach(async () => {
  harness = await createHarness();
  harness.keys.encryptAll = true;
  await harness.ask('PUT', container);
});

it('stores and shows objects as ever when everything is encrypted', async () => {
  const { ask } = harness;
  const body = Buffer.alloc(100_000, 'seen by nobody');
  const etag = createHash('md5').update(body).digest('hex');
  const put = await ask('PUT', `${container}/o`, { body, headers: { ETag: etag } });
  expect([put.status, put.headers.get('etag')]).toEqual([201, etag]);
  const got = await ask('GET', `${container}/o`);
  expect([got.bytes.equals(body), got.headers.get('etag')]).toEqual([true, etag]);
  const range = await ask('GET', `${container}/o`, { headers: { Range: 'bytes=65500-65540,0-1' } });
  expect([range.status, range.bytes.includes(body.subarray(65_500, 65_541))]).toEqual([206, true]);
  const copy = { Destination: 'c/copy' };
  expect((await ask('COPY', `${container}/o`, { headers: copy })).status).toBe(201);
  expect((await ask('GET', `${container}/copy`)).bytes.equals(body)).toBe(true);
});

it('shows large objects, their documents and parts, without and with their bytes', async () => {
  const { ask } = harness;
  for (const name of ['1', '2'])
    await ask('PUT', `${container}/s/${name}`, { body: `part ${name};` });
  const body = JSON.stringify(['1', '2'].map((name) => ({ path: `/c/s/${name}` })));
  const put = await ask('PUT', `${container}/static?multipart-manifest=put`, { body });
  expect(put.status).toBe(201);
  const manifest = { 'X-Object-Manifest': 'c/s/' };
  await ask('PUT', `${container}/dynamic`, { headers: manifest });
  for (const name of ['static', 'dynamic']) {
    const head = await ask('HEAD', `${container}/${name}`);
    expect([name, head.status, head.headers.get('content-length')]).toEqual([name, 200, '14']);
    expect((await ask('GET', `${container}/${name}`)).text).toBe('part 1;part 2;');
  }
  const document = await ask('GET', `${container}/static?multipart-manifest=get`);
  expect(JSON.parse(document.text)).toHaveLength(2);
  const part = await ask('HEAD', `${container}/static?part-number=2`);
  expect([part.status, part.headers.get('content-length')]).toEqual([206, '7']);
});

it("tells of an object under a customer's key, and refuses its bytes", async () => {
  const { ask, core } = harness;
  const principal = { type: 'user', account: 'AUTH_test', user: 'tester', role: 'owner' } as const;
  const chunks = (async function* () {
    yield await Promise.resolve(Buffer.from('secret'));
  })();
  await core.putObject(
    { principal },
    {
      ...{ account: 'AUTH_test', container: 'c', key: 'o', contentType: 'text/plain' },
      ...{ system: {}, user: {}, condition: {}, body: { chunks, size: 6 } },
      encryption: { by: 'customer', customerKey: Buffer.alloc(32, 'k') },
    },
  );
  const head = await ask('HEAD', `${container}/o`);
  expect([head.status, head.headers.get('content-length')]).toEqual([200, '6']);
  const post = await ask('POST', `${container}/o`, { headers: { 'X-Object-Meta-A': 'b' } });
  expect(post.status).toBe(202);
  expect((await ask('HEAD', `${container}/o`)).headers.get('x-object-meta-a')).toBe('b');
  expect((await ask('GET', `${container}/o`)).status).toBe(400);
  expect((await ask('DELETE', `${container}/o`)).status).toBe(204);
});

import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from './harness.ts';

const container = '/v1/AUTH_test/c';
const object = `${container}/o`;
const open = { headers: { 'X-Open-Expired': 'true' } };

async function expired(keptSeconds: number): Promise<Harness> {
  const harness = await createHarness({ settings: { expiredKeptSeconds: keptSeconds } });
  const { ask, clock } = harness;
  await ask('PUT', container);
  const headers = { 'X-Delete-After': '5', 'X-Object-Meta-A': '1' };
  await ask('PUT', object, { body: 'content', headers });
  expect((await ask('HEAD', object)).headers.has('x-delete-at')).toBe(true);
  clock.advance(10_000);
  for (const method of ['GET', 'HEAD', 'POST']) {
    expect([method, (await ask(method, object)).status]).toEqual([method, 404]);
  }
  return harness;
}

describe('an object that has expired', () => {
  it('is shown, copied and restored to whoever asks for it, where the operator keeps such', async () => {
    const { ask } = await expired(60);
    const info = JSON.parse((await ask('GET', '/info')).text);
    expect(info.swift.allow_open_expired).toBe(true);
    const get = await ask('GET', object, open);
    expect([get.status, get.text, get.headers.get('x-object-meta-a')]).toEqual([
      200,
      'content',
      '1',
    ]);
    expect((await ask('HEAD', object, open)).status).toBe(200);
    expect((await ask('HEAD', object, { headers: { 'X-Open-Expired': 'no' } })).status).toBe(404);
    const copy = { headers: { ...open.headers, Destination: 'c/copy', 'X-Fresh-Metadata': 'yes' } };
    expect((await ask('COPY', object, copy)).status).toBe(201);
    expect((await ask('GET', `${container}/copy`)).text).toBe('content');
    const restored = { headers: { ...open.headers, 'X-Object-Meta-B': '2' } };
    expect((await ask('POST', object, restored)).status).toBe(202);
    const back = await ask('GET', object);
    expect([back.status, back.headers.get('x-object-meta-b')]).toEqual([200, '2']);
    expect(back.headers.has('x-delete-at')).toBe(false);
  });

  it('shows the segments of a large object that have expired with it', async () => {
    const { ask } = await expired(60);
    await ask('PUT', `${container}/seg`, { body: 'part', headers: { 'X-Delete-After': '5' } });
    const body = JSON.stringify([{ path: 'c/seg' }]);
    const headers = { 'X-Delete-After': '5' };
    await ask('PUT', `${container}/m?multipart-manifest=put`, { body, headers });
    for (let i = 0; i < 5; i++) await ask('HEAD', container);
    expect((await ask('GET', `${container}/m`)).status).toBe(404);
    expect((await ask('GET', `${container}/m`, open)).text).toBe('part');
    expect((await ask('GET', `${container}/m?part-number=1`, open)).text).toBe('part');
  });

  it('is gone otherwise, and removed by a DELETE that does not find it', async () => {
    const { ask } = await expired(0);
    expect((await ask('GET', object, open)).status).toBe(404);
    expect((await ask('POST', object, open)).status).toBe(404);
    expect((await ask('GET', container)).text).toBe('o\n');
    expect((await ask('DELETE', object)).status).toBe(404);
    expect((await ask('GET', container)).text).toBe('');
  });
});

interface Made extends Harness {
  /** `X-Delete-At` of the object. */
  readonly at: number;
  readonly deleteIf: (value: string, query?: string) => Promise<number>;
}

async function made(headers: Readonly<Record<string, string>> = {}): Promise<Made> {
  const harness = await createHarness({ settings: { expiredKeptSeconds: 600 } });
  const { ask, clock } = harness;
  await ask('PUT', container, { headers });
  const at = Math.ceil(clock.now() / 1000) + 60;
  await ask('PUT', object, { body: 'content', headers: { 'X-Delete-At': String(at) } });
  const deleteIf = async (value: string, query = ''): Promise<number> =>
    (await ask('DELETE', object + query, { headers: { 'X-If-Delete-At': value } })).status;
  return { ...harness, at, deleteIf };
}

describe('X-If-Delete-At', () => {
  it('removes an object that expires just then, and no other', async () => {
    const { ask, at, deleteIf } = await made();
    for (const other of [at + 1, at - 1, 0]) expect(await deleteIf(String(other))).toBe(412);
    expect(await deleteIf(`${at}.5`)).toBe(412);
    expect(await deleteIf(`${at}.00000_0000000000000001`)).toBe(412);
    expect((await ask('GET', object)).text).toBe('content');
    expect(await deleteIf(`${at}.00000`)).toBe(204);
    expect((await ask('GET', object)).status).toBe(404);
    expect(await deleteIf(String(at))).toBe(404);
  });

  it('removes what has expired and is still there, which any other DELETE does not find', async () => {
    const { ask, clock, at, deleteIf } = await made();
    clock.advance(120_000);
    expect(await deleteIf(String(at + 1))).toBe(412);
    expect(await deleteIf(String(at))).toBe(204);
    expect((await ask('GET', object, { headers: { 'X-Open-Expired': 'true' } })).status).toBe(404);
  });

  it('means with 0 an object that does not expire', async () => {
    const { ask, deleteIf } = await made();
    await ask('POST', object);
    expect(await deleteIf('0')).toBe(204);
  });

  it('must be a time of Swift', async () => {
    const { ask, at, deleteIf } = await made();
    for (const bad of ['abc', '', '-1', '10000000000', `${at}_x`]) {
      expect([bad, await deleteIf(bad)]).toEqual([bad, 400]);
    }
    expect((await ask('GET', object)).status).toBe(200);
  });

  it('leaves no marker where it does not hold, and speaks of the version that is named', async () => {
    const { ask, at, deleteIf } = await made({ 'X-Versions-Enabled': 'true' });
    const id = (await ask('HEAD', object)).headers.get('x-object-version-id') ?? '';
    expect(await deleteIf('1')).toBe(412);
    expect((await ask('GET', object)).status).toBe(200);
    expect(await deleteIf(String(at))).toBe(204);
    // What is current now is a marker.
    expect(await deleteIf(String(at))).toBe(404);
    // What is not current any more does not expire either.
    expect(await deleteIf(String(at), `?version-id=${id}`)).toBe(412);
    expect(await deleteIf('0', `?version-id=${id}`)).toBe(204);
    expect(await deleteIf('0', `?version-id=${id}`)).toBe(404);
  });

  it('speaks of what is current under version-id=null', async () => {
    const { ask, at, deleteIf } = await made({ 'X-Versions-Enabled': 'true' });
    await ask('POST', container, { headers: { 'X-Versions-Enabled': 'false' } });
    expect(await deleteIf('1', '?version-id=null')).toBe(412);
    expect(await deleteIf(String(at), '?version-id=null')).toBe(204);
    expect((await ask('GET', object)).status).toBe(404);
  });

  it('is refused where a DELETE is several commits', async () => {
    const { ask, at, deleteIf } = await made();
    expect(await deleteIf(String(at), '?multipart-manifest=delete')).toBe(501);
    await ask('PUT', '/v1/AUTH_test/kept');
    await ask('POST', container, { headers: { 'X-Versions-Location': 'kept' } });
    expect(await deleteIf(String(at))).toBe(501);
    expect((await ask('GET', object)).text).toBe('content');
  });
});

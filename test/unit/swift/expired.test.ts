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

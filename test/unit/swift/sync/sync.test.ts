/** From one Swift door to another, both over the real core in memory. */
import { describe, expect, it } from 'vitest';
import type { Harness } from '../harness.ts';
import { contents, far, near, pair, signed, toFar } from './clusters.ts';

/** What a listing says of each object. */
async function listed(harness: Harness, container: string): Promise<Record<string, unknown>> {
  const { text } = await harness.ask('GET', `${container}?format=json`);
  const entries = JSON.parse(text) as { readonly name: string }[];
  return Object.fromEntries(entries.map((entry) => [entry.name, entry]));
}

describe('the headers of a synced container', () => {
  it('are kept, shown to owners alone, and taken away', async () => {
    const { one } = await pair();
    expect((await one.ask('POST', near, { headers: toFar })).status).toBe(204);
    const shown = await one.ask('HEAD', near);
    expect(shown.headers.get('x-container-sync-to')).toBe('//us/far/AUTH_test/far');
    expect(shown.headers.get('x-container-sync-key')).toBe('secret');
    const acl = JSON.stringify({ 'read-write': ['test:tester3'] });
    await one.ask('POST', '/v1/AUTH_test', { headers: { 'X-Account-Access-Control': acl } });
    const token = one.tokens.member;
    const theirs = await one.ask('POST', near, {
      token,
      headers: { ...toFar, 'X-Container-Sync-Key': 'x' },
    });
    expect(theirs.status).toBe(204);
    const seen = await one.ask('HEAD', near, { token });
    expect([seen.status, seen.headers.has('x-container-sync-key')]).toEqual([204, false]);
    expect((await one.ask('HEAD', near)).headers.get('x-container-sync-key')).toBe('secret');
    const removal = { 'X-Remove-Container-Sync-To': 'x', 'X-Container-Sync-Key': '' };
    await one.ask('POST', near, { headers: removal });
    const gone = await one.ask('HEAD', near);
    expect(gone.headers.has('x-container-sync-to')).toBe(false);
    expect(gone.headers.has('x-container-sync-key')).toBe(false);
  });

  it.each([
    ['//us/far/AUTH_test', 'Invalid X-Container-Sync-To format'],
    ['//eu/far/AUTH_test/far', "No realm key for 'eu'"],
    ['//us/moon/AUTH_test/far', "No cluster endpoint for 'us' 'moon'"],
    ['ftp://far.test/v1/AUTH_test/far', 'Invalid scheme'],
    ['http://far.test', 'Path required'],
    ['http://far.test/v1/a/c?x=1', 'Params, queries, and fragments'],
    ['http://evil.test/v1/a/c', "Invalid host 'evil.test'"],
    ['http://far.test@evil.test/v1/a/c', "Invalid host 'evil.test'"],
  ])('are refused for %s', async (to, sentence) => {
    const { one } = await pair();
    const answer = await one.ask('POST', near, { headers: { 'X-Container-Sync-To': to } });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(sentence)]);
  });

  it('do not go with versions', async () => {
    const { one } = await pair();
    const versions = { 'X-Versions-Enabled': 'true' };
    expect((await one.ask('POST', near, { headers: { ...toFar, ...versions } })).status).toBe(400);
    await one.ask('POST', near, { headers: toFar });
    expect((await one.ask('POST', near, { headers: versions })).status).toBe(400);
    await one.ask('PUT', '/v1/AUTH_test/versioned', { headers: versions });
    expect((await one.ask('POST', '/v1/AUTH_test/versioned', { headers: toFar })).status).toBe(400);
  });

  it('may name what /info shows', async () => {
    const { one } = await pair();
    const info = JSON.parse((await one.ask('GET', '/info')).text) as Record<string, unknown>;
    expect(info['container_sync']).toEqual({
      realms: { US: { clusters: { NEAR: { current: true }, FAR: {} } } },
    });
  });
});

describe('container sync', () => {
  it('brings what is there, what comes, what changes and what goes', async () => {
    const { one, two } = await pair();
    const meta = {
      'X-Object-Meta-Colour': 'blå',
      'Content-Type': 'text/x',
      'X-Delete-After': '9999',
    };
    await one.ask('PUT', `${near}/before`, { body: 'was here', headers: meta });
    await one.ask('PUT', `${near}/..%2F%C3%BC`, { body: 'odd' });
    await one.ask('POST', near, { headers: toFar });
    await one.work();
    expect(await contents(two, far)).toEqual({ before: 'was here', '../ü': 'odd' });
    const there = await two.ask('HEAD', `${far}/before`);
    const here = await one.ask('HEAD', `${near}/before`);
    for (const name of [
      'x-object-meta-colour',
      'content-type',
      'x-delete-at',
      'etag',
      'x-timestamp',
    ]) {
      expect([name, there.headers.get(name)]).toEqual([name, here.headers.get(name)]);
    }
    await one.ask('PUT', `${near}/after`, { body: 'new' });
    await one.ask('POST', `${near}/before`, { headers: { 'X-Object-Meta-Colour': 'red' } });
    await one.ask('DELETE', `${near}/..%2F%C3%BC`);
    await one.work();
    expect(await contents(two, far)).toEqual({ before: 'was here', after: 'new' });
    const changed = await two.ask('HEAD', `${far}/before`);
    expect(changed.headers.get('x-object-meta-colour')).toBe('red');
    const count = one.sent.length;
    await one.work();
    expect(one.sent.length).toBe(count);
  });

  it('goes both ways without going round', async () => {
    const { one, two } = await pair();
    await one.ask('POST', near, { headers: toFar });
    const back = { ...toFar, 'X-Container-Sync-To': '//US/NEAR/AUTH_test/near' };
    await two.ask('POST', far, { headers: back });
    await one.ask('PUT', `${near}/a`, { body: 'from one' });
    await two.ask('PUT', `${far}/b`, { body: 'from two' });
    for (let round = 0; round < 3; round++) {
      await one.work();
      await two.work();
    }
    const both = { a: 'from one', b: 'from two' };
    expect([await contents(one, near), await contents(two, far)]).toEqual([both, both]);
    const count = one.sent.length + two.sent.length;
    await one.work();
    await two.work();
    expect(one.sent.length + two.sent.length).toBe(count);
    expect([...one.sent, ...two.sent].filter((line) => line.startsWith('PUT'))).toHaveLength(2);
    await two.ask('DELETE', `${far}/a`);
    await two.work();
    await one.work();
    expect([await contents(one, near), await contents(two, far)]).toEqual([
      { b: 'from two' },
      { b: 'from two' },
    ]);
  });

  it('waits while the other side is away, and does not undo what is newer there', async () => {
    const { one, two, state } = await pair();
    await one.ask('POST', near, { headers: toFar });
    state.isDown = true;
    await one.ask('PUT', `${near}/k`, { body: 'older' });
    await one.ask('PUT', `${near}/gone`, { body: 'x' });
    await one.work();
    expect(await contents(two, far)).toEqual({});
    two.clock.advance(100_000);
    await two.ask('PUT', `${far}/k`, { body: 'newer' });
    await one.ask('DELETE', `${near}/k`);
    state.isDown = false;
    one.clock.advance(61_000);
    await one.work();
    expect(await contents(two, far)).toEqual({ k: 'newer', gone: 'x' });
  });

  it('lets other objects go on where one is not taken', async () => {
    const { one, two } = await pair();
    await one.ask('PUT', '/v1/AUTH_test/parts');
    await two.ask('PUT', '/v1/AUTH_test/parts');
    const part = await one.ask('PUT', '/v1/AUTH_test/parts/1', { body: 'part of it' });
    await one.ask('POST', near, { headers: toFar });
    const manifest = JSON.stringify([{ path: '/parts/1', etag: part.headers.get('etag') }]);
    await one.ask('PUT', `${near}/large?multipart-manifest=put`, { body: manifest });
    await one.ask('PUT', `${near}/small`, { body: 'small' });
    await one.work();
    expect(await contents(two, far)).toEqual({ small: 'small' });
    await two.ask('PUT', '/v1/AUTH_test/parts/1', { body: 'part of it' });
    one.clock.advance(61_000);
    await one.work();
    expect(await contents(two, far)).toEqual({ large: 'part of it', small: 'small' });
    const shown = await two.ask('GET', `${far}/large?multipart-manifest=get`);
    expect(JSON.parse(shown.text)).toMatchObject([{ name: '/parts/1', bytes: 10 }]);
    // The part has another date there; the manifest is the same to the byte.
    const [here, there] = await Promise.all([listed(one, near), listed(two, far)]);
    expect(there).toEqual(here);
  });

  it('brings dynamic large objects and links as what they are', async () => {
    const { one, two } = await pair();
    for (const cluster of [one, two]) {
      await cluster.ask('PUT', '/v1/AUTH_test/parts');
      await cluster.ask('PUT', '/v1/AUTH_test/parts/1', { body: 'segment' });
    }
    await one.ask('POST', near, { headers: toFar });
    await one.ask('PUT', `${near}/dynamic`, { headers: { 'X-Object-Manifest': 'parts/1' } });
    await one.ask('PUT', `${near}/link`, { headers: { 'X-Symlink-Target': 'parts/1' } });
    await one.work();
    expect(await contents(two, far)).toEqual({ dynamic: 'segment', link: 'segment' });
    const dynamic = await two.ask('HEAD', `${far}/dynamic`);
    expect(dynamic.headers.get('x-object-manifest')).toBe('parts/1');
    const link = await two.ask('HEAD', `${far}/link?symlink=get`);
    expect(link.headers.get('x-symlink-target')).toBe('parts/1');
  });

  it('takes a whole URL, and the key as it is, where the host is listed', async () => {
    const { one, two } = await pair();
    const to = 'http://far.test/v1/AUTH_test/far';
    await one.ask('POST', near, { headers: { ...toFar, 'X-Container-Sync-To': to } });
    await one.ask('PUT', `${near}/k`, { body: 'v' });
    await one.work();
    expect(await contents(two, far)).toEqual({ k: 'v' });
    await two.ask('POST', far, { headers: { 'X-Container-Sync-Key': 'another' } });
    await one.ask('PUT', `${near}/k2`, { body: 'v' });
    await one.work();
    expect(await contents(two, far)).toEqual({ k: 'v' });
  });
});

describe('a request of another cluster', () => {
  const stamp = '1500000000.00000';
  const sign = (key: string, method: string, path: string, containerKey?: string) =>
    signed(key, method, path, { stamp, ...(containerKey === undefined ? {} : { containerKey }) });

  it('is taken with either key of the realm, and with no other', async () => {
    const { two } = await pair();
    const path = `${far}/k`;
    const put = async (headers: Record<string, string>, at = path): Promise<number> =>
      (await two.ask('PUT', at, { token: '', headers, body: 'x' })).status;
    expect(await put(sign('another', 'PUT', path))).toBe(401);
    expect(await put(sign('realm-key', 'PUT', path, 'not the key'))).toBe(401);
    expect(await put(sign('realm-key', 'DELETE', path))).toBe(401);
    expect(await put(sign('realm-key', 'PUT', `${far}/other`))).toBe(401);
    expect(await put({ ...sign('realm-key', 'PUT', path), 'X-Timestamp': '1' })).toBe(401);
    expect(await put({ 'X-Container-Sync-Auth': 'us nonce', 'X-Timestamp': stamp })).toBe(401);
    expect(await put(sign('realm-key', 'PUT', far), far)).toBe(401);
    expect(await put(sign('older-realm-key', 'PUT', path))).toBe(201);
    expect(await put(sign('realm-key', 'PUT', path))).toBe(202);
    const head = await two.ask('HEAD', path);
    expect(head.headers.get('x-timestamp')).toBe(stamp);
    await two.ask('PUT', path, { body: 'newer' });
    const removal = { token: '', headers: sign('realm-key', 'DELETE', path) };
    expect((await two.ask('DELETE', path, removal)).status).toBe(409);
    const refused = await two.ask('PUT', path, { token: '', headers: sign('x', 'PUT', path) });
    expect(refused.headers.get('www-authenticate')).toMatch(/^SwiftContainerSync realm=/);
  });

  it('is taken with the key itself only where there is one', async () => {
    const { two } = await pair();
    const put = async (path: string, key: string): Promise<number> => {
      const headers = { 'X-Container-Sync-Key': key, 'X-Timestamp': stamp };
      return (await two.ask('PUT', path, { token: '', headers, body: 'x' })).status;
    };
    expect(await put(`${far}/k`, 'wrong')).toBe(401);
    expect(await put(`${far}/k`, 'secret')).toBe(201);
    await two.ask('PUT', '/v1/AUTH_test/other');
    expect(await put('/v1/AUTH_test/other/k', '')).toBe(401);
    expect(await put('/v1/AUTH_test/other/k', 'secret')).toBe(401);
  });

  it('reaches nothing but its own container', async () => {
    const { two } = await pair();
    await two.ask('PUT', '/v1/AUTH_test/other');
    await two.ask('PUT', '/v1/AUTH_test/other/k', { body: 'not yours' });
    await two.ask('PUT', `${far}/link`, { headers: { 'X-Symlink-Target': 'other/k' } });
    const headers = { 'X-Container-Sync-Key': 'secret', 'X-Timestamp': stamp };
    expect((await two.ask('GET', `${far}/link`, { token: '', headers })).status).toBe(401);
    expect((await two.ask('GET', far, { token: '', headers })).status).toBe(401);
    const copy = { ...headers, 'X-Copy-From': 'other/k' };
    expect((await two.ask('POST', `${far}/k`, { token: '', headers })).status).toBe(401);
    const copied = await two.ask('PUT', `${far}/copy`, { token: '', headers: copy });
    expect(copied.status).toBe(400);
  });
});

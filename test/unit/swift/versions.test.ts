import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from './harness.ts';

const container = '/v1/AUTH_test/c';
const path = `${container}/o`;
const md5 = (body: string): string => createHash('md5').update(body).digest('hex');
const markerType = 'application/x-deleted;swift_versions_deleted=1';

async function versioned(): Promise<Harness> {
  const harness = await createHarness();
  await harness.ask('PUT', container, { headers: { 'X-Versions-Enabled': 'true' } });
  return harness;
}

async function put({ ask }: Harness, body: string, at = path): Promise<string> {
  const answer = await ask('PUT', at, { body, headers: { 'Content-Type': `text/${body}` } });
  expect(answer.status).toBe(201);
  return answer.headers.get('x-object-version-id') ?? 'none';
}

/** `body latest` for each version, from what the listing says. */
async function listed({ ask }: Harness, query = ''): Promise<readonly string[]> {
  const answer = await ask('GET', `${container}?versions&${query}`);
  const entries: { content_type: string; is_latest: boolean }[] = JSON.parse(answer.text);
  return entries.map((entry) => `${entry.content_type}${entry.is_latest ? ' latest' : ''}`);
}

describe('a versioned container', () => {
  it('keeps what is overwritten and deleted, by ids that both doors share', async () => {
    const harness = await versioned();
    const { ask, core } = harness;
    const first = await put(harness, 'a');
    const second = await put(harness, 'b');
    const get = await ask('GET', path);
    expect([get.text, get.headers.get('x-object-version-id')]).toEqual(['b', second]);
    const location = `${path}?version-id=${second}`;
    expect(get.headers.get('content-location')).toBe(location);
    const old = await ask('GET', `${path}?version-id=${first}`);
    expect([old.text, old.headers.get('x-object-version-id')]).toEqual(['a', first]);
    expect(old.headers.has('content-location')).toBe(false);
    const principal = {
      type: 'user',
      account: 'AUTH_test',
      user: 'tester',
      role: 'owner',
    } as const;
    const at = { account: undefined, container: 'c', key: 'o', versionId: first, condition: {} };
    expect((await core.openObject({ principal }, at)).row.etag).toBe(md5('a'));

    const gone = await ask('DELETE', path);
    const marker = gone.headers.get('x-object-version-id') ?? '';
    expect(gone.status).toBe(204);
    expect((await ask('GET', path)).status).toBe(404);
    const seen = await ask('HEAD', `${path}?version-id=${marker}`);
    expect(seen.status).toBe(404);
    expect(seen.headers.get('content-type')).toBe(markerType);
    expect(seen.headers.get('x-object-version-id')).toBe(marker);
    const again = await ask('DELETE', path);
    expect([again.status, again.headers.has('x-object-version-id')]).toEqual([404, true]);

    const listing: object[] = JSON.parse((await ask('GET', `${container}?versions`)).text);
    expect(listing).toHaveLength(4);
    expect(listing[0]).toMatchObject({ content_type: markerType, bytes: 0, hash: md5('') });
    expect(listing[3]).toEqual({
      name: 'o',
      hash: md5('a'),
      bytes: 1,
      content_type: 'text/a',
      last_modified: expect.any(String),
      version_id: first,
      is_latest: false,
    });
    const head = await ask('HEAD', container);
    expect(head.headers.get('x-versions-enabled')).toBe('True');
    expect(head.headers.get('x-container-bytes-used')).toBe('2');
    expect(head.headers.get('x-container-object-count')).toBe('0');
    expect((await ask('HEAD', '/v1/AUTH_test')).headers.get('x-account-bytes-used')).toBe('2');
    expect((await ask('DELETE', container)).status).toBe(409);
  });

  it('has no current version after that one was deleted by its id', async () => {
    const harness = await versioned();
    const { ask } = harness;
    const first = await put(harness, 'a');
    const second = await put(harness, 'b');
    const gone = await ask('DELETE', `${path}?version-id=${second}`);
    expect(gone.status).toBe(204);
    expect(gone.headers.get('x-object-version-id')).toBe(second);
    expect(gone.headers.get('x-object-current-version-id')).toBe('null');
    expect((await ask('GET', path)).status).toBe(404);
    expect(await listed(harness)).toEqual(['text/a']);
    expect((await ask('GET', container)).text).toBe('');
    expect((await ask('DELETE', `${path}?version-id=${first}`)).status).toBe(204);
    expect((await ask('DELETE', `${path}?version-id=${first}`)).status).toBe(404);
    expect((await ask('DELETE', container)).status).toBe(204);
  });

  it('makes an older version current by PUT, and back', async () => {
    const harness = await versioned();
    const { ask } = harness;
    const ids = [await put(harness, 'a'), await put(harness, 'b'), await put(harness, 'c')];
    const promote = (id: string, body = ''): Promise<{ status: number }> =>
      ask('PUT', `${path}?version-id=${id}`, { body });
    expect((await promote(ids[1] ?? '')).status).toBe(201);
    expect((await ask('GET', path)).text).toBe('b');
    expect(await listed(harness)).toEqual(['text/c', 'text/b latest', 'text/a']);
    expect(await listed(harness, 'reverse=on&limit=2')).toEqual(['text/a', 'text/b latest']);
    await put(harness, 'd');
    expect(await listed(harness)).toEqual(['text/d latest', 'text/c', 'text/b', 'text/a']);
    for (const [id, status] of [
      ['1234567890.12345', 404],
      ['null', 400],
      ['bad', 400],
    ] as const) {
      expect([id, (await promote(id)).status]).toEqual([id, status]);
    }
    expect((await promote(ids[0] ?? '', 'x')).status).toBe(400);
  });

  it('may stop: then writes have no id, and deletions leave no marker', async () => {
    const harness = await versioned();
    const { ask } = harness;
    await put(harness, 'a');
    await ask('POST', container, { headers: { 'X-Versions-Enabled': 'false' } });
    expect((await ask('HEAD', container)).headers.get('x-versions-enabled')).toBe('False');
    expect((await ask('DELETE', path)).status).toBe(204);
    expect(await listed(harness)).toEqual(['text/a']);
    expect(await put(harness, 'b')).toBe('none');
    expect((await ask('GET', path)).headers.get('x-object-version-id')).toBe('null');
    expect(await listed(harness)).toEqual(['text/b latest', 'text/a']);
    expect((await ask('DELETE', `${path}?version-id=null`)).status).toBe(204);
    expect(await listed(harness)).toEqual(['text/a']);
    expect((await ask('DELETE', path)).status).toBe(404);
  });

  it('lets the currency of a version expire, not the version', async () => {
    const harness = await versioned();
    const { ask, clock } = harness;
    const answer = await ask('PUT', path, { body: 'a', headers: { 'X-Delete-After': '60' } });
    const id = answer.headers.get('x-object-version-id') ?? '';
    clock.advance(61_000);
    expect((await ask('GET', path)).status).toBe(404);
    expect((await ask('GET', `${path}?version-id=${id}`)).text).toBe('a');
  });

  it('is copied from by version, and changed by POST only where it is current', async () => {
    const harness = await versioned();
    const { ask } = harness;
    const first = await put(harness, 'a');
    await put(harness, 'b');
    const copy = await ask('COPY', `${path}?version-id=${first}`, {
      headers: { Destination: 'c/o' },
    });
    expect([copy.status, copy.headers.has('x-object-version-id')]).toEqual([201, true]);
    expect(copy.headers.get('x-copied-from-version-id')).toBe(first);
    expect((await ask('GET', path)).text).toBe('a');
    expect((await ask('POST', `${path}?version-id=${first}`)).status).toBe(400);
    await ask('POST', path, { headers: { 'Content-Type': 'text/new' } });
    expect(await listed(harness)).toEqual(['text/new latest', 'text/b', 'text/a']);
  });

  it('lists in pages, in JSON only', async () => {
    const harness = await versioned();
    const { ask } = harness;
    for (const body of ['a', 'b', 'c', 'd', 'e']) await put(harness, body);
    await put(harness, 'z', `${container}/z`);
    const page = await ask('GET', `${container}?versions&limit=4`);
    const entries: { name: string; version_id: string }[] = JSON.parse(page.text);
    const last = entries.at(-1);
    const marker = `marker=${last?.name}&version_marker=${last?.version_id}`;
    expect(await listed(harness, marker)).toEqual(['text/a', 'text/z latest']);
    expect(await listed(harness, `reverse=1&${marker}`)).toEqual([
      'text/c',
      'text/d',
      'text/e latest',
    ]);
    expect(await listed(harness, 'marker=o')).toEqual(['text/z latest']);
    for (const [query, status] of [
      ['format=xml', 406],
      ['format=plain', 406],
      ['version_marker=null', 400],
      ['marker=o&version_marker=x', 400],
      ['delimiter=1', 400],
    ] as const) {
      const answer = await ask('GET', `${container}?versions&${query}`);
      expect([query, answer.status]).toEqual([query, status]);
    }
    const accept = { headers: { Accept: 'text/plain' } };
    expect((await ask('GET', `${container}?versions`, accept)).status).toBe(406);
  });
});

describe('a container without versions', () => {
  it('has null versions only', async () => {
    const harness = await createHarness();
    const { ask } = harness;
    await ask('PUT', container);
    await put(harness, 'a');
    expect(await listed(harness)).toEqual(['text/a latest']);
    expect((await ask('GET', path)).headers.has('x-object-version-id')).toBe(false);
    const byNull = await ask('GET', `${path}?version-id=null`);
    expect([byNull.text, byNull.headers.get('x-object-version-id')]).toEqual(['a', 'null']);
    for (const method of ['GET', 'DELETE', 'PUT']) {
      const answer = await ask(method, `${path}?version-id=1234567890.12345`);
      expect([method, answer.status]).toEqual([method, 400]);
    }
  });
});

import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from './harness.ts';

const account = '/v1/AUTH_test';
const path = `${account}/c/o`;

async function archived(header: string): Promise<Harness> {
  const harness = await createHarness();
  await harness.ask('PUT', `${account}/old`);
  await harness.ask('PUT', `${account}/c`, { headers: { [header]: 'old' } });
  return harness;
}

async function kept({ ask }: Harness): Promise<readonly string[]> {
  const { text } = await ask('GET', `${account}/old?format=json`);
  const entries: { name: string; content_type: string }[] = JSON.parse(text);
  for (const { name } of entries) expect(name).toMatch(/^001o\/\d{10}\.\d{5}$/);
  return entries.map((entry) => entry.content_type);
}

async function put({ ask }: Harness, body: string): Promise<number> {
  const headers = { 'Content-Type': `text/${body}`, 'X-Object-Meta-Is': body };
  return (await ask('PUT', path, { body, headers })).status;
}

describe('X-Versions-Location', () => {
  it('keeps what is replaced, and a DELETE brings it back', async () => {
    const harness = await archived('X-Versions-Location');
    const { ask } = harness;
    expect((await ask('HEAD', `${account}/c`)).headers.get('x-versions-location')).toBe('old');
    for (const body of ['a', 'b', 'c']) await put(harness, body);
    expect(await kept(harness)).toEqual(['text/a', 'text/b']);
    for (const body of ['b', 'a']) {
      expect((await ask('DELETE', path)).status).toBe(204);
      const get = await ask('GET', path);
      expect([get.text, get.headers.get('content-type')]).toEqual([body, `text/${body}`]);
      expect(get.headers.get('x-object-meta-is')).toBe(body);
    }
    expect(await kept(harness)).toEqual([]);
    expect((await ask('DELETE', path)).status).toBe(204);
    expect((await ask('DELETE', path)).status).toBe(404);
  });

  it('lets nothing be replaced that cannot be kept', async () => {
    const harness = await archived('X-Versions-Location');
    await put(harness, 'a');
    await harness.ask('DELETE', `${account}/old`);
    expect(await put(harness, 'b')).toBe(412);
    expect((await harness.ask('GET', path)).text).toBe('a');
  });

  it('can be taken back, and not be had together with other ways', async () => {
    const harness = await archived('X-Versions-Location');
    const { ask } = harness;
    const post = async (headers: Readonly<Record<string, string>>): Promise<number> =>
      (await ask('POST', `${account}/c`, { headers })).status;
    expect(await post({ 'X-Versions-Enabled': 'true' })).toBe(400);
    expect(await post({ 'X-Versions-Location': 'a', 'X-History-Location': 'b' })).toBe(400);
    expect(await post({ 'X-Versions-Location': 'a/b' })).toBe(412);
    expect(await post({ 'X-Remove-Versions-Location': 'x' })).toBe(204);
    expect((await ask('HEAD', `${account}/c`)).headers.has('x-versions-location')).toBe(false);
    await put(harness, 'a');
    await put(harness, 'b');
    expect(await kept(harness)).toEqual([]);
  });

  it('also keeps what a COPY replaces, for those who may write it', async () => {
    const harness = await archived('X-Versions-Location');
    const { ask, tokens } = harness;
    await put(harness, 'a');
    await ask('PUT', `${account}/old2`);
    await ask('PUT', `${account}/old2/source`, { body: 'new' });
    const headers = { Destination: 'c/o' };
    expect((await ask('COPY', `${account}/old2/source`, { headers })).status).toBe(201);
    expect(await kept(harness)).toEqual(['text/a']);
    await ask('PUT', '/v1/AUTH_test2/x', { token: tokens.other });
    await ask('PUT', '/v1/AUTH_test2/x/y', { token: tokens.other, body: 'z' });
    const foreign = { ...headers, 'Destination-Account': 'AUTH_test' };
    const copy = { token: tokens.other, headers: foreign };
    expect((await ask('COPY', '/v1/AUTH_test2/x/y', copy)).status).toBe(403);
    expect(await kept(harness)).toHaveLength(1);
  });
});

describe('X-History-Location', () => {
  it('keeps what is replaced and deleted, with a marker', async () => {
    const harness = await archived('X-History-Location');
    const { ask } = harness;
    expect((await ask('HEAD', `${account}/c`)).headers.get('x-history-location')).toBe('old');
    await put(harness, 'a');
    await put(harness, 'b');
    expect((await ask('DELETE', path)).status).toBe(204);
    expect((await ask('GET', path)).status).toBe(404);
    const marker = 'application/x-deleted;swift_versions_deleted=1';
    expect(await kept(harness)).toEqual(['text/a', 'text/b', marker]);
    // A deletion of nothing is one, too.
    await ask('POST', `${account}?bulk-delete`, { body: 'c/o' });
    expect(await kept(harness)).toEqual(['text/a', 'text/b', marker, marker]);
    // Turned into a stack, its DELETEs undo the last ones.
    await ask('POST', `${account}/c`, { headers: { 'X-Versions-Location': 'old' } });
    for (const status of [204, 204]) expect((await ask('DELETE', path)).status).toBe(status);
    expect((await ask('GET', path)).text).toBe('b');
  });
});

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from './harness.ts';

const container = '/v1/AUTH_test/c';
const path = `${container}/target \u00e9`.replace(' ', '%20').replace('\u00e9', '%C3%A9');
const link = `${container}/link`;
const etag = createHash('md5').update('content').digest('hex');

async function started(headers: Readonly<Record<string, string>> = {}): Promise<Harness> {
  const harness = await createHarness();
  await harness.ask('PUT', container);
  await harness.ask('PUT', path, { body: 'content', headers: { 'Content-Type': 'text/x' } });
  const target = { 'X-Symlink-Target': 'c/target%20%C3%A9' };
  const put = await harness.ask('PUT', link, { headers: { ...target, ...headers } });
  expect(put.status).toBe(201);
  return harness;
}

describe('symlinks', () => {
  it('show what they name, and themselves when asked to', async () => {
    const { ask } = await started({ 'X-Object-Meta-Of': 'link' });
    for (const method of ['GET', 'HEAD']) {
      const answer = await ask(method, link);
      expect(answer.status).toBe(200);
      expect(answer.headers.get('etag')).toBe(etag);
      expect(answer.headers.get('content-type')).toBe('text/x');
      expect(answer.headers.get('content-location')).toBe(path);
      expect(answer.headers.has('x-object-meta-of')).toBe(false);
      expect(answer.headers.has('x-symlink-target')).toBe(false);
    }
    expect((await ask('GET', link, { headers: { Range: 'bytes=0-2' } })).text).toBe('con');
    const own = await ask('HEAD', `${link}?symlink=get`);
    expect(own.headers.get('x-symlink-target')).toBe('c/target%20%C3%A9');
    expect(own.headers.get('content-type')).toBe('application/symlink');
    expect(own.headers.get('content-length')).toBe('0');
    expect(own.headers.get('x-object-meta-of')).toBe('link');
    const [entry] = JSON.parse((await ask('GET', `${container}?format=json`)).text);
    expect(entry).toMatchObject({ name: 'link', bytes: 0, symlink_path: path });
    expect(entry).not.toHaveProperty('symlink_etag');
  });

  it('are refused where they cannot be', async () => {
    const { ask } = await started();
    for (const [headers, body, status] of [
      [{ 'X-Symlink-Target': 'c/o' }, 'x', 400],
      [{ 'X-Symlink-Target': 'c/l2' }, '', 400],
      [{ 'X-Symlink-Target': '/c/o' }, '', 412],
      [{ 'X-Symlink-Target': 'c' }, '', 412],
      [{ 'X-Symlink-Target': '' }, '', 412],
      [{ 'X-Symlink-Target': 'c/o', 'X-Symlink-Target-Account': 'a/b' }, '', 412],
      [{ 'X-Symlink-Target': 'c/o', 'X-Symlink-Target-Etag': '"a;b"' }, '', 400],
      [{ 'X-Symlink-Target': 'c/o', 'X-Symlink-Target-Etag': etag }, '', 409],
    ] as const) {
      const answer = await ask('PUT', `${container}/l2`, { headers, body });
      expect([headers, answer.status]).toEqual([headers, status]);
    }
    const post = { headers: { 'X-Symlink-Target': 'c/o' } };
    expect((await ask('POST', link, post)).status).toBe(400);
    const copy = { headers: { 'X-Symlink-Target': 'c/o', Destination: 'c/z' } };
    expect((await ask('COPY', path, copy)).status).toBe(400);
  });

  it('lead to a 404 that says where, and to 409 when they are too many', async () => {
    const { ask } = await started();
    await ask('DELETE', path);
    const gone = await ask('GET', link);
    expect([gone.status, gone.headers.get('content-location')]).toEqual([404, path]);
    for (const [name, to] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      await ask('PUT', `${container}/${name}`, { headers: { 'X-Symlink-Target': `c/${to}` } });
    }
    const loop = await ask('GET', `${container}/a`);
    expect(loop.status).toBe(409);
    expect(loop.text).toBe('Too many levels of symbolic links, maximum allowed is 2');
  });

  it('take a POST for themselves, and tell where it may have been meant', async () => {
    const { ask } = await started();
    const answer = await ask('POST', link, { headers: { 'X-Object-Meta-A': 'b' } });
    expect([answer.status, answer.headers.get('location')]).toEqual([307, path]);
    const own = await ask('HEAD', `${link}?symlink=get`);
    expect(own.headers.get('x-object-meta-a')).toBe('b');
    expect(own.headers.get('x-symlink-target')).toBe('c/target%20%C3%A9');
  });

  it('may be static: then what they name must stay what it was', async () => {
    const { ask } = await started({ 'X-Symlink-Target-Etag': `"${etag}"` });
    const [entry] = JSON.parse((await ask('GET', `${container}?format=json`)).text);
    expect(entry).toMatchObject({ symlink_etag: etag, symlink_bytes: 7, content_type: 'text/x' });
    expect((await ask('GET', link)).text).toBe('content');
    await ask('PUT', path, { body: 'other' });
    const broken = await ask('GET', link);
    expect([broken.status, broken.headers.get('content-location')]).toEqual([409, path]);
    expect(broken.text).toContain('does not match X-Symlink-Target-Etag');
  });

  it('are copied as their content, or as links', async () => {
    const { ask } = await started();
    await ask('COPY', link, { headers: { Destination: 'c/content' } });
    await ask('COPY', `${link}?symlink=get`, { headers: { Destination: 'c/second' } });
    expect((await ask('HEAD', `${container}/content?symlink=get`)).headers.get('etag')).toBe(etag);
    const second = await ask('HEAD', `${container}/second?symlink=get`);
    expect(second.headers.get('x-symlink-target')).toBe('c/target%20%C3%A9');
  });
});

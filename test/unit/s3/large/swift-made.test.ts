import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { PartClaim } from '../../../../server/core/large/manifest-command.ts';
import { all, createHarness, type Harness, one } from '../harness.ts';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');
const principal = { type: 'user', account: 'AUTH_one', user: 'root', role: 'owner' } as const;
const parts: readonly PartClaim[] = [
  { type: 'object', container: 'bucket', key: 'a' },
  { type: 'object', container: 'bucket', key: 'b', range: { first: 1, last: undefined } },
  { type: 'data', bytes: Buffer.from('xyz') },
];
const whole = 'aaaaabbbxyz';
const etag = `${md5(`${md5('aaaaa')}${md5('bbbb')}:1-3;${md5('xyz')}`)}-3`;

/** A static large object as the other door makes it, and a dynamic one. */
async function started(): Promise<Harness> {
  const harness = createHarness();
  const { ask, core } = harness;
  await ask('PUT', '/bucket');
  await ask('PUT', '/bucket/a', { body: 'aaaaa' });
  await ask('PUT', '/bucket/b', { body: 'bbbb' });
  const description = { contentType: 'a/b', system: {}, user: { color: 'red' }, condition: {} };
  const address = { account: undefined, container: 'bucket' };
  const command = { ...address, key: 'static', parts, ...description };
  expect((await core.putManifest({ principal }, command)).type).toBe('stored');
  const body = { chunks: noBytes(), size: 0 };
  const system = { 'swift:object-manifest': 'bucket/%61' };
  await core.putObject({ principal }, { ...address, key: 'd', ...description, system, body });
  return harness;
}

describe('a large object of the Swift door', () => {
  test('reads, lists and shows its size, etag and parts as one made here does', async () => {
    const { ask } = await started();
    const get = await ask('GET', '/bucket/static');
    expect([get.status, get.text, get.headers.get('etag')]).toEqual([200, whole, `"${etag}"`]);
    const head = await ask('HEAD', '/bucket/static');
    expect(head.headers.get('content-length')).toBe('11');
    expect(head.headers.get('x-amz-meta-color')).toBe('red');
    const range = await ask('GET', '/bucket/static', { headers: { Range: 'bytes=4-8' } });
    expect([range.status, range.text]).toEqual([206, whole.slice(4, 9)]);
    const part = await ask('GET', '/bucket/static', { query: { partNumber: '2' } });
    expect([part.status, part.text, part.headers.get('x-amz-mp-parts-count')]).toEqual([
      ...[206, 'bbb', '3'],
    ]);
    const beyond = await ask('GET', '/bucket/static', { query: { partNumber: '4' } });
    expect(beyond.code).toBe('InvalidPartNumber');
    const listing = await ask('GET', '/bucket', { query: { 'list-type': '2', prefix: 'st' } });
    expect([one(listing.text, 'Size'), one(listing.text, 'ETag')]).toEqual([
      '11',
      `&quot;${etag}&quot;`,
    ]);
    const headers = { 'x-amz-object-attributes': 'ObjectParts' };
    const shown = await ask('GET', '/bucket/static', { query: { attributes: '' }, headers });
    expect(all(shown.text, 'Size')).toEqual(['5', '3', '3']);
    const match = { 'If-Match': `"${etag}"` };
    expect((await ask('GET', '/bucket/static', { headers: match })).status).toBe(200);
  });

  test('is copied as its content', async () => {
    const { ask } = await started();
    for (const [key, text] of [
      ['static', whole],
      ['d', 'aaaaa'],
    ] as const) {
      const headers = { 'x-amz-copy-source': `bucket/${key}` };
      expect((await ask('PUT', '/bucket/copy', { headers })).status).toBe(200);
      await ask('DELETE', '/bucket/a');
      const copy = await ask('GET', '/bucket/copy');
      expect([copy.text, copy.headers.get('etag')]).toEqual([text, `"${md5(text)}"`]);
      await ask('PUT', '/bucket/a', { body: 'aaaaa' });
    }
  });

  test('is answered, not cut off, when its first segment is gone', async () => {
    const { ask } = await started();
    expect((await ask('GET', '/bucket/d')).text).toBe('aaaaa');
    await ask('DELETE', '/bucket/a');
    expect((await ask('GET', '/bucket/static')).status).toBe(409);
    expect((await ask('HEAD', '/bucket/static')).status).toBe(200);
    expect((await ask('DELETE', '/bucket/static')).status).toBe(204);
    expect((await ask('GET', '/bucket/b')).text).toBe('bbbb');
  });
});

async function* noBytes(): AsyncGenerator<Uint8Array> {
  // An empty body.
}

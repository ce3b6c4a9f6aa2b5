import { describe, expect, test } from 'vitest';
import { type Harness, all, createHarness, one, other } from '../harness.ts';

async function withBucket(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  return harness;
}

describe('headers that an object keeps', () => {
  test('system and user metadata come back', async () => {
    const { ask } = await withBucket();
    const kept = {
      'cache-control': 'max-age=1',
      'content-disposition': 'attachment; filename="ä.txt"',
      'content-language': 'de',
      expires: 'Thu, 01 Dec 2033 16:00:00 GMT',
      'content-type': 'text/plain',
      'x-amz-meta-one': 'Grüße 😀',
    };
    const latin1 = Object.fromEntries(
      Object.entries(kept).map(([name, value]) => [name, Buffer.from(value).toString('latin1')]),
    );
    // Our signer signs the UTF-8 of what it sends as latin1, as botocore does.
    const sent = { ...latin1, 'X-Amz-Meta-TWO': '2' };
    expect((await ask('PUT', '/bucket/k', { body: 'x', headers: sent })).status).toBe(200);
    for (const method of ['GET', 'HEAD']) {
      const { headers, status } = await ask(method, '/bucket/k');
      expect(status).toBe(200);
      for (const [name, value] of Object.entries(latin1)) expect(headers.get(name)).toBe(value);
      expect(headers.get('x-amz-meta-two')).toBe('2');
      expect(headers.get('last-modified')).toMatch(/GMT$/);
      expect(headers.get('content-length')).toBe('1');
      expect(headers.has('x-amz-version-id')).toBe(false);
    }
  });

  test('bytes that are not UTF-8 come back as they were', async () => {
    const { ask } = await withBucket();
    const sent = { 'x-amz-meta-one': 'Hello World\xe9', 'content-language': '\xff' };
    await ask('PUT', '/bucket/k', { headers: sent });
    const copied = await ask('PUT', '/bucket/copy', {
      headers: { 'x-amz-copy-source': '/bucket/k' },
    });
    expect(copied.status).toBe(200);
    for (const path of ['/bucket/k', '/bucket/copy']) {
      const { headers } = await ask('HEAD', path);
      for (const [name, value] of Object.entries(sent)) expect(headers.get(name)).toBe(value);
    }
  });

  test('without a type; more than 2 KB of metadata', async () => {
    const { ask } = await withBucket();
    await ask('PUT', '/bucket/k');
    expect((await ask('HEAD', '/bucket/k')).headers.get('content-type')).toBe(
      'binary/octet-stream',
    );
    const fits = { 'x-amz-meta-a': 'v'.repeat(2047) };
    expect((await ask('PUT', '/bucket/k', { headers: fits })).status).toBe(200);
    const tooMuch = { 'x-amz-meta-a': 'v'.repeat(2048) };
    const answer = await ask('PUT', '/bucket/k', { headers: tooMuch });
    expect([answer.status, answer.code]).toEqual([400, 'MetadataTooLarge']);
  });

  test.each([
    ['x-amz-server-side-encryption-sauce', 'x'],
    ['x-amz-if-match-size', '1'],
    ['x-amz-rename-source', 'a'],
    ['if-unmodified-since', 'Thu, 01 Dec 2033 16:00:00 GMT'],
  ])('%s is refused, not ignored', async (name, value) => {
    const { ask } = await withBucket();
    const answer = await ask('PUT', '/bucket/k', { body: 'x', headers: { [name]: value } });
    expect([answer.status, answer.code]).toEqual([501, 'NotImplemented']);
    expect((await ask('HEAD', '/bucket/k')).status).toBe(404);
  });

  test('headers that ask for what happens anyway', async () => {
    const { ask } = await withBucket();
    const headers = { 'x-amz-acl': 'bucket-owner-full-control', 'x-amz-storage-class': 'STANDARD' };
    expect((await ask('PUT', '/bucket/k', { headers })).status).toBe(200);
  });

  test('the owner that the client expects', async () => {
    const { ask } = await withBucket();
    const right = { 'x-amz-expected-bucket-owner': 'id-of-AUTH_one' };
    expect((await ask('PUT', '/bucket/k', { headers: right })).status).toBe(200);
    const wrong = { 'x-amz-expected-bucket-owner': '111122223333' };
    expect((await ask('PUT', '/bucket/k', { headers: wrong })).code).toBe('AccessDenied');
  });
});

describe('ranges', () => {
  const whole = '0123456789'.repeat(10);
  test.each([
    ['bytes=0-0', 206, '0', 'bytes 0-0/100'],
    ['bytes=95-', 206, '56789', 'bytes 95-99/100'],
    ['bytes=-3', 206, '789', 'bytes 97-99/100'],
    ['bytes=90-1000', 206, '0123456789', 'bytes 90-99/100'],
    ['bytes=-101', 206, whole, 'bytes 0-99/100'],
    ['bytes=0-0,1-2', 200, whole, undefined],
    ['bytes=10-5', 200, whole, undefined],
    ['bytes= -1', 200, whole, undefined],
    ['foo=0-1', 200, whole, undefined],
  ])('%s', async (range, status, text, contentRange) => {
    const { ask } = await withBucket();
    await ask('PUT', '/bucket/k', { body: whole });
    const got = await ask('GET', '/bucket/k', { headers: { range } });
    expect([got.status, got.text]).toEqual([status, text]);
    expect(got.headers.get('content-range')).toBe(contentRange);
    const head = await ask('HEAD', '/bucket/k', { headers: { range } });
    expect([head.status, head.headers.get('content-range')]).toEqual([status, contentRange]);
  });

  test.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('%s is 416', async (range) => {
    const { ask } = await withBucket();
    await ask('PUT', '/bucket/k', { body: whole });
    const got = await ask('GET', '/bucket/k', { headers: { range } });
    expect([got.status, got.code]).toEqual([416, 'InvalidRange']);
    expect(got.text).toContain('<ActualObjectSize>100</ActualObjectSize>');
  });

  test('of an object without bytes', async () => {
    const { ask } = await withBucket();
    await ask('PUT', '/bucket/k');
    const last = await ask('GET', '/bucket/k', { headers: { range: 'bytes=-1' } });
    expect([last.status, last.headers.has('content-range')]).toEqual([200, false]);
    for (const range of ['bytes=0-0', 'bytes=0-', 'bytes=-0']) {
      const got = await ask('GET', '/bucket/k', { headers: { range } });
      expect([got.status, got.code]).toEqual([416, 'InvalidRange']);
    }
  });

  test('partNumber of an object that has no parts', async () => {
    const { ask } = await withBucket();
    await ask('PUT', '/bucket/k', { body: whole });
    const first = await ask('GET', '/bucket/k', { query: { partNumber: '1' } });
    expect([first.status, first.text]).toEqual([206, whole]);
    expect(first.headers.get('content-range')).toBe('bytes 0-99/100');
    expect(first.headers.has('x-amz-mp-parts-count')).toBe(false);
    const second = await ask('GET', '/bucket/k', { query: { partNumber: '2' } });
    expect([second.status, second.code]).toEqual([416, 'InvalidPartNumber']);
    for (const partNumber of ['1', '0']) {
      const headers = { range: 'bytes=0-1' };
      const both = await ask('GET', '/bucket/k', { query: { partNumber }, headers });
      expect([both.status, both.code]).toEqual([400, 'InvalidRequest']);
    }
    const negative = await ask('GET', '/bucket/k', { query: { partNumber: '-1' } });
    expect([negative.status, negative.code]).toEqual([400, 'InvalidArgument']);
  });

  test('If-Range', async () => {
    const { ask } = await withBucket();
    const put = await ask('PUT', '/bucket/k', { body: whole });
    const etag = put.headers.get('etag') ?? '';
    const range = 'bytes=0-0';
    const same = await ask('GET', '/bucket/k', { headers: { range, 'if-range': etag } });
    expect(same.status).toBe(206);
    const old = await ask('GET', '/bucket/k', { headers: { range, 'if-range': '"x"' } });
    expect(old.status).toBe(200);
  });
});

describe('conditions', () => {
  test('of reads', async () => {
    const { ask } = await withBucket();
    const put = await ask('PUT', '/bucket/k', { body: 'x' });
    const etag = put.headers.get('etag') ?? '';
    const get = (headers: Record<string, string>) => ask('GET', '/bucket/k', { headers });
    const same = await get({ 'if-none-match': etag });
    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag]);
    expect(same.headers.get('last-modified')).toMatch(/GMT$/);
    expect((await get({ 'if-match': etag.replaceAll('"', '') })).status).toBe(200);
    const other = await get({ 'if-match': '"x"' });
    expect([other.status, other.code]).toEqual([412, 'PreconditionFailed']);
    expect(other.text).toContain('<Condition>If-Match</Condition>');
    const future = 'Thu, 01 Dec 2033 16:00:00 GMT';
    expect((await get({ 'if-modified-since': future })).status).toBe(304);
    expect((await get({ 'if-unmodified-since': future })).status).toBe(200);
  });

  test('of PUT', async () => {
    const { ask } = await withBucket();
    const put = (headers: Record<string, string>, path = '/bucket/k') =>
      ask('PUT', path, { body: 'x', headers });
    expect((await put({ 'if-match': '"x"' })).code).toBe('NoSuchKey');
    expect((await put({ 'if-match': '*' })).status).toBe(404);
    const first = await put({ 'if-none-match': '*' });
    expect(first.status).toBe(200);
    const again = await put({ 'if-none-match': '*' });
    expect([again.status, again.code]).toEqual([412, 'PreconditionFailed']);
    expect((await put({ 'if-none-match': '"abc"' })).status).toBe(501);
    const etag = first.headers.get('etag') ?? '';
    expect((await put({ 'if-match': etag, 'if-none-match': '*' })).status).toBe(501);
    expect((await put({ 'if-match': etag })).status).toBe(200);
    expect((await put({ 'if-match': '"other"' })).status).toBe(412);
  });

  test('of PUT by the tags that must be absent, where the store obeys them', async () => {
    const { ask } = createHarness({ honoursAbsentTags: true });
    await ask('PUT', '/bucket');
    const put = (tag: string, body: string) =>
      ask('PUT', '/bucket/k', { body, headers: { 'if-none-match': tag } });
    const etag = (await put('"other"', 'x')).headers.get('etag') ?? '';
    expect((await put(etag, 'y')).code).toBe('PreconditionFailed');
    expect((await put(etag.replaceAll('"', ''), 'y')).code).toBe('PreconditionFailed');
    expect((await put('*', 'y')).code).toBe('PreconditionFailed');
    expect((await put('"other"', 'y')).status).toBe(200);
    expect((await put(etag, 'z')).status).toBe(200);
    expect((await ask('GET', '/bucket/k')).text).toBe('z');
  });

  test('of DELETE', async () => {
    const { ask } = await withBucket();
    const put = await ask('PUT', '/bucket/k', { body: 'x' });
    const del = (headers: Record<string, string>) => ask('DELETE', '/bucket/k', { headers });
    expect((await del({ 'if-match': '"x"' })).status).toBe(412);
    expect((await del({ 'if-none-match': '*' })).status).toBe(501);
    expect((await del({ 'if-match': put.headers.get('etag') ?? '' })).status).toBe(204);
    expect((await del({ 'if-match': '*' })).code).toBe('NoSuchKey');
    expect((await del({})).status).toBe(204);
  });

  test('of DELETE by size and by time of change', async () => {
    const { ask } = await withBucket();
    await ask('PUT', '/bucket/k', { body: 'x' });
    const time = (await ask('HEAD', '/bucket/k')).headers.get('last-modified') ?? '';
    const del = (name: string, value: string) =>
      ask('DELETE', '/bucket/k', { headers: { [`x-amz-if-match-${name}`]: value } });
    expect((await del('size', '2')).code).toBe('PreconditionFailed');
    expect((await del('size', 'two')).code).toBe('InvalidArgument');
    const old = 'Thu, 01 Jan 2015 00:00:00 GMT';
    expect((await del('last-modified-time', old)).code).toBe('PreconditionFailed');
    expect((await del('last-modified-time', 'then')).code).toBe('InvalidArgument');
    expect((await del('last-modified-time', time)).status).toBe(204);
    // What is not there has neither, and is gone already.
    expect((await del('size', '2')).status).toBe(204);
    await ask('PUT', '/bucket/k', { body: 'x' });
    expect((await del('size', '1')).status).toBe(204);
    expect((await ask('HEAD', '/bucket/k')).status).toBe(404);
  });

  test('32 racing creations have one winner', async () => {
    const { ask } = await withBucket();
    const headers = { 'if-none-match': '*' };
    const answers = await Promise.all(
      Array.from({ length: 32 }, (_, i) => ask('PUT', '/bucket/k', { body: `${i}`, headers })),
    );
    const winners = answers.flatMap((answer, i) => (answer.status === 200 ? [i] : []));
    expect(winners.length).toBe(1);
    expect((await ask('GET', '/bucket/k')).text).toBe(String(winners[0]));
  });
});

describe('keys', () => {
  const keys = [
    'a',
    'a/',
    'a/b',
    'a//b',
    '/a',
    '../x',
    '.',
    '..',
    'a b+c%2F&<>"\'',
    '\u0001\u001f\r\n\t',
    '😀｝',
    'é',
    'e\u0301',
    'k'.repeat(1024),
  ];
  test('live side by side and list in byte order', async () => {
    const { ask } = await withBucket();
    for (const key of keys) {
      expect((await ask('PUT', `/bucket/${key}`, { body: key })).status).toBe(200);
    }
    for (const key of keys) expect((await ask('GET', `/bucket/${key}`)).text).toBe(key);
    const sorted = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const url = await ask('GET', '/bucket', { query: { 'encoding-type': 'url' } });
    expect(all(url.text, 'Key').map(decodeURIComponent)).toEqual(sorted);
  });

  test('1025 bytes, and bytes that are no UTF-8', async () => {
    const { ask, send } = await withBucket();
    const answer = await ask('PUT', `/bucket/${'é'.repeat(512)}x`);
    expect([answer.status, answer.code]).toEqual([400, 'KeyTooLongError']);
    for (const path of ['/bucket/%ff', '/bucket/%', '/bucket/%zz', '/bucket/%ED%A0%80']) {
      const request = { method: 'GET', path, query: '', headers: {}, body: Buffer.alloc(0) };
      const refused = await send(request);
      expect([refused.status, refused.code]).toEqual([400, 'InvalidURI']);
    }
  });
});

describe('CopyObject', () => {
  test('copies and replaces', async () => {
    const { ask } = await withBucket();
    const headers = { 'x-amz-meta-a': '1', 'content-type': 'text/a' };
    await ask('PUT', '/bucket/a b+c', { body: 'hello', headers });
    for (const source of ['/bucket/a%20b%2Bc', 'bucket%2Fa+b%2Bc', '%2Fbucket/a%20b%2bc']) {
      const copy = await ask('PUT', '/bucket/copy', { headers: { 'x-amz-copy-source': source } });
      expect([copy.status, one(copy.text, 'ETag')]).toEqual([
        200,
        '&quot;5d41402abc4b2a76b9719d911017c592&quot;',
      ]);
    }
    const got = await ask('GET', '/bucket/copy');
    expect([got.text, got.headers.get('x-amz-meta-a')]).toEqual(['hello', '1']);
    const replace = {
      'x-amz-copy-source': '/bucket/copy',
      'x-amz-metadata-directive': 'REPLACE',
      'x-amz-meta-b': '2',
    };
    expect((await ask('PUT', '/bucket/copy', { headers: replace })).status).toBe(200);
    const changed = await ask('GET', '/bucket/copy');
    expect(changed.headers.get('x-amz-meta-b')).toBe('2');
    expect(changed.headers.has('x-amz-meta-a')).toBe(false);
    expect(changed.headers.get('content-type')).toBe('binary/octet-stream');
  });

  test.each([
    [{ 'x-amz-copy-source': '/bucket/k' }, 400, 'InvalidRequest'],
    [{ 'x-amz-copy-source': '/bucket/none' }, 404, 'NoSuchKey'],
    [{ 'x-amz-copy-source': '/none/k' }, 404, 'NoSuchBucket'],
    [{ 'x-amz-copy-source': 'bucket' }, 400, 'InvalidArgument'],
    [{ 'x-amz-copy-source': '%' }, 400, 'InvalidArgument'],
    [{ 'x-amz-copy-source': '/bucket/k?versionId=zzz' }, 400, 'InvalidArgument'],
    [
      { 'x-amz-copy-source': '/bucket/k', 'x-amz-metadata-directive': 'ODD' },
      400,
      'InvalidArgument',
    ],
    [
      { 'x-amz-copy-source': '/bucket/k', 'x-amz-tagging-directive': 'ODD' },
      400,
      'InvalidArgument',
    ],
    [
      { 'x-amz-copy-source': '/bucket/j', 'x-amz-meta-a': 'b'.repeat(2048) },
      400,
      'MetadataTooLarge',
    ],
    [
      { 'x-amz-copy-source': '/bucket/j', 'x-amz-copy-source-if-match': '"x"' },
      412,
      'PreconditionFailed',
    ],
    [
      { 'x-amz-copy-source': '/bucket/j', 'x-amz-copy-source-if-none-match': '*' },
      412,
      'PreconditionFailed',
    ],
    [{ 'x-amz-copy-source': '/bucket/j', 'if-none-match': '*' }, 412, 'PreconditionFailed'],
  ])('%j', async (headers, status, code) => {
    const { ask } = await withBucket();
    await ask('PUT', '/bucket/k', { body: 'x' });
    await ask('PUT', '/bucket/j', { body: 'y' });
    const answer = await ask('PUT', '/bucket/k', { headers });
    expect([answer.status, answer.code]).toEqual([status, code]);
  });

  test("another account's object", async () => {
    const { ask } = await withBucket();
    await ask('PUT', '/bucket/k', { body: 'x' });
    await ask('PUT', '/theirs', { sign: { key: other } });
    const answer = await ask('PUT', '/theirs/k', {
      headers: { 'x-amz-copy-source': '/bucket/k' },
      sign: { key: other },
    });
    expect(answer.code).toBe('AccessDenied');
  });
});

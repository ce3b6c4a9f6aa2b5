import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../../server/core/digest/checksum.ts';
import { type Answer, type Ask, all, createHarness, type Harness, one, other } from '../harness.ts';

async function withBucket(): Promise<Harness> {
  const harness = createHarness({ limits: { inlineBytes: 8, maxParts: 5 } });
  await harness.ask('PUT', '/bucket');
  return harness;
}

async function versioned(): Promise<Harness> {
  const harness = await withBucket();
  const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await harness.ask('PUT', '/bucket', { query: { versioning: '' }, body });
  return harness;
}

async function uploaded(harness: Harness, key: string, bodies: readonly string[]): Promise<void> {
  const { ask } = harness;
  const created = await ask('POST', `/bucket/${key}`, { query: { uploads: '' } });
  const uploadId = one(created.text, 'UploadId') ?? '';
  let parts = '';
  for (const [index, body] of bodies.entries()) {
    const partNumber = String(index + 1);
    const put = await ask('PUT', `/bucket/${key}`, { query: { uploadId, partNumber }, body });
    const etag = put.headers.get('etag') ?? '';
    parts += `<Part><PartNumber>${partNumber}</PartNumber><ETag>${etag}</ETag></Part>`;
  }
  const body = `<CompleteMultipartUpload>${parts}</CompleteMultipartUpload>`;
  const done = await ask('POST', `/bucket/${key}`, { query: { uploadId }, body });
  expect(done.status).toBe(200);
}

describe('append', () => {
  const append = (
    { ask }: Harness,
    offset: number | string,
    body: string,
    more: Ask = {},
  ): Promise<Answer> => {
    const headers = { 'x-amz-write-offset-bytes': String(offset), ...more.headers };
    return ask('PUT', '/bucket/k', { ...more, body, headers });
  };

  test.each([
    ['small pieces', ['a', 'bc', 'def']],
    ['large pieces', ['a'.repeat(100), 'b'.repeat(100), 'c'.repeat(50)]],
    ['both', ['a', 'b'.repeat(100), 'c']],
  ])('%s make one object, with a checksum of the whole', async (_name, pieces) => {
    const harness = await withBucket();
    let size = 0;
    for (const piece of pieces) {
      const answer = await append(harness, size, piece);
      size += piece.length;
      expect([answer.status, answer.headers.get('x-amz-object-size')]).toEqual([200, `${size}`]);
    }
    const whole = pieces.join('');
    const get = await harness.ask('GET', '/bucket/k', {
      headers: { 'x-amz-checksum-mode': 'ENABLED' },
    });
    expect(get.text).toBe(whole);
    const crc = Buffer.from(digestOf('crc64nvme', Buffer.from(whole))).toString('base64');
    expect(get.headers.get('x-amz-checksum-crc64nvme')).toBe(crc);
    const ranged = await harness.ask('GET', '/bucket/k', {
      headers: { range: `bytes=1-${whole.length - 2}` },
    });
    expect(ranged.text).toBe(whole.slice(1, -1));
    const list = await harness.ask('GET', '/bucket');
    expect(all(list.text, 'Size')).toEqual([`${whole.length}`]);
    await harness.ask('DELETE', '/bucket/k');
    expect((await harness.ask('DELETE', '/bucket')).status).toBe(204);
  });

  test('lengthens what PUT or an upload made, up to the limit of parts', async () => {
    const harness = await withBucket();
    await harness.ask('PUT', '/bucket/k', { body: 'put', headers: { 'x-amz-meta-a': '1' } });
    expect((await append(harness, 3, '-more')).status).toBe(200);
    const get = await harness.ask('GET', '/bucket/k');
    expect([get.text, get.headers.get('x-amz-meta-a')]).toEqual(['put-more', '1']);
    await uploaded(harness, 'k', ['x'.repeat(1000), 'y']);
    for (let at = 1001; at < 1004; at++) expect((await append(harness, at, 'z')).status).toBe(200);
    expect((await harness.ask('GET', '/bucket/k')).text).toBe(`${'x'.repeat(1000)}yzzz`);
    expect((await append(harness, 1004, 'z')).code).toBe('TooManyParts');
  });

  test('only at the end of the object, which nobody else lengthened', async () => {
    const harness = await withBucket();
    const absent = await append(harness, 1, 'x');
    expect([absent.status, absent.code]).toEqual([400, 'InvalidWriteOffset']);
    expect((await harness.ask('HEAD', '/bucket/k')).status).toBe(404);
    await append(harness, 0, 'abc');
    for (const offset of [0, 2, 4]) {
      const answer = await append(harness, offset, 'x');
      expect(answer.code).toBe('InvalidWriteOffset');
      expect(one(answer.text, 'ActualObjectSize')).toBe('3');
    }
    expect((await append(harness, 'end', 'x')).code).toBe('InvalidArgument');
    const racing = await Promise.all(['1', '2', '3', '4'].map((body) => append(harness, 3, body)));
    const won = racing.flatMap(({ status }, index) => (status === 200 ? [index + 1] : []));
    expect(won).toHaveLength(1);
    for (const { status } of racing) expect([200, 400, 409]).toContain(status);
    expect((await harness.ask('GET', '/bucket/k')).text).toBe(`abc${won[0]}`);
  });

  test('holds to conditions, and takes no description of its own', async () => {
    const harness = await withBucket();
    const first = await append(harness, 0, 'abc', { headers: { 'x-amz-meta-a': '1' } });
    const etag = first.headers.get('etag') ?? '';
    const wrong = await append(harness, 3, 'x', { headers: { 'if-match': '"other"' } });
    expect(wrong.code).toBe('PreconditionFailed');
    expect((await append(harness, 3, 'x', { headers: { 'if-match': etag } })).status).toBe(200);
    for (const headers of [{ 'x-amz-meta-b': '2' }, { 'x-amz-tagging': 'a=b' }]) {
      expect((await append(harness, 4, 'x', { headers })).code).toBe('InvalidRequest');
    }
  });

  test('of an encrypted object is sealed under its key', async () => {
    const harness = await withBucket();
    const key = Buffer.alloc(32, 'k');
    const prefix = 'x-amz-server-side-encryption-customer';
    const customer = {
      [`${prefix}-algorithm`]: 'AES256',
      [`${prefix}-key`]: key.toString('base64'),
      [`${prefix}-key-md5`]: createHash('md5').update(key).digest('base64'),
    };
    const long = 'x'.repeat(100);
    expect((await append(harness, 0, 'abc', { headers: customer })).status).toBe(200);
    expect((await append(harness, 3, long, { headers: customer })).status).toBe(200);
    expect((await append(harness, 103, 'x')).status).toBe(400);
    const get = await harness.ask('GET', '/bucket/k', { headers: customer });
    expect(get.text).toBe(`abc${long}`);
    expect((await harness.ask('GET', '/bucket/k')).status).toBe(400);
    const ring = { 'x-amz-server-side-encryption': 'AES256' };
    await harness.ask('PUT', '/bucket/k', { body: 'abc', headers: ring });
    expect((await append(harness, 3, long)).status).toBe(200);
    expect((await harness.ask('GET', '/bucket/k')).text).toBe(`abc${long}`);
  });

  test('is not for versioned buckets, copies or uploads', async () => {
    const harness = await versioned();
    expect((await append(harness, 0, 'abc')).status).toBe(501);
    const headers = { 'x-amz-write-offset-bytes': '0' };
    const asks: readonly [string, Ask][] = [
      ['PUT', { headers: { ...headers, 'x-amz-copy-source': 'bucket/k' } }],
      ['POST', { headers, query: { uploads: '' } }],
      ['GET', { headers }],
    ];
    for (const [method, ask] of asks) {
      expect((await harness.ask(method, '/bucket/k', ask)).status).toBe(501);
    }
  });
});

describe('rename', () => {
  const rename = (
    { ask }: Harness,
    source: string,
    target: string,
    more: Ask = {},
  ): Promise<Answer> =>
    ask('PUT', `/bucket/${target}`, {
      ...more,
      query: { renameObject: '' },
      headers: { 'x-amz-rename-source': source, ...more.headers },
    });
  const keysOf = async ({ ask }: Harness): Promise<string[]> =>
    all((await ask('GET', '/bucket')).text, 'Key');

  test.each([
    ['in the row', 'abc'],
    ['stored', 'x'.repeat(1000)],
    ['empty', ''],
  ])('of a body that is %s', async (_name, body) => {
    const harness = await withBucket();
    const { ask } = harness;
    await ask('PUT', '/bucket/old', { body, headers: { 'x-amz-meta-a': '1' } });
    const before = (await ask('HEAD', '/bucket/old')).headers;
    await ask('PUT', '/bucket/new', { body: 'replaced' });
    expect((await rename(harness, 'old', 'new')).status).toBe(200);
    expect(await keysOf(harness)).toEqual(['new']);
    const get = await ask('GET', '/bucket/new');
    expect(get.text).toBe(body);
    for (const name of ['etag', 'last-modified', 'x-amz-meta-a']) {
      expect(get.headers.get(name)).toBe(before.get(name));
    }
    await ask('DELETE', '/bucket/new');
    expect((await ask('DELETE', '/bucket')).status).toBe(204);
  });

  test('of an object in parts takes its parts along', async () => {
    const harness = await withBucket();
    const bodies = ['x'.repeat(1000), 'y'.repeat(1000), 'z'];
    await uploaded(harness, 'old', bodies);
    expect((await rename(harness, '/bucket/old', 'new')).status).toBe(200);
    expect((await harness.ask('GET', '/bucket/new')).text).toBe(bodies.join(''));
    const part = await harness.ask('GET', '/bucket/new', { query: { partNumber: '3' } });
    expect(part.text).toBe('z');
    expect(await keysOf(harness)).toEqual(['new']);
  });

  test('holds to conditions of both names', async () => {
    const harness = await withBucket();
    const { ask } = harness;
    const etag = (await ask('PUT', '/bucket/old', { body: 'abc' })).headers.get('etag') ?? '';
    await ask('PUT', '/bucket/new', { body: 'there' });
    const refused: readonly Record<string, string>[] = [
      { 'if-none-match': '*' },
      { 'if-match': '"other"' },
      { 'x-amz-rename-source-if-match': '"other"' },
      { 'x-amz-rename-source-if-none-match': etag },
      { 'x-amz-rename-source-if-modified-since': 'Fri, 01 Jan 2100 00:00:00 GMT' },
      { 'x-amz-rename-source-if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
    ];
    for (const headers of refused) {
      const answer = await rename(harness, 'old', 'new', { headers });
      expect([headers, answer.status]).toEqual([headers, 412]);
    }
    expect(await keysOf(harness)).toEqual(['new', 'old']);
    const headers = { 'x-amz-rename-source-if-match': etag };
    expect((await rename(harness, 'old', 'new', { headers })).status).toBe(200);
  });

  test('refuses what it cannot do', async () => {
    const harness = await withBucket();
    await harness.ask('PUT', '/bucket/old', { body: 'abc' });
    expect((await rename(harness, 'absent', 'new')).code).toBe('NoSuchKey');
    expect((await rename(harness, 'old', 'old')).status).toBe(400);
    expect((await rename(harness, '/other/old', 'new')).code).toBe('InvalidArgument');
    expect((await rename(harness, '', 'new')).code).toBe('InvalidRequest');
    const foreign = await rename(harness, 'old', 'new', { sign: { key: other } });
    expect(foreign.code).toBe('AccessDenied');
    expect((await rename(await versioned(), 'old', 'new')).status).toBe(501);
  });

  test('may be repeated with its token', async () => {
    const harness = await withBucket();
    await harness.ask('PUT', '/bucket/old', { body: 'abc' });
    const headers = { 'x-amz-client-token': 'a-token' };
    expect((await rename(harness, 'old', 'new', { headers })).status).toBe(200);
    expect((await rename(harness, 'old', 'new', { headers })).status).toBe(200);
    const mixed = await rename(harness, 'another', 'new', { headers });
    expect(mixed.code).toBe('IdempotencyParameterMismatch');
    expect((await rename(harness, 'old', 'new')).code).toBe('NoSuchKey');
  });
});

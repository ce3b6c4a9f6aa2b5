import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../server/core/digest/checksum.ts';
import type { ChecksumAlgorithm } from '../../../server/core/model.ts';
import { type Answer, type Ask, type Harness, all, createHarness, one } from './harness.ts';

const part = (n: number): Buffer => Buffer.alloc(1000 + n, n);
const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest();

interface Upload extends Harness {
  readonly uploadId: string;
  readonly created: Answer;
  readonly put: (partNumber: number | string, body: Uint8Array, ask?: Ask) => Promise<Answer>;
  readonly complete: (parts: readonly string[], ask?: Ask) => Promise<Answer>;
}

async function begin(headers: Record<string, string> = {}): Promise<Upload> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  const created = await harness.ask('POST', '/bucket/k', { query: { uploads: '' }, headers });
  const uploadId = one(created.text, 'UploadId') ?? '';
  return {
    ...harness,
    uploadId,
    created,
    put: (partNumber, body, ask = {}) =>
      harness.ask('PUT', '/bucket/k', {
        ...ask,
        query: { uploadId, partNumber: String(partNumber) },
        body,
      }),
    complete: (parts, ask = {}) =>
      harness.ask('POST', '/bucket/k', {
        ...ask,
        query: { uploadId },
        body: `<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${parts.join('')}</CompleteMultipartUpload>`,
      }),
  };
}

const listed = (partNumber: number, etag: string, more = ''): string =>
  `<Part><PartNumber>${partNumber}</PartNumber><ETag>${etag}</ETag>${more}</Part>`;

async function three(upload: Upload): Promise<string[]> {
  const parts: string[] = [];
  for (const n of [1, 5, 9]) {
    const answer = await upload.put(n, part(n));
    parts.push(listed(n, (answer.headers.get('etag') ?? '').replaceAll('"', '&quot;')));
  }
  return parts;
}

describe('a multipart upload', () => {
  test('becomes one object', async () => {
    const upload = await begin({ 'x-amz-meta-a': '1', 'content-type': 'text/x' });
    const { ask, complete } = upload;
    const parts = await three(upload);
    expect((await ask('GET', '/bucket/k')).code).toBe('NoSuchKey');
    const done = await complete(parts);
    const etag = `${md5(Buffer.concat([1, 5, 9].map((n) => md5(part(n))))).toString('hex')}-3`;
    expect([done.status, one(done.text, 'ETag')]).toEqual([200, `&quot;${etag}&quot;`]);
    expect(one(done.text, 'Location')).toBe('http://localhost:8080/bucket/k');
    const again = await complete(parts);
    expect([again.status, one(again.text, 'ETag')]).toEqual([200, `&quot;${etag}&quot;`]);
    expect((await complete(parts.slice(0, 2))).code).toBe('NoSuchUpload');
    const got = await ask('GET', '/bucket/k');
    expect(got.bytes.equals(Buffer.concat([1, 5, 9].map(part)))).toBe(true);
    expect([got.headers.get('x-amz-meta-a'), got.headers.get('content-type')]).toEqual([
      '1',
      'text/x',
    ]);
    // Of the object the second one, whatever number it was uploaded under: clients count up to the parts' count.
    const second = await ask('GET', '/bucket/k', { query: { partNumber: '2' } });
    expect([second.status, second.bytes.equals(part(5))]).toEqual([206, true]);
    expect(second.headers.get('x-amz-mp-parts-count')).toBe('3');
    const none = await ask('HEAD', '/bucket/k', { query: { partNumber: '5' } });
    expect(none.status).toBe(416);
    const listing = await ask('GET', '/bucket');
    expect(one(listing.text, 'Size')).toBe('3015');
    await ask('DELETE', '/bucket/k');
    expect((await complete(parts)).code).toBe('NoSuchUpload');
  });

  test('refuses what does not fit', async () => {
    const upload = await begin();
    const [first = '', fifth = '', ninth = ''] = await three(upload);
    const { complete, put, ask } = upload;
    const code = async (parts: string[], headers = {}) => (await complete(parts, { headers })).code;
    expect(await code([fifth, first])).toBe('InvalidPartOrder');
    expect(await code([first, first])).toBe('InvalidPartOrder');
    expect(await code([listed(1, 'f'.repeat(32))])).toBe('InvalidPart');
    expect(await code([listed(2, md5(part(1)).toString('hex'))])).toBe('InvalidPart');
    expect(await code([])).toBe('MalformedXML');
    expect(await code([listed(0, 'x')])).toBe('InvalidArgument');
    expect(await code(['<Part><ETag>x</ETag></Part>'])).toBe('MalformedXML');
    expect(await code([listed(1, 'x', '<Odd/>')])).toBe('MalformedXML');
    const crc = '<ChecksumCRC32>AAAAAA==</ChecksumCRC32>';
    expect(await code([listed(1, 'x', '<ChecksumCRC32>x</ChecksumCRC32>')])).toBe(
      'InvalidArgument',
    );
    const both = `${crc}<ChecksumCRC32C>AAAAAA==</ChecksumCRC32C>`;
    expect(await code([listed(1, 'x', both)])).toBe('InvalidArgument');
    expect(await code([first, fifth, ninth], { 'x-amz-mp-object-size': '1' })).toBe(
      'InvalidRequest',
    );
    expect(await code([first, fifth, ninth], { 'x-amz-mp-object-size': 'x' })).toBe(
      'InvalidRequest',
    );
    expect(await code([first, fifth, ninth], { 'if-none-match': '"x"' })).toBe('NotImplemented');
    expect(await code([first, fifth, ninth], { 'if-match': '*' })).toBe('NoSuchKey');
    await put(5, Buffer.alloc(10));
    const small = listed(5, md5(Buffer.alloc(10)).toString('hex'));
    const tooSmall = await complete([first, small, ninth]);
    expect([tooSmall.status, tooSmall.code]).toEqual([400, 'EntityTooSmall']);
    expect(tooSmall.text).toContain('<PartNumber>5</PartNumber>');
    for (const bad of [0, 10_001, 'x']) {
      expect((await put(bad, part(1))).code).toBe('InvalidArgument');
    }
    const size = { 'x-amz-mp-object-size': '2010' };
    expect((await complete([first, ninth], { headers: size })).status).toBe(200);
    await ask('PUT', '/bucket/k', { body: 'x' });
    expect((await put(1, part(1))).code).toBe('NoSuchUpload');
  });

  test('is aborted', async () => {
    const { ask, uploadId, put } = await begin();
    await put(1, part(1));
    expect((await ask('DELETE', '/bucket/k', { query: { uploadId } })).status).toBe(204);
    expect((await ask('DELETE', '/bucket/k', { query: { uploadId } })).code).toBe('NoSuchUpload');
    expect((await put(1, part(1))).code).toBe('NoSuchUpload');
    expect((await ask('DELETE', '/bucket/k', { query: { uploadId: 'x' } })).code).toBe(
      'NoSuchUpload',
    );
  });

  test('goes with its bucket, as at Amazon', async () => {
    const { ask, put } = await begin();
    await put(1, part(1));
    expect((await ask('DELETE', '/bucket')).status).toBe(204);
    expect((await put(2, part(2))).code).toBe('NoSuchBucket');
  });

  test('lists its parts in pages', async () => {
    const upload = await begin();
    await three(upload);
    const { ask, uploadId } = upload;
    const page = await ask('GET', '/bucket/k', { query: { uploadId, 'max-parts': '2' } });
    expect(all(page.text, 'PartNumber')).toEqual(['1', '5']);
    expect(one(page.text, 'IsTruncated')).toBe('true');
    const marker = one(page.text, 'NextPartNumberMarker') ?? '';
    const rest = await ask('GET', '/bucket/k', {
      query: { uploadId, 'part-number-marker': marker },
    });
    expect(all(rest.text, 'PartNumber')).toEqual(['9']);
    expect(all(rest.text, 'Size')).toEqual(['1009']);
  });

  test('copies parts', async () => {
    const { ask, uploadId, complete } = await begin();
    const source = Buffer.from(Array.from({ length: 5000 }, (_, i) => i & 0xff));
    await ask('PUT', '/bucket/source', { body: source });
    const copy = (partNumber: number, headers: Record<string, string>) =>
      ask('PUT', '/bucket/k', {
        query: { uploadId, partNumber: String(partNumber) },
        headers: { 'x-amz-copy-source': '/bucket/source', ...headers },
      });
    const first = await copy(1, { 'x-amz-copy-source-range': 'bytes=0-2999' });
    const second = await copy(2, {});
    expect([first.status, second.status]).toEqual([200, 200]);
    for (const range of ['0-2', 'bytes=0', 'bytes=hello-world', 'bytes=0-2,3-5', 'bytes=9-3']) {
      const answer = await copy(3, { 'x-amz-copy-source-range': range });
      expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument']);
    }
    const beyond = await copy(3, { 'x-amz-copy-source-range': 'bytes=0-5000' });
    expect([beyond.status, beyond.code]).toEqual([416, 'InvalidRange']);
    expect(beyond.text).toContain('not valid for source object of size: 5000');
    const refused = await copy(3, { 'x-amz-copy-source-if-match': '"x"' });
    expect(refused.status).toBe(412);
    const parts = [first, second].map((answer, i) => listed(i + 1, one(answer.text, 'ETag') ?? ''));
    expect((await complete(parts)).status).toBe(200);
    const got = await ask('GET', '/bucket/k');
    expect(got.bytes.equals(Buffer.concat([source.subarray(0, 3000), source]))).toBe(true);
  });
});

describe('uploads of a bucket', () => {
  test('are listed in pages', async () => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket');
    const ids: string[] = [];
    for (const key of ['a', 'a', 'a', 'b/1', 'b/2', 'c']) {
      const answer = await ask('POST', `/bucket/${key}`, { query: { uploads: '' } });
      ids.push(one(answer.text, 'UploadId') ?? '');
    }
    const seen: string[] = [];
    let marker: Record<string, string> = {};
    for (let page = 0; page < 10; page++) {
      const query = { uploads: '', 'max-uploads': '2', ...marker };
      const { text } = await ask('GET', '/bucket', { query });
      seen.push(...all(text, 'UploadId'));
      if (one(text, 'IsTruncated') === 'false') break;
      marker = {
        'key-marker': one(text, 'NextKeyMarker') ?? '',
        'upload-id-marker': one(text, 'NextUploadIdMarker') ?? '',
      };
    }
    expect(seen).toEqual(ids);
    const grouped = await ask('GET', '/bucket', { query: { uploads: '', delimiter: '/' } });
    expect(all(grouped.text, 'Key')).toEqual(['a', 'a', 'a', 'c']);
    expect(grouped.text).toContain('<CommonPrefixes><Prefix>b/</Prefix></CommonPrefixes>');
    const bad = { uploads: '', 'key-marker': 'a', 'upload-id-marker': 'x' };
    expect((await ask('GET', '/bucket', { query: bad })).code).toBe('InvalidArgument');
  });
});

describe('checksums of a multipart object', () => {
  const whole = Buffer.concat([1, 2, 3].map(part));
  const base64 = (algorithm: ChecksumAlgorithm, bytes: Uint8Array): string =>
    Buffer.from(digestOf(algorithm, bytes)).toString('base64');

  test('an upload that announced none, and whose parts name none, has CRC64NVME of the whole', async () => {
    const upload = await begin();
    const parts: string[] = [];
    for (const n of [1, 2]) {
      const answer = await upload.put(n, part(n));
      expect(answer.headers.get('x-amz-checksum-crc64nvme')).toBe(base64('crc64nvme', part(n)));
      parts.push(listed(n, md5(part(n)).toString('hex')));
    }
    await upload.ask('PUT', '/bucket/source', { body: part(3) });
    const query = { uploadId: upload.uploadId, partNumber: '3' };
    const headers = { 'x-amz-copy-source': 'bucket/source' };
    const copied = await upload.ask('PUT', '/bucket/k', { query, headers });
    expect(one(copied.text, 'ChecksumCRC64NVME')).toBe(base64('crc64nvme', part(3)));
    parts.push(listed(3, md5(part(3)).toString('hex')));
    const done = await upload.complete(parts);
    expect(one(done.text, 'ChecksumCRC64NVME')).toBe(base64('crc64nvme', whole));
    expect(one(done.text, 'ChecksumType')).toBe('FULL_OBJECT');
  });

  test('also where the parts name another, as SDKs do that add one by themselves', async () => {
    const upload = await begin();
    const crc = base64('crc32', part(1));
    const put = await upload.put(1, part(1), {
      headers: { 'x-amz-checksum-crc32': crc },
    });
    const shown = [...put.headers].filter(([name]) => name.startsWith('x-amz-checksum-'));
    expect(shown).toEqual([['x-amz-checksum-crc32', crc]]);
    const done = await upload.complete([listed(1, md5(part(1)).toString('hex'))]);
    expect(one(done.text, 'ChecksumCRC64NVME')).toBe(base64('crc64nvme', part(1)));
    const headers = { 'x-amz-checksum-mode': 'ENABLED' };
    const query = { partNumber: '1' };
    const got = await upload.ask('GET', '/bucket/k', { query, headers });
    expect(got.headers.get('x-amz-checksum-crc64nvme')).toBe(base64('crc64nvme', part(1)));
    expect(got.headers.has('x-amz-checksum-crc32')).toBe(false);
  });

  const cases = [
    ['crc32', 'COMPOSITE'],
    ['crc32c', 'COMPOSITE'],
    ['sha1', 'COMPOSITE'],
    ['sha256', 'COMPOSITE'],
    ['sha512', 'COMPOSITE'],
    ['md5', 'COMPOSITE'],
    ['xxhash64', 'COMPOSITE'],
    ['xxhash3', 'COMPOSITE'],
    ['xxhash128', 'COMPOSITE'],
    ['crc32', 'FULL_OBJECT'],
    ['crc32c', 'FULL_OBJECT'],
    ['crc64nvme', 'FULL_OBJECT'],
  ] as const;
  test.each(cases)('%s %s', async (algorithm, type) => {
    const upload = await begin({
      'x-amz-checksum-algorithm': algorithm.toUpperCase(),
      'x-amz-checksum-type': type,
    });
    expect(upload.created.headers.get('x-amz-checksum-type')).toBe(type);
    const name = `x-amz-checksum-${algorithm}`;
    const parts: string[] = [];
    for (const n of [1, 2, 3]) {
      // The second part's is left to the server.
      const headers: Record<string, string> = n === 2 ? {} : { [name]: base64(algorithm, part(n)) };
      const answer = await upload.put(n, part(n), { headers });
      expect(answer.headers.get(name)).toBe(base64(algorithm, part(n)));
      const element = `Checksum${algorithm.toUpperCase()}`;
      const value = base64(algorithm, part(n));
      parts.push(listed(n, md5(part(n)).toString('hex'), `<${element}>${value}</${element}>`));
    }
    const composite = base64(
      algorithm,
      Buffer.concat([1, 2, 3].map((n) => digestOf(algorithm, part(n)))),
    );
    const value = type === 'COMPOSITE' ? `${composite}-3` : base64(algorithm, whole);
    const bad = await upload.complete(parts, { headers: { [name]: 'bad' } });
    expect([bad.status, bad.code]).toEqual([400, 'BadDigest']);
    const headers = { [name]: value, 'x-amz-checksum-type': type };
    const done = await upload.complete(parts, { headers });
    expect(one(done.text, `Checksum${algorithm.toUpperCase()}`)).toBe(value);
    expect(one(done.text, 'ChecksumType')).toBe(type);
    const again = await upload.complete(parts, { headers });
    expect(one(again.text, `Checksum${algorithm.toUpperCase()}`)).toBe(value);
    const mode = { 'x-amz-checksum-mode': 'ENABLED' };
    const head = await upload.ask('HEAD', '/bucket/k', { headers: mode });
    expect([head.headers.get(name), head.headers.get('x-amz-checksum-type')]).toEqual([
      value,
      type,
    ]);
    const second = await upload.ask('GET', '/bucket/k', {
      headers: mode,
      query: { partNumber: '2' },
    });
    expect(second.headers.get(name)).toBe(base64(algorithm, part(2)));
    expect(second.headers.get('x-amz-checksum-type')).toBe(type);
    const listing = await upload.ask('GET', '/bucket');
    expect(one(listing.text, 'ChecksumType')).toBe(type);
  });

  test.each([
    [{ 'x-amz-checksum-algorithm': 'CRC64NVME', 'x-amz-checksum-type': 'COMPOSITE' }],
    [{ 'x-amz-checksum-algorithm': 'SHA1', 'x-amz-checksum-type': 'FULL_OBJECT' }],
    [{ 'x-amz-checksum-algorithm': 'SHA256', 'x-amz-checksum-type': 'FULL_OBJECT' }],
    [{ 'x-amz-checksum-algorithm': 'XXHASH3', 'x-amz-checksum-type': 'FULL_OBJECT' }],
    [{ 'x-amz-checksum-algorithm': 'ODD' }],
    [{ 'x-amz-checksum-type': 'COMPOSITE' }],
  ])('%j is refused at Create', async (headers) => {
    const { created } = await begin(headers);
    expect([created.status, created.code]).toEqual([400, 'InvalidRequest']);
  });

  test('another algorithm for a part, another type at Complete', async () => {
    const upload = await begin({ 'x-amz-checksum-algorithm': 'CRC32' });
    const sha1 = { 'x-amz-checksum-sha1': base64('sha1', part(1)) };
    expect((await upload.put(1, part(1), { headers: sha1 })).code).toBe('InvalidRequest');
    await upload.put(1, part(1));
    const parts = [listed(1, md5(part(1)).toString('hex'))];
    const type = { 'x-amz-checksum-type': 'FULL_OBJECT' };
    expect((await upload.complete(parts, { headers: type })).code).toBe('InvalidRequest');
  });
});

import { describe, expect, test } from 'vitest';
import { all, createHarness, type Harness, type HarnessOptions, one } from '../harness.ts';

const every = 'ETag,Checksum,ObjectParts,StorageClass,ObjectSize';

async function withParts(options: HarnessOptions = {}): Promise<Harness> {
  const harness = createHarness(options);
  const { ask } = harness;
  await ask('PUT', '/bucket');
  const headers = { 'x-amz-checksum-algorithm': 'CRC32' };
  const created = await ask('POST', '/bucket/k', { query: { uploads: '' }, headers });
  const uploadId = one(created.text, 'UploadId') ?? '';
  const parts: string[] = [];
  for (const partNumber of ['1', '2', '3', '5', '9']) {
    const query = { uploadId, partNumber };
    const part = await ask('PUT', '/bucket/k', { query, body: 'x'.repeat(1000) });
    // Parts that Complete leaves out are no parts of the object.
    if (partNumber === '2' || partNumber === '3') continue;
    const etag = part.headers.get('etag') ?? '';
    parts.push(`<Part><PartNumber>${partNumber}</PartNumber><ETag>${etag}</ETag></Part>`);
  }
  const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
  const completed = await ask('POST', '/bucket/k', { query: { uploadId }, body });
  expect(completed.status).toBe(200);
  return harness;
}

const attributes = { attributes: '' };

describe('GetObjectAttributes', () => {
  test('of an object in parts, page by page', async () => {
    const { ask } = await withParts();
    const numbers: string[] = [];
    let marker = '0';
    for (let page = 0; page < 3; page++) {
      const headers = {
        'x-amz-object-attributes': every,
        'x-amz-max-parts': '1',
        'x-amz-part-number-marker': marker,
      };
      const { status, text } = await ask('GET', '/bucket/k', { query: attributes, headers });
      expect(status).toBe(200);
      expect(one(text, 'PartsCount')).toBe('3');
      expect(one(text, 'ObjectSize')).toBe('3000');
      expect(one(text, 'IsTruncated')).toBe(String(page < 2));
      expect(one(text, 'Size')).toBe('1000');
      expect(all(text, 'ChecksumCRC32')).toHaveLength(2);
      expect(one(text, 'ETag')).toMatch(/^[0-9a-f]{32}-3$/);
      numbers.push(...all(text, 'PartNumber'));
      marker = one(text, 'NextPartNumberMarker') ?? '';
    }
    // They were uploaded as 1, 5 and 9; partNumber of a read counts too.
    expect(numbers).toEqual(['1', '2', '3']);
    const headers = { 'x-amz-object-attributes': 'ObjectParts', 'x-amz-part-number-marker': '7' };
    const beyond = (await ask('GET', '/bucket/k', { query: attributes, headers })).text;
    expect([all(beyond, 'PartNumber'), one(beyond, 'IsTruncated')]).toEqual([[], 'false']);
    expect((await ask('HEAD', '/bucket/k', { query: { partNumber: '3' } })).status).toBe(206);
  });

  test.each([
    [false, /^[A-Za-z0-9+/]{6}==$/],
    [true, /^[A-Za-z0-9+/]{6}==-3$/],
  ])('a composite checksum, its parts counted: %s', async (countsInAttributes, shown) => {
    const { ask } = await withParts({ countsInAttributes });
    const headers = { 'x-amz-object-attributes': 'Checksum' };
    const { text } = await ask('GET', '/bucket/k', { query: attributes, headers });
    expect(one(text, 'ChecksumCRC32')).toMatch(shown);
    expect(one(text, 'ChecksumType')).toBe('COMPOSITE');
  });

  test('only what was asked for', async () => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket');
    await ask('PUT', '/bucket/k', { body: 'abc' });
    const headers = { 'x-amz-object-attributes': 'ObjectSize, ObjectParts' };
    const { text } = await ask('GET', '/bucket/k', { query: attributes, headers });
    expect(one(text, 'ObjectSize')).toBe('3');
    expect(text).not.toMatch(/ETag|StorageClass|ObjectParts|<Checksum/);
  });

  test.each([
    [undefined, 'InvalidRequest'],
    ['Size', 'InvalidArgument'],
    ['', 'InvalidRequest'],
  ])('%s is refused', async (value, code) => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket');
    await ask('PUT', '/bucket/k', { body: 'abc' });
    const headers = value === undefined ? {} : { 'x-amz-object-attributes': value };
    const answer = await ask('GET', '/bucket/k', { query: attributes, headers });
    expect([answer.status, answer.code]).toEqual([400, code]);
  });
});

import { describe, expect, test } from 'vitest';
import { all, createHarness, type Harness } from './harness.ts';

const tagging = { tagging: '' };

function document(tags: Readonly<Record<string, string>>): string {
  const markup = Object.entries(tags).map(
    ([key, value]) => `<Tag><Key>${key}</Key><Value>${value}</Value></Tag>`,
  );
  return `<Tagging><TagSet>${markup.join('')}</TagSet></Tagging>`;
}

function many(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, n) => [`k${n}`, `v${n}`]));
}

async function withObject(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  await harness.ask('PUT', '/bucket/k', { body: 'abc' });
  return harness;
}

async function tagsOf({ ask }: Harness, path: string): Promise<Record<string, string>> {
  const { text } = await ask('GET', path, { query: tagging });
  const values = all(text, 'Value');
  return Object.fromEntries(all(text, 'Key').map((key, index) => [key, values[index] ?? '']));
}

describe('tags of objects', () => {
  test('are set, counted, replaced and removed, and the object stays as old as it is', async () => {
    const harness = await withObject();
    const { ask } = harness;
    const before = (await ask('HEAD', '/bucket/k')).headers.get('last-modified');
    const body = document({ z: '1', 'ä b': 'ü/=+' });
    expect((await ask('PUT', '/bucket/k', { query: tagging, body })).status).toBe(200);
    expect(await tagsOf(harness, '/bucket/k')).toEqual({ z: '1', 'ä b': 'ü/=+' });
    const { headers } = await ask('GET', '/bucket/k');
    expect(headers.get('x-amz-tagging-count')).toBe('2');
    expect(headers.get('last-modified')).toBe(before);
    expect((await ask('DELETE', '/bucket/k', { query: tagging })).status).toBe(204);
    expect(await tagsOf(harness, '/bucket/k')).toEqual({});
    expect((await ask('GET', '/bucket/k')).headers.has('x-amz-tagging-count')).toBe(false);
  });

  test('come with PutObject and CreateMultipartUpload', async () => {
    const harness = await withObject();
    const { ask } = harness;
    const headers = { 'x-amz-tagging': 'foo=bar+b%C3%A4r&empty' };
    await ask('PUT', '/bucket/put', { headers });
    expect(await tagsOf(harness, '/bucket/put')).toEqual({ foo: 'bar bär', empty: '' });
    const created = await ask('POST', '/bucket/mp', { query: { uploads: '' }, headers });
    const uploadId = all(created.text, 'UploadId')[0] ?? '';
    const part = await ask('PUT', '/bucket/mp', { query: { uploadId, partNumber: '1' } });
    const etag = part.headers.get('etag') ?? '';
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
    await ask('POST', '/bucket/mp', { query: { uploadId }, body });
    expect(await tagsOf(harness, '/bucket/mp')).toEqual({ foo: 'bar bär', empty: '' });
  });

  test('go along with a copy, unless they are replaced', async () => {
    const harness = await withObject();
    const { ask } = harness;
    await ask('PUT', '/bucket/k', { query: tagging, body: document({ a: '1' }) });
    const copy = async (more: Record<string, string>): Promise<Record<string, string>> => {
      const headers = { 'x-amz-copy-source': '/bucket/k', ...more };
      expect((await ask('PUT', '/bucket/copy', { headers })).status).toBe(200);
      return tagsOf(harness, '/bucket/copy');
    };
    expect(await copy({})).toEqual({ a: '1' });
    expect(await copy({ 'x-amz-metadata-directive': 'REPLACE' })).toEqual({ a: '1' });
    const replace = { 'x-amz-tagging-directive': 'REPLACE' };
    expect(await copy({ ...replace, 'x-amz-tagging': 'b=2' })).toEqual({ b: '2' });
    expect(await copy(replace)).toEqual({});
    const headers = { 'x-amz-copy-source': '/bucket/k', 'x-amz-tagging-directive': 'ODD' };
    expect((await ask('PUT', '/bucket/copy', { headers })).code).toBe('InvalidArgument');
  });

  test('belong to a version', async () => {
    const { ask } = await withObject();
    const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    await ask('PUT', '/bucket', { query: { versioning: '' }, body });
    const put = await ask('PUT', '/bucket/k', { headers: { 'x-amz-tagging': 'a=1' } });
    const versionId = put.headers.get('x-amz-version-id') ?? '';
    await ask('PUT', '/bucket/k');
    const query = { ...tagging, versionId };
    expect(all((await ask('GET', '/bucket/k', { query })).text, 'Key')).toEqual(['a']);
    const set = await ask('PUT', '/bucket/k', { query, body: document({ b: '' }) });
    expect(set.headers.get('x-amz-version-id')).toBe(versionId);
    expect(all((await ask('GET', '/bucket/k', { query: tagging })).text, 'Key')).toEqual([]);
    const deleted = await ask('DELETE', '/bucket/k');
    const marker = deleted.headers.get('x-amz-version-id') ?? '';
    const onMarker = { ...tagging, versionId: marker };
    expect((await ask('GET', '/bucket/k', { query: onMarker })).code).toBe('MethodNotAllowed');
    const put405 = await ask('PUT', '/bucket/k', { query: onMarker, body: document({}) });
    expect(put405.code).toBe('MethodNotAllowed');
    expect((await ask('GET', '/bucket/k', { query: tagging })).code).toBe('NoSuchKey');
  });

  test.each([
    ['eleven', document(many(11)), 'InvalidTag'],
    ['a long key', document({ [`${'k'.repeat(129)}`]: '' }), 'InvalidTag'],
    ['a long value', document({ k: 'v'.repeat(257) }), 'InvalidTag'],
    ['no key', document({ '': 'v' }), 'InvalidTag'],
    ['odd characters', document({ 'a*': '' }), 'InvalidTag'],
    ['a reserved key', document({ 'aws:a': '' }), 'InvalidTag'],
    ['a key twice', document({ a: '' }).replace(/(<Tag>.*<\/Tag>)/, '$1$1'), 'InvalidTag'],
    ['no set', '<Tagging></Tagging>', 'MalformedXML'],
    ['something else', '<Tagging><TagSet><Tog/></TagSet></Tagging>', 'MalformedXML'],
  ])('%s is refused', async (_what, body, code) => {
    const harness = await withObject();
    const answer = await harness.ask('PUT', '/bucket/k', { query: tagging, body });
    expect([answer.status, answer.code]).toEqual([400, code]);
    expect(await tagsOf(harness, '/bucket/k')).toEqual({});
  });

  test('a header that is no query, and the longest tags', async () => {
    const { ask } = await withObject();
    const put = (value: string) => ask('PUT', '/bucket/x', { headers: { 'x-amz-tagging': value } });
    expect((await put('a=%ff')).code).toBe('InvalidArgument');
    expect((await put('a=1&a=2')).code).toBe('InvalidTag');
    expect((await ask('HEAD', '/bucket/x')).status).toBe(404);
    const body = document({ ['k'.repeat(128)]: 'ä'.repeat(256) });
    expect((await ask('PUT', '/bucket/k', { query: tagging, body })).status).toBe(200);
  });
});

test('tags of buckets', async () => {
  const { ask } = await withObject();
  expect((await ask('GET', '/bucket', { query: tagging })).code).toBe('NoSuchTagSet');
  const body = document(many(50));
  expect((await ask('PUT', '/bucket', { query: tagging, body })).status).toBe(204);
  expect(all((await ask('GET', '/bucket', { query: tagging })).text, 'Key')).toHaveLength(50);
  const tooMany = { query: tagging, body: document(many(51)) };
  expect((await ask('PUT', '/bucket', tooMany)).code).toBe('InvalidTag');
  expect((await ask('DELETE', '/bucket', { query: tagging })).status).toBe(204);
  expect((await ask('GET', '/bucket', { query: tagging })).code).toBe('NoSuchTagSet');
});

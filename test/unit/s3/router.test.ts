import { describe, expect, test } from 'vitest';
import { type Harness, createHarness } from './harness.ts';

async function withObject(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  await harness.ask('PUT', '/bucket/key', { body: 'kept' });
  return harness;
}

describe('a sub-resource that a place does not have', () => {
  test.each([
    ['DELETE', '/bucket/key', { uploads: '' }],
    ['DELETE', '/bucket/key', { policy: '' }],
    ['DELETE', '/bucket/key', { acl: '' }],
    ['PUT', '/bucket/key', { versioning: '' }],
    ['PUT', '/bucket/key', { uploadId: 'x' }],
    ['DELETE', '/bucket', { acl: '' }],
    ['DELETE', '/bucket', { versioning: '' }],
    ['PUT', '/bucket', { location: '' }],
  ] as const)('changes nothing: %s %s %j', async (method, path, query) => {
    const { ask } = await withObject();
    await ask('PUT', '/bucket', { query: { versioning: '' }, body: '' });
    const answer = await ask(method, path, { query, body: method === 'PUT' ? 'new' : '' });
    expect([answer.status, answer.code]).toEqual([405, 'MethodNotAllowed']);
    const [name = ''] = Object.keys(query);
    expect(answer.text).toContain(`<ResourceType>${name.toUpperCase()}</ResourceType>`);
    expect((await ask('GET', '/bucket/key')).text).toBe('kept');
  });

  test('is not read as the object', async () => {
    const { ask } = await withObject();
    for (const name of ['uploads', 'versions']) {
      const answer = await ask('GET', '/bucket/key', { query: { [name]: '' } });
      expect([answer.status, answer.code]).toEqual([400, 'InvalidRequest']);
    }
    // What a page appends to the address of a picture names nothing here.
    expect((await ask('GET', '/bucket/key', { query: { policy: 'x', v: '1' } })).text).toBe('kept');
  });

  test('a part without its upload', async () => {
    const { ask } = await withObject();
    const answer = await ask('PUT', '/bucket/key', { query: { partNumber: '1' }, body: 'new' });
    expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument']);
    expect((await ask('GET', '/bucket/key')).text).toBe('kept');
  });
});

test('a copy source belongs to copies', async () => {
  const { ask } = await withObject();
  const headers = { 'x-amz-copy-source': '/bucket/key' };
  const answer = await ask('PUT', '/bucket/key', { query: { acl: '' }, headers });
  expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument']);
});

test('what is wrong with the signature is said before the method is', async () => {
  const { ask, send } = createHarness();
  expect((await ask('HEAD', '/')).status).toBe(405);
  const headers = { host: 'h', authorization: 'AWS4-HMAC-SHA256 nonsense' };
  const request = { method: 'HEAD', path: '/', query: '', headers, body: Buffer.alloc(0) };
  expect((await send(request)).status).toBe(400);
});

test('names that no bucket can have', async () => {
  const { ask } = createHarness();
  for (const path of ['/ab', '/a%5Eb', `/${'a'.repeat(256)}`]) {
    const answer = await ask('GET', decodeURIComponent(path));
    expect([answer.status, answer.code]).toEqual([400, 'InvalidBucketName']);
  }
  const old = await ask('GET', '/Old_Bucket');
  expect([old.status, old.code]).toEqual([404, 'NoSuchBucket']);
});

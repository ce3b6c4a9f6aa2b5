import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { digestOf } from '../../../server/core/digest/checksum.ts';
import { type ChecksumAlgorithm, checksumAlgorithms } from '../../../server/core/model.ts';
import { type Ask, type Harness, createHarness, one, other, owner } from './harness.ts';
import { type PayloadMode, sha256 } from './signer.ts';

const modes = [
  'signed',
  'unsigned',
  'streaming',
  'streaming-trailer',
  'streaming-unsigned-trailer',
] as const satisfies readonly PayloadMode[];

const big = Buffer.from(Array.from({ length: 150_001 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));

function base64(algorithm: ChecksumAlgorithm, bytes: Uint8Array): string {
  return Buffer.from(digestOf(algorithm, bytes)).toString('base64');
}

async function withBucket(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  return harness;
}

describe.each(modes)('payload mode %s', (mode) => {
  test.each([0, 1, 8191, 8192, 65_536, 150_001])('%i bytes come back', async (size) => {
    const { ask } = await withBucket();
    const body = big.subarray(0, size);
    const trailers = { 'x-amz-checksum-crc32': base64('crc32', body) };
    const withTrailers = mode.endsWith('trailer') ? { trailers } : {};
    for (const chunked of [false, true]) {
      const sign = { mode, ...withTrailers };
      const put = await ask('PUT', '/bucket/k', { body, chunked, sign });
      expect([put.status, put.text]).toEqual([200, '']);
      expect(put.headers.get('etag')).toBe(`"${createHash('md5').update(body).digest('hex')}"`);
      const got = await ask('GET', '/bucket/k');
      expect(got.bytes.equals(body)).toBe(true);
      expect(got.headers.has('content-encoding')).toBe(false);
    }
  });

  test('a wrong secret stores nothing', async () => {
    const { ask } = await withBucket();
    const key = { ...owner, secretAccessKey: other.secretAccessKey };
    const put = await ask('PUT', '/bucket/k', { body: big, sign: { mode, key } });
    expect([put.status, put.code]).toEqual([403, 'SignatureDoesNotMatch']);
    expect((await ask('GET', '/bucket/k')).status).toBe(404);
  });
});

describe('signatures inside the body', () => {
  test.each(['streaming', 'streaming-trailer'] as const)('%s: another secret', async (mode) => {
    const { ask } = await withBucket();
    const sign = { mode, chunkSecret: 'another' };
    const put = await ask('PUT', '/bucket/k', { body: big, sign });
    expect([put.status, put.code]).toEqual([403, 'SignatureDoesNotMatch']);
    expect((await ask('GET', '/bucket/k')).status).toBe(404);
    expect(put.text).toContain(`<AWSAccessKeyId>${owner.accessKeyId}</AWSAccessKeyId>`);
    expect(put.text).toContain('<StringToSign>AWS4-HMAC-SHA256-PAYLOAD\n');
    expect(put.text).toContain('<CanonicalRequest>PUT\n/bucket/k\n');
  });

  test('a presigned digest that is none', async () => {
    const { ask, send, clock } = await withBucket();
    const { presign } = await import('./signer.ts');
    const { stampOf } = await import('./harness.ts');
    const headers = { 'x-amz-content-sha256': 'INVALID' };
    const request = { method: 'PUT', path: '/bucket/k', body: Buffer.from('hello'), headers };
    const signed = presign(request, { key: owner, stamp: stampOf(clock.now()), expires: 60 });
    const put = await send(signed);
    expect([put.status, put.code]).toEqual([400, 'XAmzContentSHA256Mismatch']);
    expect(one(put.text, 'ClientComputedContentSHA256')).toBe('INVALID');
    expect((await ask('GET', '/bucket/k')).status).toBe(404);
  });

  test('a digest that does not fit', async () => {
    const { ask, send, clock } = await withBucket();
    const { sign } = await import('./signer.ts');
    const { stampOf } = await import('./harness.ts');
    const request = { method: 'PUT', path: '/bucket/k', body: Buffer.from('hello') };
    const signed = sign(request, { key: owner, stamp: stampOf(clock.now()) });
    const put = await send({ ...signed, body: Buffer.from('jello') });
    expect([put.status, put.code]).toEqual([400, 'XAmzContentSHA256Mismatch']);
    expect((await ask('GET', '/bucket/k')).status).toBe(404);
  });

  test.each([
    ['STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD', 'NotImplemented'],
    ['STREAMING-X', 'InvalidArgument'],
    ['abc', 'InvalidArgument'],
    // The hash is part of what is signed.
    ['UNSIGNED-PAYLOAD', 'SignatureDoesNotMatch'],
  ])('payload hash %s', async (word, code) => {
    const { send, clock } = await withBucket();
    const { sign } = await import('./signer.ts');
    const { stampOf } = await import('./harness.ts');
    const headers = { 'x-amz-content-sha256': word };
    const request = { method: 'PUT', path: '/bucket/k', body: Buffer.from('hello') };
    const stamp = stampOf(clock.now());
    const signed = sign(request, { key: owner, stamp });
    const answer = await send({ ...signed, headers: { ...signed.headers, ...headers } });
    expect(answer.code).toBe(code);
  });
});

describe('digests', () => {
  test('that are wrong come back with the right ones', async () => {
    const { ask } = await withBucket();
    const headers = { 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' };
    const put = await ask('PUT', '/bucket/k', { body: 'hello', headers });
    expect([put.status, put.code]).toEqual([400, 'BadDigest']);
    expect(one(put.text, 'ExpectedDigest')).toBe('d41d8cd98f00b204e9800998ecf8427e');
    expect(one(put.text, 'CalculatedDigest')).toBe('XUFAKrxLKna5cZ2REBfFkg==');
    const query = { tagging: '' };
    const document = await ask('PUT', '/bucket', { query, body: '<Tagging/>', headers });
    expect(one(document.text, 'ExpectedDigest')).toBe('1B2M2Y8AsgTpgAmY7PhCfg==');
    expect(one(document.text, 'CalculatedDigest')).not.toBe(undefined);
  });

  test('announced as trailers of a body that has none', async () => {
    const { ask } = await withBucket();
    const trailer = { 'x-amz-trailer': 'x-amz-checksum-crc32' };
    const put = async (headers: Record<string, string>): Promise<string> => {
      const answer = await ask('PUT', '/bucket/k', { body: 'hello', headers });
      return `${answer.code}: ${one(answer.text, 'Message')}`;
    };
    expect(await put(trailer)).toMatch(/^MalformedTrailerError/);
    const single = 'InvalidRequest: Expecting a single x-amz-checksum- header';
    expect(await put({ ...trailer, 'x-amz-checksum-crc32': 'NhCmhg==' })).toBe(single);
    expect(await put({ ...trailer, 'x-amz-checksum-crc32c': 'mnG7TA==' })).toBe(single);
    const twice = { 'x-amz-trailer': 'x-amz-checksum-crc32,x-amz-checksum-crc32' };
    expect(await put(twice)).toBe(`${single}. Multiple checksum Types are not allowed.`);
  });
});

describe('framing', () => {
  const put = (harness: Harness, ask: Ask) => harness.ask('PUT', '/bucket/k', ask);

  test.each([
    ['absent', '', 411, 'MissingContentLength'],
    ['no number', 'abc', 411, 'MissingContentLength'],
    ['too large', '151000', 400, 'IncompleteBody'],
    ['too small', '1000', 400, 'IncompleteBody'],
  ])('decoded length %s', async (_name, length, status, code) => {
    const harness = await withBucket();
    const headers = { 'x-amz-decoded-content-length': length };
    const answer = await put(harness, {
      body: big,
      headers,
      sign: { mode: 'streaming-unsigned-trailer' },
    });
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect((await harness.ask('GET', '/bucket/k')).status).toBe(404);
  });

  test('a chunk under 8 KiB that is not the last', async () => {
    const harness = await withBucket();
    for (const mode of ['streaming', 'streaming-unsigned-trailer'] as const) {
      const answer = await put(harness, { body: big, sign: { mode, chunkBytes: 8191 } });
      expect([answer.status, answer.code]).toEqual([400, 'InvalidChunkSizeError']);
      expect(answer.text).toContain('<Chunk>1</Chunk><BadChunkSize>8191</BadChunkSize>');
    }
  });

  test('trailers: announced and missing, or sent unannounced', async () => {
    const harness = await withBucket();
    const mode = 'streaming-unsigned-trailer';
    const announced = await put(harness, {
      body: 'x',
      headers: { 'x-amz-trailer': 'x-amz-checksum-crc32' },
      sign: { mode },
    });
    expect([announced.status, announced.code]).toEqual([400, 'MalformedTrailerError']);
    const sent = await put(harness, {
      body: 'x',
      headers: { 'x-amz-trailer': 'x-amz-checksum-crc32' },
      sign: { mode, trailers: { 'x-amz-checksum-crc32c': 'AAAAAA==' } },
    });
    expect(sent.code).toBe('MalformedTrailerError');
    const foreign = await put(harness, {
      body: 'x',
      sign: { mode, trailers: { 'x-amz-meta-a': 'b' } },
    });
    expect(foreign.code).toBe('InvalidRequest');
  });

  test('no trailer at all: CRC64NVME is computed', async () => {
    const harness = await withBucket();
    const answer = await put(harness, {
      body: 'hello world',
      sign: { mode: 'streaming-unsigned-trailer' },
    });
    expect(answer.headers.get('x-amz-checksum-crc64nvme')).toBe('jSnVw/bqjr4=');
    expect(answer.headers.get('x-amz-checksum-type')).toBe('FULL_OBJECT');
  });

  test.each([
    ['aws-chunked', undefined],
    ['gzip,aws-chunked', 'gzip'],
    ['aws-chunked,gzip,aws-chunked', 'gzip'],
    ['deflate, gzip,aws-chunked', 'deflate, gzip'],
    ['aws-chunked, deflate,gzip', 'deflate,gzip'],
    ['gzip', 'gzip'],
  ])('Content-Encoding %s is stored as %s', async (sent, stored) => {
    const harness = await withBucket();
    await put(harness, { body: 'x', headers: { 'content-encoding': sent } });
    const head = await harness.ask('HEAD', '/bucket/k');
    expect(head.headers.get('content-encoding')).toBe(stored);
  });

  test('lengths of plain bodies', async () => {
    const harness = await withBucket();
    const { send, clock } = harness;
    const { sign } = await import('./signer.ts');
    const { requestOf, stampOf } = await import('./harness.ts');
    const signed = sign(
      { method: 'PUT', path: '/bucket/k', body: Buffer.from('abc') },
      { key: owner, stamp: stampOf(clock.now()), mode: 'unsigned' },
    );
    const request = { ...requestOf(signed, false), contentLength: undefined };
    const none = await harness.door.handle(request);
    expect(none.status).toBe(411);
    const short = await harness.door.handle({ ...request, contentLength: 4 });
    expect(short.status).toBe(400);
    expect(Buffer.from(short.body as Uint8Array).toString()).toContain('IncompleteBody');
    expect((await send(signed)).status).toBe(200);
    const long = await harness.door.handle({ ...request, contentLength: 6 * 2 ** 30 });
    expect(Buffer.from(long.body as Uint8Array).toString()).toContain('EntityTooLarge');
  });
});

describe('digests', () => {
  test.each(checksumAlgorithms)('%s in a header', async (algorithm) => {
    const { ask } = await withBucket();
    const name = `x-amz-checksum-${algorithm}`;
    const value = base64(algorithm, big);
    const sdk = { 'x-amz-sdk-checksum-algorithm': algorithm.toUpperCase() };
    const put = await ask('PUT', '/bucket/k', { body: big, headers: { [name]: value, ...sdk } });
    expect([put.status, put.headers.get(name)]).toEqual([200, value]);
    const plain = await ask('HEAD', '/bucket/k');
    expect(plain.headers.has(name)).toBe(false);
    const mode = { 'x-amz-checksum-mode': 'ENABLED' };
    const head = await ask('HEAD', '/bucket/k', { headers: mode });
    expect(head.headers.get(name)).toBe(value);
    expect(head.headers.get('x-amz-checksum-type')).toBe('FULL_OBJECT');
    const ranged = await ask('GET', '/bucket/k', { headers: { ...mode, range: 'bytes=0-3' } });
    expect([ranged.status, ranged.headers.has(name)]).toEqual([206, false]);
    const wrong = await ask('PUT', '/bucket/k2', { body: 'other', headers: { [name]: value } });
    expect([wrong.status, wrong.code]).toEqual([400, 'BadDigest']);
    expect(wrong.text).toContain(
      `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
    );
    expect((await ask('HEAD', '/bucket/k2')).status).toBe(404);
  });

  test.each(checksumAlgorithms)('%s in a trailer', async (algorithm) => {
    const { ask } = await withBucket();
    const trailers = { [`x-amz-checksum-${algorithm}`]: base64(algorithm, Buffer.from('other')) };
    for (const mode of ['streaming-trailer', 'streaming-unsigned-trailer'] as const) {
      const wrong = await ask('PUT', '/bucket/k', { body: big, sign: { mode, trailers } });
      expect([wrong.status, wrong.code]).toEqual([400, 'BadDigest']);
      const right = await ask('PUT', '/bucket/k', { body: 'other', sign: { mode, trailers } });
      expect(right.status).toBe(200);
    }
  });

  test.each([
    [{ 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-checksum-sha1': 'x' }, 400, 'InvalidRequest'],
    [{ 'x-amz-sdk-checksum-algorithm': 'CRC32' }, 400, 'InvalidRequest'],
    [{ 'x-amz-checksum-crc32': 'bad' }, 400, 'BadDigest'],
    [{ 'x-amz-checksum-crc31': 'AAAAAA==' }, 400, 'InvalidRequest'],
    [{ 'x-amz-checksum-xxhash128': 'AAAAAA==' }, 400, 'BadDigest'],
    [{ 'x-amz-checksum-xxhash3': 'AAAAAAAAAAA=' }, 400, 'BadDigest'],
    [{ 'content-md5': 'bad' }, 400, 'InvalidDigest'],
    [{ 'content-md5': '1B2M2Y8AsgTpgAmY7PhCfg==' }, 400, 'BadDigest'],
  ])('%j', async (headers, status, code) => {
    const { ask } = await withBucket();
    const answer = await ask('PUT', '/bucket/k', { body: 'x', headers });
    expect([answer.status, answer.code]).toEqual([status, code]);
  });

  test('a body that names none gets CRC64NVME, however it comes and wherever it goes', async () => {
    const { ask } = await withBucket();
    const put = await ask('PUT', '/bucket/k', { body: 'hello world' });
    expect(put.headers.get('x-amz-checksum-crc64nvme')).toBe('jSnVw/bqjr4=');
    expect(put.headers.get('x-amz-checksum-type')).toBe('FULL_OBJECT');
    const enabled = { headers: { 'x-amz-checksum-mode': 'ENABLED' } };
    const head = await ask('HEAD', '/bucket/k', enabled);
    expect(head.headers.get('x-amz-checksum-crc64nvme')).toBe('jSnVw/bqjr4=');
    await ask('PUT', '/bucket/copy', { headers: { 'x-amz-copy-source': 'bucket/k' } });
    const copy = await ask('HEAD', '/bucket/copy', enabled);
    expect(copy.headers.get('x-amz-checksum-crc64nvme')).toBe('jSnVw/bqjr4=');
  });

  test('checksums in a presigned query are ignored', async () => {
    const { ask } = await withBucket();
    const query = { 'x-amz-checksum-crc32': 'AAAAAA==', 'x-amz-sdk-checksum-algorithm': 'CRC32' };
    expect((await ask('PUT', '/bucket/k', { body: 'x', query })).status).toBe(200);
  });

  test('our signer agrees with zlib', () => {
    expect(base64('crc32', big)).toBe(
      Buffer.from(crc32(big).toString(16).padStart(8, '0'), 'hex').toString('base64'),
    );
    expect(sha256('')).toMatch(/^e3b0c442/);
  });
});

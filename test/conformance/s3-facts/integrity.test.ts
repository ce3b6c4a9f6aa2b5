/** Facts 13 to 18: framed bodies and checksums. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { expect } from 'vitest';
import {
  type Answer,
  type Ask,
  ask,
  beginUpload,
  etagOf,
  fact,
  newBucket,
  one,
  outcome,
  send,
  signed,
  useTarget,
} from './target.ts';

useTarget();

const TRAILER = { sign: { mode: 'streaming-unsigned-trailer' } } as const;
const MIN_PART = 5 * 1024 * 1024;

const crc = (bytes: Uint8Array): string => {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(bytes));
  return value.toString('base64');
};
const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('base64');

/** A framed PUT whose bytes were changed after they were signed. */
function reframed(
  path: string,
  change: (framed: string) => string,
  more: Ask = {},
): Promise<Answer> {
  const ready = signed('PUT', path, { body: 'hello world', ...TRAILER, ...more });
  return send({ ...ready, body: Buffer.from(change(ready.body.toString('latin1')), 'latin1') });
}

fact(13, 'framing that is wrong has its own errors', async () => {
  const path = `/${await newBucket()}/k`;
  const length = 'x-amz-decoded-content-length';
  for (const bad of ['', 'eleven', '-1']) {
    const answer = await ask('PUT', path, { body: 'x', headers: { [length]: bad }, ...TRAILER });
    expect([bad, ...outcome(answer)]).toEqual([bad, 411, 'MissingContentLength']);
  }
  const more = { headers: { [length]: '12' } };
  const short = await reframed(path, (framed) => framed, more);
  expect(outcome(short)).toEqual([400, 'IncompleteBody']);
  const small = { ...TRAILER.sign, chunkBytes: 100 };
  const chunks = await ask('PUT', path, { body: 'x'.repeat(300), sign: small });
  expect(outcome(chunks)).toEqual([400, 'InvalidChunkSizeError']);
  const trailers = { 'x-amz-checksum-crc32': crc(Buffer.from('hello world')) };
  const noColon = await reframed(path, (framed) => framed.replace('crc32:', 'crc32 '), {
    sign: { ...TRAILER.sign, trailers },
  });
  expect(outcome(noColon)).toEqual([400, 'MalformedTrailerError']);
  expect((await ask('HEAD', path)).status).toBe(404);
});

fact(14, 'a trailer mode without a trailer gets CRC64NVME', async () => {
  const path = `/${await newBucket()}/k`;
  const put = await ask('PUT', path, { body: 'hello world', ...TRAILER });
  expect(put.status).toBe(200);
  const head = await ask('HEAD', path, { headers: { 'x-amz-checksum-mode': 'ENABLED' } });
  expect(head.headers.get('x-amz-checksum-crc64nvme')).toBe('jSnVw/bqjr4=');
});

fact(15, 'wrong, double and announced checksums are refused in these words', async () => {
  const path = `/${await newBucket()}/k`;
  const put = (headers: Record<string, string>): Promise<Answer> =>
    ask('PUT', path, { body: 'hello world', headers });
  const wrong = await put({ 'x-amz-checksum-crc64nvme': 'AAAAAAAAAAA=' });
  expect([...outcome(wrong), one(wrong.text, 'Message')]).toEqual([
    400,
    'BadDigest',
    'The CRC64NVME you specified did not match the calculated checksum.',
  ]);
  const double = await put({
    'x-amz-checksum-crc32': crc(Buffer.from('hello world')),
    'x-amz-checksum-sha256': sha(Buffer.from('hello world')),
  });
  expect(double.status).toBe(400);
  expect(one(double.text, 'Message')).toContain('Expecting a single x-amz-checksum- header');
  const announced = await put({ 'x-amz-sdk-checksum-algorithm': 'CRC32' });
  expect(outcome(announced)).toEqual([400, 'InvalidRequest']);
});

fact(16, 'aws-chunked is not kept as a content encoding', async () => {
  const bucket = await newBucket();
  const kept = async (encoding: string): Promise<string | undefined> => {
    const path = `/${bucket}/${encoding.length}`;
    const headers = { 'content-encoding': encoding };
    expect((await ask('PUT', path, { body: 'x', headers, ...TRAILER })).status).toBe(200);
    return (await ask('HEAD', path)).headers.get('content-encoding');
  };
  expect(await kept('aws-chunked')).toBeUndefined();
  expect(await kept('gzip,aws-chunked')).toBe('gzip');
});

fact(17, 'checksums of parts: composite with a count, or of the whole', async () => {
  const bucket = await newBucket();
  const bodies = [Buffer.alloc(MIN_PART, 'a'), Buffer.from('end')];
  const complete = async (algorithm: string, type: string): Promise<string | undefined> => {
    const upload = await beginUpload(`/${bucket}/${algorithm}-${type}`, {
      'x-amz-checksum-algorithm': algorithm,
      'x-amz-checksum-type': type,
    });
    const parts = [];
    for (const [index, body] of bodies.entries()) {
      parts.push({ number: index + 1, etag: etagOf(await upload.put(index + 1, body)) });
    }
    return one((await upload.complete(parts)).text, `Checksum${algorithm}`);
  };
  const digests = Buffer.concat(bodies.map((body) => Buffer.from(sha(body), 'base64')));
  expect(await complete('SHA256', 'COMPOSITE')).toBe(`${sha(digests)}-2`);
  expect(await complete('CRC32', 'FULL_OBJECT')).toBe(crc(Buffer.concat(bodies)));
  for (const [algorithm, type] of [
    ['CRC64NVME', 'COMPOSITE'],
    ['SHA256', 'FULL_OBJECT'],
  ] as const) {
    const headers = { 'x-amz-checksum-algorithm': algorithm, 'x-amz-checksum-type': type };
    const refused = await ask('POST', `/${bucket}/k`, { query: { uploads: '' }, headers });
    expect(outcome(refused)).toEqual([400, 'InvalidRequest']);
  }
});

fact(18, 'a range shows no checksum of the whole; a part shows its own', async () => {
  const bucket = await newBucket();
  const upload = await beginUpload(`/${bucket}/k`, { 'x-amz-checksum-algorithm': 'CRC32' });
  const bodies = [Buffer.alloc(MIN_PART, 'a'), Buffer.from('end')];
  const parts = [];
  for (const [index, body] of bodies.entries()) {
    parts.push({ number: index + 1, etag: etagOf(await upload.put(index + 1, body)) });
  }
  expect((await upload.complete(parts)).status).toBe(200);
  const mode = { 'x-amz-checksum-mode': 'ENABLED' };
  const range = await ask('GET', `/${bucket}/k`, { headers: { ...mode, range: 'bytes=0-9' } });
  expect([range.status, range.headers.has('x-amz-checksum-crc32')]).toEqual([206, false]);
  const part = await ask('GET', `/${bucket}/k`, { headers: mode, query: { partNumber: '2' } });
  expect([part.text, part.headers.get('x-amz-checksum-crc32')]).toEqual([
    'end',
    crc(Buffer.from('end')),
  ]);
});

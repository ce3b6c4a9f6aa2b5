import { localHasher } from '../../../server/core/digest/hasher.ts';
import { describe, expect, test } from 'vitest';
import { AwsChunkedDecoder } from '../../../server/s3/payload/aws-chunked.ts';
import { deriveSigningKey } from '../../../server/s3/auth/signing-keys.ts';
import { type Answer, createHarness, example, other, owner, stampOf } from './harness.ts';
import { presign, sha256, sign } from './signer.ts';

/** 2013-05-24, when Amazon's documents were written ("Signature calculations: Examples"). */
const DOC_TIME = Date.UTC(2013, 4, 24);
const EMPTY = sha256('');

function docHarness() {
  return createHarness({ now: DOC_TIME, virtualHostSuffixes: ['s3.amazonaws.com'] });
}

function authorization(signedHeaders: string, signature: string): string {
  return `AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=${signedHeaders},Signature=${signature}`;
}

describe('the examples of the documents', () => {
  const common = { host: 'examplebucket.s3.amazonaws.com', 'x-amz-date': '20130524T000000Z' };
  const cases = [
    {
      name: 'GET object',
      method: 'GET',
      path: '/test.txt',
      query: '',
      headers: { range: 'bytes=0-9', 'x-amz-content-sha256': EMPTY },
      signed: 'host;range;x-amz-content-sha256;x-amz-date',
      signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
      code: 'NoSuchBucket',
    },
    {
      name: 'PUT object, its path not encoded on the wire',
      method: 'PUT',
      path: '/test$file.text',
      query: '',
      headers: {
        date: 'Fri, 24 May 2013 00:00:00 GMT',
        'x-amz-storage-class': 'REDUCED_REDUNDANCY',
        'x-amz-content-sha256': sha256('Welcome to Amazon S3.'),
      },
      signed: 'date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class',
      signature: '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
      code: 'NoSuchBucket',
    },
    {
      name: 'GET lifecycle',
      method: 'GET',
      path: '/',
      query: 'lifecycle',
      headers: { 'x-amz-content-sha256': EMPTY },
      signed: 'host;x-amz-content-sha256;x-amz-date',
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
      code: 'NoSuchBucket',
    },
    {
      name: 'list',
      method: 'GET',
      path: '/',
      query: 'max-keys=2&prefix=J',
      headers: { 'x-amz-content-sha256': EMPTY },
      signed: 'host;x-amz-content-sha256;x-amz-date',
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
      code: 'NoSuchBucket',
    },
  ] as const;

  test.each(cases)('$name', async ({ method, path, query, headers, signed, signature, code }) => {
    const request = {
      method,
      path,
      query,
      headers: { ...common, ...headers, authorization: authorization(signed, signature) },
      body: Buffer.from(method === 'PUT' ? 'Welcome to Amazon S3.' : ''),
    };
    expect((await docHarness().send(request)).code).toBe(code);
    const broken = signature.replace(/.$/, (digit) => (digit === '0' ? '1' : '0'));
    const headersBroken = { ...request.headers, authorization: authorization(signed, broken) };
    const refused = await docHarness().send({ ...request, headers: headersBroken });
    expect(refused.code).toBe('SignatureDoesNotMatch');
  });

  test('presigned', async () => {
    const query =
      'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
    const headers = { host: 'examplebucket.s3.amazonaws.com' };
    const request = { method: 'GET', path: '/test.txt', query, headers, body: Buffer.alloc(0) };
    expect((await docHarness().send(request)).code).toBe('NoSuchBucket');
    const moved = { ...request, path: '/test2.txt' };
    expect((await docHarness().send(moved)).code).toBe('SignatureDoesNotMatch');
  });

  const seedOf = (signature: string) => ({
    signingKey: deriveSigningKey(example.secretAccessKey, '20130524', 'us-east-1'),
    stamp: '20130524T000000Z',
    scope: '20130524/us-east-1/s3/aws4_request',
    signature,
    accessKeyId: example.accessKeyId,
    canonicalRequest: '',
  });
  const chunk = (size: number, signature: string): string =>
    `${size.toString(16)};chunk-signature=${signature}\r\n${'a'.repeat(size)}${size > 0 ? '\r\n' : ''}`;

  test('chunks', async () => {
    const decoder = new AwsChunkedDecoder({
      hasher: localHasher,
      decodedLength: 66_560,
      trailerNames: undefined,
      seed: seedOf('4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9'),
    });
    const wire =
      chunk(65_536, 'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648') +
      chunk(1024, '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497') +
      chunk(0, 'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9') +
      '\r\n';
    expect(wire.length).toBe(66_824);
    expect(Buffer.concat([...decoder.decode(Buffer.from(wire))]).length).toBe(66_560);
    await decoder.finish();
  });

  test('chunks with a trailer, its line ended as the document prints it', async () => {
    const decoder = new AwsChunkedDecoder({
      hasher: localHasher,
      decodedLength: 66_560,
      trailerNames: ['x-amz-checksum-crc32c'],
      seed: seedOf('106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e'),
    });
    const wire =
      chunk(65_536, 'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2') +
      chunk(1024, '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7') +
      chunk(0, '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992') +
      'x-amz-checksum-crc32c:sOO8/Q==\n\r\n' +
      'x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\n\r\n';
    for (const piece of [wire.slice(0, 70_000), wire.slice(70_000)]) {
      expect([...decoder.decode(Buffer.from(piece))].length).toBeGreaterThanOrEqual(0);
    }
    await decoder.finish();
    expect(decoder.trailers.get('x-amz-checksum-crc32c')).toBe('sOO8/Q==');
  });
});

test.each(['versioning', 'prefix=a%20b&delimiter=/&max-keys=3', 'list-type=2&'])(
  'a query signed as it was typed: %s',
  async (queryAsTyped) => {
    const { ask, send, clock } = createHarness();
    await ask('PUT', '/bucket');
    expect((await ask('GET', '/bucket', { queryAsTyped })).status).toBe(200);
    const options = { key: owner, stamp: stampOf(clock.now()) };
    const signed = sign({ method: 'GET', path: '/bucket', queryAsTyped }, options);
    const other = await send({ ...signed, query: `${queryAsTyped}&x` });
    expect(other.code).toBe('SignatureDoesNotMatch');
  },
);

describe('what is refused', () => {
  const bucket = '/some-bucket';

  test('a wrong secret, an unknown key, another account', async () => {
    const { ask } = createHarness();
    await ask('PUT', bucket);
    const wrong = { ...owner, secretAccessKey: other.secretAccessKey };
    expect((await ask('GET', bucket, { sign: { key: wrong } })).code).toBe('SignatureDoesNotMatch');
    const unknown = { ...owner, accessKeyId: 'NOBODY' };
    const answer = await ask('GET', bucket, { sign: { key: unknown } });
    expect([answer.status, answer.code]).toEqual([403, 'InvalidAccessKeyId']);
    expect((await ask('GET', bucket, { sign: { key: other } })).code).toBe('AccessDenied');
    expect((await ask('GET', bucket, { anonymous: true })).status).toBe(403);
    expect((await ask('GET', '/', { anonymous: true })).code).toBe('AccessDenied');
  });

  test('another region names the right one', async () => {
    const { ask } = createHarness();
    const answer = await ask('GET', '/', { sign: { region: 'eu-west-1' } });
    expect([answer.status, answer.code]).toEqual([400, 'AuthorizationHeaderMalformed']);
    expect(answer.text).toContain('<Region>us-east-1</Region>');
    expect((await ask('GET', '/', { sign: { service: 'ec2' } })).status).toBe(400);
  });

  test('a clock 16 minutes off', async () => {
    const { ask, clock } = createHarness();
    for (const skew of [-16, 16]) {
      const stamp = stampOf(clock.now() + skew * 60_000);
      const answer = await ask('GET', '/', { sign: { stamp } });
      expect([answer.status, answer.code]).toEqual([403, 'RequestTimeTooSkewed']);
      expect(answer.text).toContain('<ServerTime>');
    }
    const near = await ask('GET', '/', { sign: { stamp: stampOf(clock.now() + 14 * 60_000) } });
    expect(near.status).toBe(200);
  });

  test('unsigned x-amz- headers, and host', async () => {
    const { ask } = createHarness();
    const headers = { 'x-amz-meta-a': '1' };
    const one = await ask('PUT', '/b/k', { headers, sign: { unsigned: ['x-amz-meta-a'] } });
    expect([one.status, one.code]).toEqual([403, 'AccessDenied']);
    expect(one.text).toContain('<HeadersNotSigned>x-amz-meta-a</HeadersNotSigned>');
    const two = await ask('GET', '/', { sign: { unsigned: ['host'] } });
    expect(two.text).toContain('<HeadersNotSigned>host</HeadersNotSigned>');
  });

  test.each([
    ['AWS4-ECDSA-P256-SHA256 abc', 'InvalidRequest'],
    ['AWS4-ECDSA-P256-SHA256 Credential=x', 'InvalidRequest'],
    ['Bearer x', 'InvalidArgument'],
    ['AWS4-HMAC-SHA256', 'InvalidArgument'],
    ['AWS4-HMAC-SHA256 Credential=HAHAHA', 'AuthorizationHeaderMalformed'],
    ['AWS4-HMAC-SHA256 nonsense', 'AuthorizationHeaderMalformed'],
  ])('Authorization: %s', async (authorization, code) => {
    const { send } = createHarness();
    const headers = { host: 'h', authorization };
    const request = { method: 'GET', path: '/', query: '', headers, body: Buffer.alloc(0) };
    const answer = await send(request);
    expect([answer.status, answer.code]).toEqual([400, code]);
  });

  const scoped = (scope: string, rest = ',SignedHeaders=host,Signature=x'): string =>
    `AWS4-HMAC-SHA256 Credential=AKID/${scope}${rest}`;

  test.each([
    ['AWS4-HMAC-SHA256', "one and only one ' ' (space) required"],
    [scoped('20130524/us-east-1/s3/aws4_request', ''), 'requires three components'],
    [scoped('x/us-east-1/s3/aws_request'), 'incorrect terminal &quot;aws_request&quot;'],
    [scoped('x/us-east-1/ec2/aws4_request'), 'incorrect service &quot;ec2&quot;'],
    [scoped('x/us-east-1/s3/aws4_request'), 'incorrect date format &quot;x&quot;'],
  ])('%s is told what is wrong first', async (authorization, sentence) => {
    const headers = { host: 'h', authorization };
    const request = { method: 'GET', path: '/', query: '', headers, body: Buffer.alloc(0) };
    expect((await createHarness().send(request)).text).toContain(sentence);
  });

  test('a wrong signature comes back with what should have been signed', async () => {
    const { ask } = createHarness();
    const wrong = { ...owner, secretAccessKey: other.secretAccessKey };
    const { text } = await ask('GET', bucket, { sign: { key: wrong } });
    expect(text).toContain(`<AWSAccessKeyId>${owner.accessKeyId}</AWSAccessKeyId>`);
    expect(text).toContain('<StringToSign>AWS4-HMAC-SHA256\n');
    expect(text).toContain('<StringToSignBytes>41 57 53 34 ');
    expect(text).toContain('<CanonicalRequest>GET\n/some-bucket\n');
    expect(text).toContain('<CanonicalRequestBytes>47 45 54 0a ');
    expect(text).not.toContain(owner.secretAccessKey);
  });

  test('a temporary token, two mechanisms, no payload hash', async () => {
    const { ask, send, clock } = createHarness();
    const token = { 'x-amz-security-token': 'x' };
    expect((await ask('GET', '/', { headers: token })).code).toBe('InvalidToken');
    const stamp = stampOf(clock.now());
    const signed = sign({ method: 'GET', path: '/' }, { key: owner, stamp });
    const both = { ...signed, query: 'X-Amz-Algorithm=AWS4-HMAC-SHA256' };
    expect((await send(both)).code).toBe('InvalidArgument');
    const { 'x-amz-content-sha256': _hash, ...headers } = signed.headers;
    expect((await send({ ...signed, headers })).code).toBe('InvalidRequest');
  });
});

describe('presigned requests', () => {
  async function bucketWithObject() {
    const harness = createHarness();
    await harness.ask('PUT', '/b-one');
    await harness.ask('PUT', '/b-one/a b+c', { body: 'hello' });
    return harness;
  }
  const get = { method: 'GET', path: '/b-one/a b+c' };

  test('work, and override headers', async () => {
    const { send, clock } = await bucketWithObject();
    const stamp = stampOf(clock.now());
    const query = { 'response-content-type': 'text/x; charset=utf-8', 'x-id': 'GetObject' };
    const answer = await send(presign({ ...get, query }, { key: owner, stamp, expires: 60 }));
    expect([answer.status, answer.text]).toEqual([200, 'hello']);
    expect(answer.headers.get('content-type')).toBe('text/x; charset=utf-8');
    const forged = { 'response-content-type': 'a\r\nSet-Cookie: x' };
    const refused = await send(
      presign({ ...get, query: forged }, { key: owner, stamp, expires: 60 }),
    );
    expect(refused.code).toBe('InvalidArgument');
  });

  test.each([
    [604_801, 'AuthorizationQueryParametersError'],
    [-1, 'AccessDenied'],
    ['x', 'AuthorizationQueryParametersError'],
    [604_800, undefined],
  ])('expires %s', async (expires, code) => {
    const { send, clock } = await bucketWithObject();
    const answer = await send(presign(get, { key: owner, stamp: stampOf(clock.now()), expires }));
    expect(answer.code).toBe(code);
  });

  test('expire, and are not valid early', async () => {
    const { send, clock } = await bucketWithObject();
    const old = presign(get, { key: owner, stamp: stampOf(clock.now() - 61_000), expires: 60 });
    const answer = await send(old);
    expect([answer.status, answer.code]).toEqual([403, 'AccessDenied']);
    expect(answer.text).toContain('<Message>Request has expired</Message>');
    const stamp = stampOf(clock.now() + 16 * 60_000);
    expect((await send(presign(get, { key: owner, stamp, expires: 60 }))).status).toBe(403);
  });

  test('headers that an SDK moved into the query mean what they mean', async () => {
    const { send, ask, clock } = await bucketWithObject();
    const stamp = stampOf(clock.now());
    const put = (query: Record<string, string>, headers = {}): Promise<Answer> => {
      const body = Buffer.from('bytes');
      const request = { method: 'PUT', path: '/b-one/new', body, query, headers };
      return send(presign(request, { key: owner, stamp, expires: 60 }));
    };
    const query = { 'X-Amz-Meta-Colour': 'grün', 'x-amz-server-side-encryption': 'AES256' };
    expect((await put({ ...query, 'x-amz-tagging': 'a=b' })).status).toBe(200);
    const { headers } = await ask('HEAD', '/b-one/new');
    expect(headers.get('x-amz-meta-colour')).toBe(Buffer.from('grün').toString('latin1'));
    expect(headers.get('x-amz-server-side-encryption')).toBe('AES256');
    expect(headers.get('x-amz-tagging-count')).toBe('1');
    expect((await put({ 'x-amz-storage-class': 'NEVER_HEARD_OF' })).code).toBe(
      'InvalidStorageClass',
    );
    expect((await put({ 'x-amz-copy-source': '/b-one/a%20b%2Bc' })).status).toBe(200);
    expect((await ask('GET', '/b-one/new')).text).toBe('hello');
    const key = { 'x-amz-server-side-encryption-customer-key': 'secret' };
    const refused = await put(key);
    expect([refused.code, refused.text.includes('>secret<')]).toEqual(['InvalidRequest', false]);
    // What is sent counts, and only what is signed with the URL can be in it.
    expect((await put({ 'x-amz-meta-a': 'query' }, { 'x-amz-meta-a': 'sent' })).status).toBe(200);
    expect((await ask('HEAD', '/b-one/new')).headers.get('x-amz-meta-a')).toBe('sent');
    const plain = await ask('PUT', '/b-one/new', { query: { 'x-amz-meta-a': 'b' }, body: 'x' });
    expect(plain.status).toBe(200);
    expect((await ask('HEAD', '/b-one/new')).headers.has('x-amz-meta-a')).toBe(false);
  });

  test('an extra x-amz- header must be signed', async () => {
    const { send, clock } = await bucketWithObject();
    const signed = presign(get, { key: owner, stamp: stampOf(clock.now()), expires: 60 });
    const headers = { ...signed.headers, 'x-amz-meta-x': '1' };
    const answer = await send({ ...signed, headers });
    expect(answer.text).toContain('<HeadersNotSigned>x-amz-meta-x</HeadersNotSigned>');
    const ranged = await send({ ...signed, headers: { ...signed.headers, range: 'bytes=1-2' } });
    expect([ranged.status, ranged.text]).toEqual([206, 'el']);
  });

  test('PUT without a payload hash', async () => {
    const { send, ask, clock } = await bucketWithObject();
    const request = { method: 'PUT', path: '/b-one/new', body: Buffer.from('xyz') };
    const signed = presign(request, { key: owner, stamp: stampOf(clock.now()), expires: 60 });
    expect((await send(signed)).status).toBe(200);
    expect((await ask('GET', '/b-one/new')).text).toBe('xyz');
  });
});

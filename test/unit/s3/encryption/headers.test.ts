import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import {
  all,
  type Answer,
  createHarness,
  type Harness,
  one,
  owner,
  requestOf,
  stampOf,
} from '../harness.ts';
import { sign } from '../signer.ts';

type Headers = Readonly<Record<string, string>>;

const SSE = 'x-amz-server-side-encryption';
const SOURCE = 'x-amz-copy-source-server-side-encryption';

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64');
}

function customer(letter: string, prefix = SSE): Headers {
  const key = Buffer.alloc(32, letter);
  return {
    [`${prefix}-customer-algorithm`]: 'AES256',
    [`${prefix}-customer-key`]: key.toString('base64'),
    [`${prefix}-customer-key-md5`]: md5(key),
  };
}

const ring: Headers = { [SSE]: 'AES256' };
const service: Headers = { [SSE]: 'aws:kms', [`${SSE}-aws-kms-key-id`]: 'key-1' };
const k = customer('k');
const encryption = { encryption: '' };

let harness: Harness;

beforeEach(async () => {
  harness = createHarness();
  await harness.ask('PUT', '/bucket');
});

function shown(answer: Answer): Headers {
  const named = [...answer.headers].filter(([name]) => name.startsWith(SSE));
  return Object.fromEntries(named.map(([name, value]) => [name.slice(SSE.length), value]));
}

function configuration(rule: string): string {
  return `<ServerSideEncryptionConfiguration><Rule>${rule}</Rule></ServerSideEncryptionConfiguration>`;
}

function byDefault(method: string, key = '', more = ''): string {
  const id = key === '' ? '' : `<KMSMasterKeyID>${key}</KMSMasterKeyID>`;
  const markup = `<SSEAlgorithm>${method}</SSEAlgorithm>${id}`;
  return `<ApplyServerSideEncryptionByDefault>${markup}</ApplyServerSideEncryptionByDefault>${more}`;
}

async function configure(rule: string): Promise<Answer> {
  return harness.ask('PUT', '/bucket', { query: encryption, body: configuration(rule) });
}

describe('objects', () => {
  test.each([
    ['the key ring', ring, {}, { '': 'AES256' }],
    ['the key service', service, {}, { '': 'aws:kms', '-aws-kms-key-id': 'key-1' }],
    [
      'a bucket key',
      { ...service, [`${SSE}-bucket-key-enabled`]: 'true' },
      {},
      { '': 'aws:kms', '-aws-kms-key-id': 'key-1', '-bucket-key-enabled': 'true' },
    ],
    [
      "a customer's key",
      k,
      k,
      { '-customer-algorithm': 'AES256', '-customer-key-md5': k[`${SSE}-customer-key-md5`] },
    ],
  ])('under %s say so when written, read, and looked at', async (_, put, get, wanted) => {
    const { ask } = harness;
    const written = await ask('PUT', '/bucket/k', { body: 'abc', headers: put });
    expect([written.status, shown(written)]).toMatchObject([200, wanted]);
    const read = await ask('GET', '/bucket/k', { headers: get });
    expect([read.text, shown(read)]).toEqual(['abc', wanted]);
    const looked = await ask('HEAD', '/bucket/k', { headers: get });
    expect([looked.status, shown(looked)]).toEqual([200, wanted]);
    const range = await ask('GET', '/bucket/k', { headers: { ...get, range: 'bytes=1-1' } });
    expect([range.status, range.text]).toEqual([206, 'b']);
    expect(written.headers.get('etag')).toBe(read.headers.get('etag'));
  });

  test('the context is shown to who writes', async () => {
    const context = Buffer.from('{"team":"blue"}').toString('base64');
    const headers = { ...service, [`${SSE}-context`]: context };
    const { headers: reply } = await harness.ask('PUT', '/bucket/k', { headers });
    const text = Buffer.from(reply.get(`${SSE}-context`) ?? '', 'base64').toString();
    expect(JSON.parse(text)).toEqual({ team: 'blue', 'aws:s3:arn': 'arn:aws:s3:::bucket/k' });
    const again = { ...service, [`${SSE}-context`]: reply.get(`${SSE}-context`) ?? '' };
    expect((await harness.ask('PUT', '/bucket/k', { headers: again })).status).toBe(200);
    for (const bad of ['%', 'e30', '{}', 'W10=', 'eyJhIjoxfQ==', 'bnVsbA==']) {
      const answer = await harness.ask('PUT', '/bucket/k', {
        headers: { ...service, [`${SSE}-context`]: bad },
      });
      // {} without padding is base64 all the same.
      expect([bad, answer.code]).toEqual([bad, bad === 'e30' ? undefined : 'InvalidArgument']);
    }
    const foreign = Buffer.from('{"aws:s3:arn":"arn:aws:s3:::other"}').toString('base64');
    const other = { ...service, [`${SSE}-context`]: foreign };
    expect((await harness.ask('PUT', '/bucket/k', { headers: other })).code).toBe(
      'InvalidArgument',
    );
  });

  test.each<[string, Headers, string]>([
    ['an unknown method', { [SSE]: 'aes:kms' }, 'InvalidArgument'],
    ['two layers', { [SSE]: 'aws:kms:dsse' }, 'NotImplemented'],
    ['a key without a method', { [`${SSE}-aws-kms-key-id`]: 'key-1' }, 'InvalidArgument'],
    ['a key with another method', { ...service, [SSE]: 'AES256' }, 'InvalidArgument'],
    ['a method and a customer', { ...service, ...k }, 'InvalidArgument'],
    ['no key id', { [SSE]: 'aws:kms' }, 'KMS.NotFoundException'],
    ['an unknown key', { ...service, [`${SSE}-aws-kms-key-id`]: 'x' }, 'KMS.NotFoundException'],
    ['a bad bucket key', { ...service, [`${SSE}-bucket-key-enabled`]: 'x' }, 'InvalidArgument'],
    ['an unknown header', { [`${SSE}-sauce`]: 'x' }, 'NotImplemented'],
    [
      'no algorithm',
      { ...k, [`${SSE}-customer-algorithm`]: '' },
      'InvalidEncryptionAlgorithmError',
    ],
    [
      'a wrong digest',
      { ...k, [`${SSE}-customer-key-md5`]: md5(Buffer.from('x')) },
      'InvalidArgument',
    ],
    ['a short key', { ...k, [`${SSE}-customer-key`]: 'AAAA' }, 'InvalidArgument'],
    ['what is no base64', { ...k, [`${SSE}-customer-key`]: 'a'.repeat(43) }, 'InvalidArgument'],
  ])('%s is refused, nothing is stored, and no key is shown', async (_, headers, code) => {
    const answer = await harness.ask('PUT', '/bucket/k', { body: 'abc', headers });
    expect(answer.code).toBe(code);
    expect(answer.text).not.toContain(headers[`${SSE}-customer-key`] ?? 'no such text');
    expect((await harness.ask('HEAD', '/bucket/k')).status).toBe(404);
  });

  test.each(['algorithm', 'key', 'key-md5'])('a customer key without its %s', async (missing) => {
    const headers = Object.fromEntries(
      Object.entries(k).filter(([name]) => name !== `${SSE}-customer-${missing}`),
    );
    const answer = await harness.ask('PUT', '/bucket/k', { headers });
    expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument']);
  });

  test("a customer's object answers to its key only, in every operation that tells of its bytes", async () => {
    const { ask } = harness;
    await ask('PUT', '/bucket/k', { body: 'abc', headers: k });
    await ask('PUT', '/bucket/plain', { body: 'abc' });
    const attributes = { 'x-amz-object-attributes': 'ETag,ObjectSize' };
    const reads = [
      (headers: Headers) => ask('GET', '/bucket/k', { headers }),
      (headers: Headers) =>
        ask('GET', '/bucket/k', {
          query: { attributes: '' },
          headers: { ...headers, ...attributes },
        }),
    ];
    for (const read of reads) {
      expect(await read({})).toMatchObject({ status: 400, code: 'InvalidRequest' });
      expect(await read(customer('o'))).toMatchObject({ status: 400, code: 'InvalidRequest' });
      expect((await read(k)).status).toBe(200);
    }
    for (const [headers, status] of [
      [{}, 400],
      [customer('o'), 400],
      [k, 200],
    ] as const) {
      expect((await ask('HEAD', '/bucket/k', { headers })).status).toBe(status);
    }
    const useless = await ask('GET', '/bucket/plain', { headers: k });
    expect(useless).toMatchObject({ status: 400, code: 'InvalidRequest' });
    // What tells nothing of them needs no key.
    expect((await ask('GET', '/bucket/k', { query: { tagging: '' } })).status).toBe(200);
    expect((await ask('GET', '/bucket/k', { query: { acl: '' } })).status).toBe(200);
    expect((await ask('DELETE', '/bucket/k')).status).toBe(204);
  });

  test.each([ring, service])('a method cannot be asked for when reading: %j', async (headers) => {
    await harness.ask('PUT', '/bucket/k', { body: 'abc', headers });
    const answer = await harness.ask('GET', '/bucket/k', { headers });
    expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument']);
    expect((await harness.ask('HEAD', '/bucket/k', { headers })).status).toBe(400);
  });

  test('the key service away is 503, a disabled key 400, and one of others 403', async () => {
    const { ask, keys } = harness;
    await ask('PUT', '/bucket/k', { body: 'abc', headers: service });
    keys.isAway = true;
    expect((await ask('PUT', '/bucket/new', { body: 'abc', headers: service })).status).toBe(503);
    expect((await ask('GET', '/bucket/k')).status).toBe(503);
    keys.isAway = false;
    expect((await ask('GET', '/bucket/new')).status).toBe(404);
    keys.disabled.add('key-1');
    const disabled = await ask('GET', '/bucket/k');
    expect([disabled.status, disabled.code]).toEqual([400, 'KMS.DisabledException']);
  });
});

describe('customers keys in the clear', () => {
  async function put(how: {
    readonly setting?: 'loopback' | 'always' | 'never';
    readonly from?: string;
    readonly secure?: boolean;
    readonly via?: string;
  }): Promise<number> {
    const { setting = 'loopback', from = '127.0.0.1', secure = false, via } = how;
    const made = createHarness({ customerKeysOverHttp: setting });
    await made.ask('PUT', '/bucket');
    const headers = { ...k, ...(via === undefined ? {} : { 'x-forwarded-for': via }) };
    const stamp = stampOf(made.clock.now());
    const request = { method: 'PUT', path: '/bucket/k', headers, body: Buffer.from('abc') };
    const signed = sign(request, { key: owner, stamp, region: 'us-east-1' });
    const sent = { ...requestOf(signed, false), secure, remoteAddress: from };
    return (await made.door.handle(sent)).status;
  }

  test('stay on this machine, unless an operator says otherwise', async () => {
    for (const from of ['127.0.0.1', '127.3.4.5', '::1', '::ffff:127.0.0.1']) {
      expect([from, await put({ from })]).toEqual([from, 200]);
      expect(await put({ from, setting: 'never' })).toBe(400);
    }
    for (const from of ['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', '']) {
      expect([from, await put({ from })]).toEqual([from, 400]);
      expect(await put({ from, setting: 'always' })).toBe(200);
      expect(await put({ from, setting: 'never', secure: true })).toBe(200);
    }
    // A proxy on this machine may have it from anywhere.
    expect(await put({ via: '10.0.0.1' })).toBe(400);
  });
});

describe('copies', () => {
  const kinds: Readonly<Record<string, readonly [Headers, Headers]>> = {
    plain: [{}, {}],
    ring: [ring, {}],
    service: [service, {}],
    customer: [k, k],
  };

  test.each(Object.keys(kinds))('from %s to every kind', async (from) => {
    const { ask } = harness;
    const [put] = kinds[from] ?? [{}];
    await ask('PUT', '/bucket/from', { body: 'abc', headers: put });
    const source = {
      'x-amz-copy-source': '/bucket/from',
      ...(from === 'customer' ? customer('k', SOURCE) : {}),
    };
    for (const [to, [write, read]] of Object.entries(kinds)) {
      const copied = await ask('PUT', `/bucket/${to}`, { headers: { ...source, ...write } });
      expect([to, copied.status]).toEqual([to, 200]);
      const answer = await ask('GET', `/bucket/${to}`, { headers: read });
      expect([answer.text, shown(answer)['']]).toEqual(['abc', write[SSE]]);
      expect(shown(copied)['']).toBe(write[SSE]);
    }
  });

  test("need the source's key where it has one, and only there", async () => {
    const { ask } = harness;
    await ask('PUT', '/bucket/from', { body: 'abc', headers: k });
    await ask('PUT', '/bucket/plain', { body: 'abc' });
    const copy = (from: string, headers: Headers): Promise<Answer> =>
      ask('PUT', '/bucket/to', { headers: { 'x-amz-copy-source': `/bucket/${from}`, ...headers } });
    expect((await copy('from', {})).code).toBe('InvalidRequest');
    expect((await copy('from', customer('o', SOURCE))).code).toBe('InvalidRequest');
    // The target's key is not the source's.
    expect((await copy('from', k)).code).toBe('InvalidRequest');
    expect((await copy('plain', customer('k', SOURCE))).code).toBe('InvalidRequest');
    expect((await copy('from', customer('k', SOURCE))).status).toBe(200);
  });

  test('an object may be copied onto itself to be encrypted otherwise', async () => {
    const { ask } = harness;
    await ask('PUT', '/bucket/k', { body: 'abc' });
    const source = { 'x-amz-copy-source': '/bucket/k' };
    expect((await ask('PUT', '/bucket/k', { headers: source })).code).toBe('InvalidRequest');
    expect((await ask('PUT', '/bucket/k', { headers: { ...source, ...ring } })).status).toBe(200);
    expect(shown(await ask('GET', '/bucket/k'))).toEqual({ '': 'AES256' });
  });
});

describe('uploads in parts', () => {
  test.each<[string, Headers]>([
    ['the key ring', ring],
    ['the key service', service],
    ["a customer's key", k],
  ])('under %s say so in each reply', async (_, headers) => {
    const { ask } = harness;
    const own = headers === k ? k : {};
    const path = '/bucket/k';
    const created = await ask('POST', path, { query: { uploads: '' }, headers });
    const uploadId = one(created.text, 'UploadId') ?? '';
    await ask('PUT', '/bucket/from', { body: 'x'.repeat(1000) });
    const copied = await ask('PUT', path, {
      query: { uploadId, partNumber: '1' },
      headers: { ...own, 'x-amz-copy-source': '/bucket/from' },
    });
    const put = await ask('PUT', path, {
      query: { uploadId, partNumber: '2' },
      body: 'end',
      headers: own,
    });
    const etags = [one(copied.text, 'ETag')?.replaceAll('&quot;', ''), put.headers.get('etag')];
    const parts = etags.map(
      (etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`;
    const done = await ask('POST', path, { query: { uploadId }, body, headers: own });
    const read = await ask('GET', path, { headers: own });
    expect(read.text).toBe(`${'x'.repeat(1000)}end`);
    for (const answer of [created, copied, put, done])
      expect(shown(answer)).toMatchObject(shown(read));
    expect((await ask('GET', path, { query: { partNumber: '2' }, headers: own })).text).toBe('end');
    const listed = await ask('GET', '/bucket', { query: { 'list-type': '2' } });
    expect(all(listed.text, 'Size')).toEqual(['1000', '1003']);
  });

  test("with a customer's key each part, and Complete of a checksummed one, must bring it", async () => {
    const { ask } = harness;
    const path = '/bucket/k';
    const headers = { ...k, 'x-amz-checksum-algorithm': 'CRC32' };
    const created = await ask('POST', path, { query: { uploads: '' }, headers });
    const uploadId = one(created.text, 'UploadId') ?? '';
    const put = (more: Headers): Promise<Answer> =>
      ask('PUT', path, { query: { uploadId, partNumber: '1' }, body: 'abc', headers: more });
    expect((await put({})).text).toContain('The multipart upload initiate requested encryption');
    expect((await put(customer('o'))).code).toBe('InvalidRequest');
    const etag = (await put(k)).headers.get('etag');
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
    const complete = (more: Headers): Promise<Answer> =>
      ask('POST', path, { query: { uploadId }, body, headers: more });
    expect((await complete({})).code).toBe('InvalidRequest');
    expect((await complete(customer('o'))).code).toBe('InvalidRequest');
    expect((await complete(k)).status).toBe(200);
  });
});

describe('buckets', () => {
  test('say how new objects are encrypted, until they do not', async () => {
    const { ask } = harness;
    const get = (): Promise<Answer> => ask('GET', '/bucket', { query: encryption });
    expect((await get()).code).toBe('ServerSideEncryptionConfigurationNotFoundError');
    expect((await configure(byDefault('AES256'))).status).toBe(200);
    expect((await get()).text).toContain(
      `<Rule>${byDefault('AES256')}<BucketKeyEnabled>false</BucketKeyEnabled></Rule>`,
    );
    await ask('PUT', '/bucket/a', { body: 'a' });
    const enabled = '<BucketKeyEnabled>true</BucketKeyEnabled>';
    await configure(byDefault('aws:kms', 'key-2', enabled));
    expect((await get()).text).toContain(`<Rule>${byDefault('aws:kms', 'key-2', enabled)}</Rule>`);
    await ask('PUT', '/bucket/b', { body: 'b' });
    const waived = { [`${SSE}-bucket-key-enabled`]: 'false' };
    await ask('PUT', '/bucket/c', { body: 'c', headers: waived });
    await ask('PUT', '/bucket/d', { body: 'd', headers: ring });
    expect((await ask('DELETE', '/bucket', { query: encryption })).status).toBe(204);
    expect((await ask('DELETE', '/bucket', { query: encryption })).status).toBe(204);
    expect((await get()).status).toBe(404);
    await ask('PUT', '/bucket/e', { body: 'e' });
    const seen = await Promise.all(
      ['a', 'b', 'c', 'd', 'e'].map((key) => ask('GET', `/bucket/${key}`)),
    );
    const kms = { '': 'aws:kms', '-aws-kms-key-id': 'key-2' };
    expect(seen.map(shown)).toEqual([
      { '': 'AES256' },
      { ...kms, '-bucket-key-enabled': 'true' },
      kms,
      { '': 'AES256' },
      {},
    ]);
    expect(seen.map(({ text }) => text).join('')).toBe('abcde');
  });

  test('of a store that encrypts everything say so', async () => {
    harness.keys.encryptAll = true;
    const { ask } = harness;
    await ask('PUT', '/bucket/k', { body: 'abc' });
    expect(shown(await ask('GET', '/bucket/k'))).toEqual({ '': 'AES256' });
    const { text } = await ask('GET', '/bucket', { query: encryption });
    expect(one(text, 'SSEAlgorithm')).toBe('AES256');
  });

  test("can refuse customers' keys", async () => {
    const { ask } = harness;
    await ask('PUT', '/bucket/old', { body: 'abc', headers: k });
    const blocked = (type: string): string =>
      `<BlockedEncryptionTypes><EncryptionType>${type}</EncryptionType></BlockedEncryptionTypes>`;
    await configure(blocked('SSE-C'));
    const { text } = await ask('GET', '/bucket', { query: encryption });
    expect(text).toContain(`<Rule>${blocked('SSE-C')}</Rule>`);
    const refused = await ask('PUT', '/bucket/new', { body: 'abc', headers: k });
    expect([refused.status, refused.code]).toEqual([403, 'AccessDenied']);
    expect((await ask('GET', '/bucket/old', { headers: k })).text).toBe('abc');
    await configure(byDefault('AES256') + blocked('NONE'));
    expect((await ask('PUT', '/bucket/new', { body: 'abc', headers: k })).status).toBe(200);
  });

  test.each([
    ['', 'MalformedXML'],
    ['<Rule></Rule><Rule></Rule>', 'MalformedXML'],
    [`<Rule>${byDefault('rot13')}</Rule>`, 'MalformedXML'],
    [`<Rule>${byDefault('AES256', 'key-1')}</Rule>`, 'InvalidArgument'],
    [`<Rule>${byDefault('aws:kms:dsse')}</Rule>`, 'NotImplemented'],
    [
      `<Rule>${byDefault('AES256', '', '<BucketKeyEnabled>maybe</BucketKeyEnabled>')}</Rule>`,
      'MalformedXML',
    ],
    ['<Rule><BlockedEncryptionTypes></BlockedEncryptionTypes></Rule>', 'MalformedXML'],
    ['<Rule><Sauce/></Rule>', 'MalformedXML'],
  ])('refuse the configuration %s', async (rules, code) => {
    const body = `<ServerSideEncryptionConfiguration>${rules}</ServerSideEncryptionConfiguration>`;
    expect((await harness.ask('PUT', '/bucket', { query: encryption, body })).code).toBe(code);
    expect((await harness.ask('GET', '/bucket', { query: encryption })).status).toBe(404);
  });
});

describe('UpdateObjectEncryption', () => {
  const arn = 'arn:aws:kms:us-east-1:000000000000:key/key-2';
  const wish = (key: string, more = ''): string =>
    `<ObjectEncryption><SSE-KMS><KMSKeyArn>${key}</KMSKeyArn>${more}</SSE-KMS></ObjectEncryption>`;

  test('wraps the key anew, and nothing else changes', async () => {
    const { ask } = harness;
    const body = 'abc'.repeat(10_000);
    for (const headers of [ring, service]) {
      const { headers: before } = await ask('PUT', '/bucket/k', { body, headers });
      const date = (await ask('HEAD', '/bucket/k')).headers.get('last-modified');
      const bucketKey = '<BucketKeyEnabled>true</BucketKeyEnabled>';
      const document = wish(arn, bucketKey);
      const changed = await ask('PUT', '/bucket/k', { query: encryption, body: document });
      expect(changed.status).toBe(200);
      const read = await ask('GET', '/bucket/k');
      expect(read.text).toBe(body);
      expect(shown(read)).toMatchObject({ '': 'aws:kms', '-bucket-key-enabled': 'true' });
      expect(read.headers.get('etag')).toBe(before.get('etag'));
      expect(read.headers.get('last-modified')).toBe(date);
    }
  });

  test.each([
    ['plain', wish(arn), 'unencrypted source objects'],
    ['customer', wish(arn), 'DSSE-KMS or SSE-C'],
    ['ring', wish('key-2'), 'a valid Amazon Web Services KMS key'],
    ['ring', wish(''), 'an Amazon Web Services KMS key'],
    ['ring', '<ObjectEncryption/>', 'a valid new encryption type'],
    ['ring', wish(arn.replace('key-2', 'x')), 'The key does not exist'],
  ])('refuses %s with %s', async (kind, body, sentence) => {
    const { ask } = harness;
    await ask('PUT', '/bucket/plain', { body: 'abc' });
    await ask('PUT', '/bucket/customer', { body: 'abc', headers: k });
    await ask('PUT', '/bucket/ring', { body: 'abc', headers: ring });
    const answer = await ask('PUT', `/bucket/${kind}`, { query: encryption, body });
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining(sentence)]);
    expect(shown(await ask('GET', '/bucket/ring'))).toEqual({ '': 'AES256' });
    const missing = await ask('PUT', '/bucket/nothing', { query: encryption, body: wish(arn) });
    expect(missing.code).toBe('NoSuchKey');
  });

  test('leaves what is locked as it is', async () => {
    const { ask } = harness;
    await ask('PUT', '/locked', { headers: { 'x-amz-bucket-object-lock-enabled': 'true' } });
    const held = { ...ring, 'x-amz-object-lock-legal-hold': 'ON' };
    const digest = { 'content-md5': md5(Buffer.from('abc')) };
    const put = await ask('PUT', '/locked/k', { body: 'abc', headers: { ...held, ...digest } });
    expect(put.status).toBe(200);
    const refused = await ask('PUT', '/locked/k', { query: encryption, body: wish(arn) });
    expect([refused.status, refused.code]).toEqual([403, 'AccessDenied']);
    expect(shown(await ask('GET', '/locked/k'))).toEqual({ '': 'AES256' });
  });
});

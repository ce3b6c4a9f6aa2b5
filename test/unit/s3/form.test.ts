import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openForm, parseBoundary } from '../../../server/s3/form/multipart-form.ts';
import { type Answer, type Harness, createHarness, one, owner, stampOf } from './harness.ts';

const boundary = 'xxBOUNDARYxx';
type Fields = Readonly<Record<string, string>>;

function encodeForm(fields: Fields, file: string | undefined, filename = 'name.txt'): string {
  let body = '';
  for (const [name, value] of Object.entries(fields)) {
    body += `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  }
  if (file !== undefined) {
    body += `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${filename}"\r\n`;
    body += `Content-Type: text/html\r\n\r\n${file}\r\n`;
  }
  return `${body}--${boundary}--\r\n`;
}

function policyOf(conditions: readonly unknown[], millis: number): string {
  const expiration = new Date(millis).toISOString();
  return Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
}

const hmac = (key: string | Buffer, text: string): Buffer =>
  createHmac('sha256', key).update(text).digest();

function signVersion4(policy: string, stamp: string, secret = owner.secretAccessKey): Fields {
  const scope = [stamp.slice(0, 8), 'us-east-1', 's3', 'aws4_request'];
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`);
  return {
    policy,
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `${owner.accessKeyId}/${scope.join('/')}`,
    'x-amz-date': stamp,
    'x-amz-signature': hmac(key as Buffer, policy).toString('hex'),
  };
}

function signVersion2(policy: string): Fields {
  const signature = createHmac('sha1', owner.secretAccessKey).update(policy).digest('base64');
  return { AWSAccessKeyId: owner.accessKeyId, policy, signature };
}

async function withBucket(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  return harness;
}

const usual = [{ bucket: 'bucket' }, ['starts-with', '$key', 'up/']];

/** A form whose policy has `conditions`, signed by Version 2. */
function post(
  { ask, clock }: Harness,
  fields: Fields,
  options: {
    readonly conditions?: readonly unknown[];
    readonly file?: string | undefined;
    readonly signed?: Fields;
    readonly type?: string;
  } = {},
): Promise<Answer> {
  const policy = policyOf(options.conditions ?? usual, clock.now() + 60_000);
  const signed = options.signed ?? signVersion2(policy);
  const file = 'file' in options ? options.file : 'bytes';
  const type = options.type ?? `multipart/form-data; boundary=${boundary}`;
  return ask('POST', '/bucket', {
    anonymous: true,
    body: encodeForm({ ...fields, ...signed }, file),
    headers: { 'content-type': type },
  });
}

describe('an upload by form', () => {
  test('writes the object with what its fields say', async () => {
    const harness = await withBucket();
    const file = `${'x'.repeat(20_000)}\r\n--xxBOUNDARYx\r\n`;
    const answer = await post(
      harness,
      { key: 'up/${filename}', 'Content-Type': 'text/plain', 'x-amz-meta-a': 'Ä' },
      {
        conditions: [...usual, ['eq', '$content-type', 'text/plain'], { 'X-Amz-Meta-A': 'Ä' }],
        file,
      },
    );
    expect(answer.status).toBe(204);
    const got = await harness.ask('GET', '/bucket/up/name.txt');
    expect(got.text).toBe(file);
    expect(got.headers.get('content-type')).toBe('text/plain');
    expect(got.headers.get('x-amz-meta-a')).toBe(Buffer.from('Ä').toString('latin1'));
    expect(answer.headers.get('etag')).toBe(got.headers.get('etag'));
    expect(answer.headers.get('location')).toBe('http://localhost:8080/bucket/up/name.txt');
  });

  test('is signed by Version 4', async () => {
    const harness = await withBucket();
    const stamp = stampOf(harness.clock.now());
    const conditions = [
      ...usual,
      ...['x-amz-algorithm', 'x-amz-credential', 'x-amz-date'].map((name) => [
        'starts-with',
        `$${name}`,
        '',
      ]),
    ];
    const policy = policyOf(conditions, harness.clock.now() + 60_000);
    const good = await post(harness, { key: 'up/a' }, { signed: signVersion4(policy, stamp) });
    expect(good.status).toBe(204);
    const wrong = signVersion4(policy, stamp, 'wrong');
    expect((await post(harness, { key: 'up/b' }, { signed: wrong })).code).toBe(
      'SignatureDoesNotMatch',
    );
    expect((await harness.ask('HEAD', '/bucket/up/b')).status).toBe(404);
  });

  test('answers as it was asked to', async () => {
    const harness = await withBucket();
    const say = (name: string, value: string): Promise<Answer> =>
      post(
        harness,
        { key: 'up/ä b', [name]: value },
        { conditions: [...usual, ['starts-with', `$${name}`, '']] },
      );
    expect((await say('success_action_status', '200')).status).toBe(200);
    expect((await say('success_action_status', '404')).status).toBe(204);
    const created = await say('success_action_status', '201');
    expect(created.status).toBe(201);
    expect(one(created.text, 'Key')).toBe('up/ä b');
    const redirected = await say('success_action_redirect', 'http://example.com/done?x=1');
    expect(redirected.status).toBe(303);
    expect(redirected.headers.get('location')).toMatch(
      /^http:\/\/example.com\/done\?x=1&bucket=bucket&key=up%2F%C3%A4%20b&etag=%22[0-9a-f]{32}%22$/,
    );
    for (const bad of ['javascript:alert(1)', 'http://a/\r\nX-Evil: 1']) {
      const ignored = await say('success_action_redirect', bad);
      expect(ignored.status).toBe(204);
    }
  });

  test.each<[string, Fields, Parameters<typeof post>[2], number, string]>([
    ['without a key', {}, {}, 400, 'InvalidArgument'],
    ['without a file', { key: 'up/a' }, { file: undefined }, 400, 'InvalidArgument'],
    ['with a key that is not allowed', { key: 'a' }, {}, 403, 'AccessDenied'],
    ['with a field that is not allowed', { key: 'up/a', x: '1' }, {}, 403, 'AccessDenied'],
    [
      'of another bucket',
      { key: 'up/a', bucket: 'other' },
      { conditions: [{ bucket: 'other' }, usual[1]] },
      403,
      'AccessDenied',
    ],
    [
      'without a condition for the bucket',
      { key: 'up/a' },
      { conditions: [usual[1]] },
      403,
      'AccessDenied',
    ],
    ['with the key twice', { key: 'up/a', KEY: 'up/b' }, {}, 400, 'InvalidArgument'],
    [
      'too short',
      { key: 'up/a' },
      { conditions: [...usual, ['content-length-range', 6, 9]] },
      400,
      'EntityTooSmall',
    ],
    [
      'too long',
      { key: 'up/a' },
      { conditions: [...usual, ['content-length-range', 0, 4]] },
      400,
      'EntityTooLarge',
    ],
    [
      'with odd sizes',
      { key: 'up/a' },
      { conditions: [...usual, ['content-length-range', -1, 4]] },
      400,
      'InvalidPolicyDocument',
    ],
    [
      'with an empty condition',
      { key: 'up/a' },
      { conditions: [...usual, {}] },
      400,
      'InvalidPolicyDocument',
    ],
    [
      'with an unknown condition',
      { key: 'up/a' },
      { conditions: [['ne', '$key', 'x']] },
      400,
      'InvalidPolicyDocument',
    ],
    [
      'without a signature',
      { key: 'up/a', AWSAccessKeyId: 'x' },
      { signed: {} },
      400,
      'InvalidArgument',
    ],
    ['of nobody', { key: 'up/a' }, { signed: {} }, 403, 'AccessDenied'],
    ['of another type', { key: 'up/a' }, { type: 'text/plain' }, 412, 'PreconditionFailed'],
    [
      'with too much before the file',
      { key: `up/a`, x: 'y'.repeat(21_000) },
      {},
      400,
      'MaxPostPreDataLengthExceededError',
    ],
    [
      'with another MD5',
      { key: 'up/a', 'content-md5': Buffer.alloc(16).toString('base64') },
      { conditions: [...usual, ['starts-with', '$content-md5', '']] },
      400,
      'BadDigest',
    ],
    [
      'with another checksum',
      { key: 'up/a', 'x-amz-checksum-crc32': 'AAAAAA==' },
      {},
      400,
      'BadDigest',
    ],
  ])('%s is refused', async (_what, fields, options, status, code) => {
    const harness = await withBucket();
    const answer = await post(harness, fields, options);
    expect([answer.status, answer.code]).toEqual([status, code]);
    const list = await harness.ask('GET', '/bucket');
    expect(list.text).not.toContain('<Key>');
  });

  test('of a policy that is over is refused, and one that says the wrong time', async () => {
    const harness = await withBucket();
    const late = signVersion2(policyOf(usual, harness.clock.now() - 1));
    const expired = await post(harness, { key: 'up/a' }, { signed: late });
    expect([expired.status, expired.code]).toEqual([403, 'AccessDenied']);
    const odd = Buffer.from('{"expiration":"tomorrow","conditions":[]}').toString('base64');
    const answer = await post(harness, { key: 'up/a' }, { signed: signVersion2(odd) });
    expect(answer.code).toBe('InvalidPolicyDocument');
  });
});

describe('the parser of forms', () => {
  test('gives the same whatever the pieces are', async () => {
    const whole = Buffer.from(
      encodeForm({ a: '1', B: 'zwei\r\n-' }, '\r\n--xxBOUND\r\r\n--', 'C:\\d\\e.f'),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        async (cuts) => {
          async function* pieces(): AsyncGenerator<Uint8Array> {
            for (let at = 0, n = 0; at < whole.length; n++) {
              const size = cuts[n % cuts.length] ?? 1;
              yield await Promise.resolve(Uint8Array.from(whole.subarray(at, at + size)));
              at += size;
            }
          }
          const form = await openForm(pieces(), boundary);
          const read: Uint8Array[] = [];
          for await (const piece of form.file) read.push(piece);
          expect(Buffer.concat(read).toString()).toBe('\r\n--xxBOUND\r\r\n--');
          expect(Object.fromEntries(form.fields)).toEqual({ a: '1', b: 'zwei\r\n-' });
          expect(form.filename).toBe('e.f');
        },
      ),
      { numRuns: 50 },
    );
  });

  test('a form that is cut off anywhere is no upload', async () => {
    const whole = Buffer.from(encodeForm({ key: 'a' }, 'bytes'));
    const end = whole.lastIndexOf(`\r\n--${boundary}`) + boundary.length + 4;
    for (let length = 0; length < end; length++) {
      const cut = Uint8Array.from(whole.subarray(0, length));
      const read = async (): Promise<void> => {
        const form = await openForm(
          (async function* () {
            yield await Promise.resolve(cut);
          })(),
          boundary,
        );
        for await (const _piece of form.file);
      };
      await expect(read()).rejects.toThrow(/./);
    }
  });

  test('boundaries', () => {
    expect(parseBoundary('multipart/form-data; boundary=a')).toBe('a');
    expect(parseBoundary('Multipart/Form-Data; charset=utf-8; boundary="a b"')).toBe('a b');
    expect(() => parseBoundary('multipart/form-data')).toThrow(/enclosure-type/);
    expect(() => parseBoundary(undefined)).toThrow(/enclosure-type/);
  });
});

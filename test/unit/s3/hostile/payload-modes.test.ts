/** Every way to send a body, by header and by query, whole, with a wrong secret, changed, and cut at every byte. */
import { crc32 } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import {
  type Answer,
  createHarness,
  type Harness,
  other,
  owner,
  requestOf,
  stampOf,
} from '../harness.ts';
import {
  type PayloadMode,
  presign,
  sha256,
  sign,
  type SignOptions,
  type Signed,
} from '../signer.ts';

const modes: readonly PayloadMode[] = [
  'signed',
  'unsigned',
  'streaming',
  'streaming-trailer',
  'streaming-unsigned-trailer',
];

const body = Buffer.from('some bytes that matter');
const crc = (() => {
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(body));
  return value.toString('base64');
})();
const trailers = { 'x-amz-checksum-crc32': crc };

async function withBucket(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  return harness;
}

type Place = 'header' | 'query';

function signedPut(
  { clock }: Harness,
  place: Place,
  options: Partial<SignOptions> & { readonly mode: PayloadMode },
): Signed {
  const request = { method: 'PUT', path: '/bucket/k', body };
  const withTrailers = options.mode.endsWith('trailer') ? { trailers } : {};
  const all = { key: owner, stamp: stampOf(clock.now()), ...withTrailers, ...options };
  return place === 'header' ? sign(request, all) : presign(request, { ...all, expires: 3600 });
}

async function expectNothing({ ask }: Harness): Promise<void> {
  expect((await ask('HEAD', '/bucket/k')).status).toBe(404);
}

const cases = (['header', 'query'] as const).flatMap((place) =>
  modes.map((mode) => [place, mode] as const),
);

describe.each(cases)('signed by %s, payload %s', (place, mode) => {
  test('is stored', async () => {
    const harness = await withBucket();
    expect((await harness.send(signedPut(harness, place, { mode }))).status).toBe(200);
    expect((await harness.ask('GET', '/bucket/k')).bytes).toEqual(body);
  });

  test('a wrong secret, for the request and for what is signed inside of it', async () => {
    const harness = await withBucket();
    const key = { ...owner, secretAccessKey: other.secretAccessKey };
    const wrong = await harness.send(signedPut(harness, place, { mode, key }));
    expect([wrong.status, wrong.code]).toEqual([403, 'SignatureDoesNotMatch']);
    await expectNothing(harness);
    if (mode !== 'streaming' && mode !== 'streaming-trailer') return;
    const chunkSecret = other.secretAccessKey;
    const inside = await harness.send(signedPut(harness, place, { mode, chunkSecret }));
    expect([inside.status, inside.code]).toEqual([403, 'SignatureDoesNotMatch']);
    await expectNothing(harness);
  });

  test('the mode cannot be changed by who carries the request', async () => {
    const harness = await withBucket();
    const ready = signedPut(harness, place, { mode });
    for (const word of ['UNSIGNED-PAYLOAD', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER', sha256('')]) {
      if (ready.headers['x-amz-content-sha256'] === word) continue;
      const headers = { ...ready.headers, 'x-amz-content-sha256': word };
      const answer = await harness.send({ ...ready, headers });
      expect(answer.status).toBe(403);
      await expectNothing(harness);
    }
  });

  test('cut at every byte, it stores nothing', async () => {
    const harness = await withBucket();
    const ready = signedPut(harness, place, { mode });
    const isFramed = mode.startsWith('streaming');
    for (let length = 0; length < ready.body.length; length++) {
      const cut = { ...ready, body: ready.body.subarray(0, length) };
      const answer = await sendCut(harness, cut, ready.body.length);
      // The line break that ends a framed body says nothing that was not known before.
      const isWhole = isFramed && length >= ready.body.length - 2;
      if (isWhole && answer.status === 200) {
        await harness.ask('DELETE', '/bucket/k');
        continue;
      }
      expect([length, answer.status]).toEqual([length, 400]);
      await expectNothing(harness);
    }
  });

  test('with any byte changed, it stores those bytes, or nothing', async () => {
    const harness = await withBucket();
    const ready = signedPut(harness, place, { mode });
    for (let at = 0; at < ready.body.length; at++) {
      const changed = Buffer.from(ready.body);
      changed[at] = (changed[at] ?? 0) ^ 1;
      const answer = await harness.send({ ...ready, body: changed });
      if (answer.status !== 200) {
        await expectNothing(harness);
        continue;
      }
      // Only who signed no payload cannot know; and a framed one has a checksum in its trailer.
      const isUnguarded = mode === 'unsigned';
      const got = (await harness.ask('GET', '/bucket/k')).bytes;
      expect([at, got.equals(body) || isUnguarded]).toEqual([at, true]);
      await harness.ask('DELETE', '/bucket/k');
    }
  });
});

/** A framed body says itself where it ends: its connection need not break. Of another only the length tells, and server/http holds it to that. */
async function sendCut(harness: Harness, cut: Signed, length: number): Promise<Answer> {
  if (cut.headers['content-encoding'] === 'aws-chunked') return harness.send(cut, true);
  const request = requestOf(cut, false);
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield* request.body();
    throw new StoreError('incomplete-body', 'http.body', 'the connection closed');
  };
  const reply = await harness.door.handle({ ...request, contentLength: length, body: broken });
  return {
    status: reply.status,
    headers: new Map(),
    bytes: Buffer.alloc(0),
    text: '',
    code: undefined,
  };
}

test('a signed trailer is held to its signature and to its value', async () => {
  const harness = await withBucket();
  const ready = signedPut(harness, 'header', { mode: 'streaming-trailer' });
  const text = ready.body.toString('latin1');
  const wrongs = [
    text.replace(crc, 'AAAAAA=='),
    text.replace(
      /x-amz-trailer-signature:[0-9a-f]{64}/,
      `x-amz-trailer-signature:${'0'.repeat(64)}`,
    ),
    text.replace(/x-amz-trailer-signature:[0-9a-f]{64}\r\n/, ''),
    text.replace('x-amz-checksum-crc32:', 'x-amz-checksum-crc32c:'),
  ];
  for (const wrong of wrongs) {
    expect(wrong).not.toBe(text);
    const answer = await harness.send({ ...ready, body: Buffer.from(wrong, 'latin1') });
    expect([400, 403]).toContain(answer.status);
    await expectNothing(harness);
  }
});

test('nobody sends signed chunks without a signature', async () => {
  const harness = await withBucket();
  for (const mode of ['streaming', 'streaming-trailer'] as const) {
    const { authorization: _none, ...headers } = signedPut(harness, 'header', { mode }).headers;
    const answer = await harness.send({ ...signedPut(harness, 'header', { mode }), headers });
    expect([400, 403]).toContain(answer.status);
    await expectNothing(harness);
  }
});

test('a request is not taken after its time, nor for another path, method or query', async () => {
  const harness = await withBucket();
  const ready = signedPut(harness, 'header', { mode: 'signed' });
  for (const changed of [
    { path: '/bucket/other' },
    { method: 'DELETE' },
    { query: 'acl' },
    { query: 'uploadId=x&partNumber=1' },
  ]) {
    expect((await harness.send({ ...ready, ...changed })).status).toBe(403);
  }
  harness.clock.advance(16 * 60_000);
  const late = await harness.send(ready);
  expect([late.status, late.code]).toEqual([403, 'RequestTimeTooSkewed']);
  await expectNothing(harness);
});

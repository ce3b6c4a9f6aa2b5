import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoreError } from '../../base/errors.ts';
import { parseXml } from '../../server/s3/xml/reader.ts';
import { escapeXml } from '../../server/s3/xml/writer.ts';
import { pathAnew, queryAnew, queryAsSent } from '../../server/s3/auth/canonical.ts';
import { addressOf } from '../../server/s3/address.ts';
import { Query } from '../../server/s3/query.ts';
import { routes } from '../../server/s3/routes.ts';
import { createHarness, owner, stampOf } from '../unit/s3/harness.ts';
import { encodePath, presign } from '../unit/s3/signer.ts';

const text = fc.string({ unit: 'binary', maxLength: 60 });

describe('XML', () => {
  test('what is escaped reads back', () => {
    fc.assert(
      fc.property(text, (value) => {
        // A lone surrogate is no text, and no client can send one.
        fc.pre(value.isWellFormed());
        const document = Buffer.from(`<Root>${escapeXml(value)}</Root>`);
        expect(parseXml(document, 'Root').text).toBe(value);
      }),
      { seed: 1 },
    );
  });

  const pieces = fc.constantFrom(
    '<Delete>',
    '</Delete>',
    '<Object>',
    '</Object>',
    '<Key>',
    '</Key>',
    '<a/>',
    '<!DOCTYPE x [<!ENTITY y "z">]>',
    '<!--',
    '-->',
    '<![CDATA[',
    ']]>',
    '<?xml version="1.0"?>',
    '<?php',
    '&amp;',
    '&y;',
    '&#x1;',
    '&#99999999;',
    '&',
    '<',
    '>',
    '__proto__',
    '<__proto__>',
    '<constructor/>',
    'x="1"',
    ' ',
    '\u0000',
    'é',
  );
  test('nothing but StoreError is thrown', () => {
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 25 }), (parts) => {
        try {
          parseXml(Buffer.from(`<Delete>${parts.join('')}</Delete>`), 'Delete');
        } catch (error) {
          expect(isStoreError(error)).toBe(true);
        }
      }),
      { numRuns: 500, seed: 101 },
    );
  });

  test.each([
    '<!DOCTYPE Root><Root/>',
    '<!DOCTYPE r [<!ENTITY a "b">]><Root>&a;</Root>',
    '<Root>&unknown;</Root>',
    '<Root>&amp</Root>',
    '<Root><?php x ?></Root>',
    '<Root>',
    '<Root></Roo>',
    '<Root/><Root/>',
    '<Other/>',
    'x<Root/>',
    '',
    `${'<a>'.repeat(50)}${'</a>'.repeat(50)}`,
    `<Root>${'<a>'.repeat(20)}${'</a>'.repeat(20)}</Root>`,
  ])('refused: %s', (document) => {
    expect(() => parseXml(Buffer.from(document), 'Root')).toThrow();
  });

  test('bytes that are no UTF-8, CDATA, comments and declarations', () => {
    expect(() => parseXml(Buffer.from([0x3c, 0xff, 0x3e]), 'Root')).toThrow();
    const document = '<?xml version="1.0"?>\n<Root>a<!-- & --><![CDATA[<&amp;>]]>&lt;</Root>\n';
    expect(parseXml(Buffer.from(document), 'Root').text).toBe('a<&amp;><');
  });

  test('a deep document takes no time', () => {
    const deep = `<Root>${'<a>'.repeat(100_000)}`;
    expect(() => parseXml(Buffer.from(deep), 'Root')).toThrow();
  });
});

describe('canonical forms', () => {
  test('the path encoded anew is what clients sign, and never changes what it names', () => {
    fc.assert(
      fc.property(text, (key) => {
        fc.pre(key.isWellFormed() && key !== '');
        const path = encodePath(`/bucket/${key}`);
        expect(pathAnew(path)).toBe(path);
        expect(addressOf(path, undefined, []).key).toBe(key);
      }),
      { seed: 2 },
    );
  });

  test('any query has a form, and never throws', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 80 }), (raw) => {
        expect(typeof queryAsSent(raw)).toBe('string');
        expect(typeof queryAnew(raw)).toBe('string');
        try {
          expect(new Query(raw).get('x') ?? '').toBeTypeOf('string');
        } catch (error) {
          expect(isStoreError(error, 'invalid-argument')).toBe(true);
        }
      }),
      { seed: 3 },
    );
  });
});

describe('the door', () => {
  const names = fc.constantFrom(
    ...new Set(routes.flatMap((route) => route.marker ?? [])),
    'prefix',
    'delimiter',
    'marker',
    'max-keys',
    'encoding-type',
    'continuation-token',
    'start-after',
    'versionId',
    'partNumber',
    'max-parts',
    'key-marker',
    'upload-id-marker',
    'version-id-marker',
    'response-content-type',
  );
  const headerNames = fc.constantFrom(
    'range',
    'if-match',
    'if-none-match',
    'if-modified-since',
    'x-amz-copy-source',
    'x-amz-copy-source-range',
    'x-amz-metadata-directive',
    'x-amz-checksum-crc32',
    'x-amz-checksum-algorithm',
    'x-amz-sdk-checksum-algorithm',
    'x-amz-trailer',
    'x-amz-mp-object-size',
    'x-amz-meta-__proto__',
    'x-amz-decoded-content-length',
    'content-md5',
    'content-encoding',
    'authorization',
  );
  const values = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.constantFrom('', '1', '-1', 'null', '*', 'bytes=0-1', '/bucket/a', 'CRC32', 'a/', '"x"'),
  );
  const requests = fc.record({
    method: fc.constantFrom('GET', 'PUT', 'POST', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH'),
    path: fc.oneof(
      fc.constantFrom('/', '/bucket', '/bucket/', '/bucket/a', '//', '/bucket//', '/none/x'),
      fc.string({ maxLength: 20 }).map((tail) => `/bucket/${tail}`),
    ),
    query: fc.dictionary(names, values, { maxKeys: 3 }),
    headers: fc.dictionary(headerNames, values, { maxKeys: 3 }),
    body: fc.oneof(
      fc.string({ maxLength: 100 }),
      fc.constantFrom(
        '<Delete><Object><Key>a</Key></Object></Delete>',
        '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>',
      ),
    ),
    mode: fc.constantFrom(
      'signed',
      'unsigned',
      'streaming',
      'streaming-trailer',
      'streaming-unsigned-trailer',
    ),
    chunked: fc.boolean(),
  });

  test('answers any signed request; 500 never', async () => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket');
    await ask('PUT', '/bucket/a', { body: 'hello' });
    await fc.assert(
      fc.asyncProperty(requests, async ({ method, path, mode, ...rest }) => {
        // The harness's logger throws on an error in the log.
        const answer = await ask(method, path, { ...rest, sign: { mode } });
        expect(answer.status).toBeGreaterThanOrEqual(200);
        expect(answer.status === 500 || answer.status === 503).toBe(false);
        expect(answer.headers.get('x-amz-request-id')).toMatch(/^[0-9A-F]{16}$/);
        if (answer.status >= 400 && method !== 'HEAD') {
          expect(answer.text).toContain('<RequestId>');
        }
      }),
      { numRuns: 400, seed: 102 },
    );
  });

  test('a changed character anywhere in a presigned URL is refused', async () => {
    const { ask, send, clock } = createHarness();
    await ask('PUT', '/bucket');
    await ask('PUT', '/bucket/key', { body: 'hello' });
    const stamp = stampOf(clock.now());
    const signed = presign(
      { method: 'GET', path: '/bucket/key', query: { 'response-expires': 'x' } },
      { key: owner, stamp, expires: 600 },
    );
    expect((await send(signed)).status).toBe(200);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: signed.query.length - 1 }),
        fc.constantFrom('a', 'Z', '0', '%', '&', '=', '.'),
        async (at, character) => {
          const query = signed.query.slice(0, at) + character + signed.query.slice(at + 1);
          fc.pre(query !== signed.query);
          const answer = await send({ ...signed, query });
          expect(answer.status).toBeGreaterThanOrEqual(400);
          expect(answer.status).toBeLessThan(500);
        },
      ),
      { numRuns: 300, seed: 103 },
    );
  });
});

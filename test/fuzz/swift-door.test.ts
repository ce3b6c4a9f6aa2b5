import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createHarness } from '../unit/swift/harness.ts';

/** Pieces that mean something, torn and joined: most requests get past the first check. */
const segment = fc.constantFrom(
  'AUTH_test',
  'AUTH_test2',
  'c',
  'o',
  'a%2Fb',
  '%ff',
  '%00',
  '',
  '%',
);
const path = fc.oneof(
  fc.array(segment, { maxLength: 5 }).map((list) => `/v1/AUTH_test/${list.join('/')}`),
  fc.array(segment, { maxLength: 5 }).map((list) => `/v1/${list.join('/')}`),
  fc.constantFrom('/info', '/auth/v1.0', '/auth/v1/test/auth', '/healthcheck', '/v1', '//v1'),
  fc.string({ maxLength: 12 }).map((text) => `/${encodeURIComponent(text.toWellFormed())}`),
);
const parameter = fc.constantFrom(
  'limit=2',
  'limit=99999',
  'marker=c',
  'prefix=%ff',
  'delimiter=/',
  'path=',
  'reverse=on',
  'format=xml',
  'format=json',
  'bulk-delete',
  'multipart-manifest=get',
  'versions',
  '=',
  '&',
);
const header = fc.constantFrom<readonly [string, string]>(
  ['Range', 'bytes=0-0,2-'],
  ['Range', 'bytes=-1'],
  ['If-Match', '"a", *'],
  ['If-None-Match', '*'],
  ['If-Modified-Since', 'Tue, 24 Nov 2026 00:13:15 GMT'],
  ['If-Unmodified-Since', 'nonsense'],
  ['Destination', '/c/o2'],
  ['Destination', '%ff'],
  ['Destination-Account', 'AUTH_test2'],
  ['X-Copy-From', 'c/o'],
  ['X-Object-Meta-A', 'a\xff'],
  ['X-Object-Meta-', ''],
  ['X-Container-Meta-\xc3\xa4', '\xc3\xa4'],
  ['X-Remove-Container-Meta-A', ''],
  ['X-Delete-After', '1'],
  ['X-Delete-At', '-'],
  ['X-Storage-Policy', 'replica:3'],
  ['Accept', 'text/xml;q=0.1, */*'],
  ['Accept', ';'],
  ['Content-Type', 'text/plain; swift_x=1'],
  ['Content-MD5', 'x'],
  ['ETag', '"'],
  ['Transfer-Encoding', 'gzip'],
  ['X-Auth-User', 'test:tester'],
  ['X-Auth-Key', 'x'],
  ['Host', 'evil\r\nhost'],
  ['X-Trans-Id-Extra', 'a b\r\n"'],
);
const request = fc.record({
  method: fc.constantFrom('GET', 'HEAD', 'PUT', 'POST', 'DELETE', 'COPY', 'OPTIONS', 'LICK'),
  path,
  query: fc.array(parameter, { maxLength: 3 }),
  headers: fc.array(header, { maxLength: 4 }),
  body: fc.constantFrom('', 'abc', 'c/o\nc\n%ff\n'),
  chunked: fc.boolean(),
  who: fc.constantFrom('owner', 'owner', 'owner', 'member', 'other', 'reseller', 'nobody'),
});

describe('the Swift door', () => {
  it('answers any sequence of requests, without an unforeseen error', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(request, { minLength: 1, maxLength: 12 }), async (requests) => {
        const { ask, tokens } = await createHarness();
        await ask('PUT', '/v1/AUTH_test/c', { body: '' });
        await ask('PUT', '/v1/AUTH_test/c/o', { body: 'abc' });
        for (const { method, path: target, query, headers, body, chunked, who } of requests) {
          const suffix = query.length === 0 ? '' : `?${query.join('&')}`;
          const answer = await ask(method, target + suffix, {
            headers: Object.fromEntries(headers),
            body,
            chunked,
            token: who === 'nobody' ? '' : tokens[who],
          });
          expect(answer.status).toBeGreaterThanOrEqual(200);
          // 501 says what is not built; any other 5xx would be a fault on a healthy cluster.
          expect([501, 0]).toContain(answer.status >= 500 ? answer.status : 0);
          expect(answer.headers.get('x-trans-id')).toMatch(/^tx[!-~]+$/);
          for (const [name, value] of answer.headers) {
            expect(name).toMatch(/^[!-9;-~\x80-\xff]+$/);
            // What a header must not hold: it would end it.
            expect(value).not.toMatch(/[\0\r\n]/);
          }
        }
      }),
      { numRuns: 150, seed: 11 },
    );
  });
});

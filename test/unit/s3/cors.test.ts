import { describe, expect, test } from 'vitest';
import { type Answer, type Harness, all, createHarness } from './harness.ts';

const cors = { cors: '' };
const rules = `<CORSConfiguration>
  <CORSRule><ID>one</ID><AllowedOrigin>http://*.example.com</AllowedOrigin><AllowedOrigin>null</AllowedOrigin>
    <AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod><AllowedHeader>x-amz-*</AllowedHeader>
    <ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>30</MaxAgeSeconds></CORSRule>
  <CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>-1</MaxAgeSeconds></CORSRule>
</CORSConfiguration>`;

async function withRules(): Promise<Harness> {
  const harness = createHarness();
  const { ask } = harness;
  await ask('PUT', '/bucket');
  expect((await ask('PUT', '/bucket', { query: cors, body: rules })).status).toBe(200);
  return harness;
}

function preflight({ ask }: Harness, headers: Record<string, string>): Promise<Answer> {
  return ask('OPTIONS', '/bucket/k', { anonymous: true, headers });
}

describe('the configuration', () => {
  test('is kept, shown and removed', async () => {
    const { ask } = await withRules();
    const { text } = await ask('GET', '/bucket', { query: cors });
    expect(all(text, 'AllowedOrigin')).toEqual(['http://*.example.com', 'null', '*']);
    expect(all(text, 'MaxAgeSeconds')).toEqual(['30', '-1']);
    expect((await ask('DELETE', '/bucket', { query: cors })).status).toBe(204);
    expect((await ask('GET', '/bucket', { query: cors })).code).toBe('NoSuchCORSConfiguration');
  });

  test.each([
    ['<CORSRule><AllowedOrigin>*</AllowedOrigin></CORSRule>', 'MalformedXML'],
    ['', 'MalformedXML'],
    [
      '<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>PATCH</AllowedMethod></CORSRule>',
      'InvalidRequest',
    ],
    [
      '<CORSRule><AllowedOrigin>*.*</AllowedOrigin><AllowedMethod>GET</AllowedMethod></CORSRule>',
      'InvalidRequest',
    ],
    [
      '<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><ExposeHeader>x-*</ExposeHeader></CORSRule>',
      'InvalidRequest',
    ],
    [
      '<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><ExposeHeader>a&#13;&#10;b</ExposeHeader></CORSRule>',
      'InvalidRequest',
    ],
    [
      '<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><AllowedHeader>a b</AllowedHeader></CORSRule>',
      'InvalidRequest',
    ],
    [
      '<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><MaxAgeSeconds>x</MaxAgeSeconds></CORSRule>',
      'MalformedXML',
    ],
    [
      '<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod><Odd/></CORSRule>',
      'MalformedXML',
    ],
  ])('%s is refused', async (markup, code) => {
    const { ask } = await withRules();
    const body = `<CORSConfiguration>${markup}</CORSConfiguration>`;
    const answer = await ask('PUT', '/bucket', { query: cors, body });
    expect([answer.status, answer.code]).toEqual([400, code]);
  });
});

describe('a preflight', () => {
  test('is told what the first rule that matches allows', async () => {
    const harness = await withRules();
    const asked = {
      origin: 'http://a.example.com',
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'X-Amz-Date, x-amz-acl',
    };
    const { status, headers, bytes } = await preflight(harness, asked);
    expect([status, bytes.length]).toEqual([200, 0]);
    expect(headers.get('access-control-allow-origin')).toBe('http://a.example.com');
    expect(headers.get('access-control-allow-methods')).toBe('GET, PUT');
    expect(headers.get('access-control-allow-headers')).toBe('x-amz-date, x-amz-acl');
    expect(headers.get('access-control-expose-headers')).toBe('ETag');
    expect(headers.get('access-control-max-age')).toBe('30');
    expect(headers.get('access-control-allow-credentials')).toBe('true');
    expect(headers.get('vary')).toContain('Origin');
    const open = { origin: 'http://b.org', 'access-control-request-method': 'GET' };
    const star = (await preflight(harness, open)).headers;
    expect(star.get('access-control-allow-origin')).toBe('*');
    expect(star.has('access-control-allow-credentials')).toBe(false);
  });

  test.each<[Record<string, string>, number, string]>([
    [{}, 400, 'BadRequest'],
    [{ origin: '', 'access-control-request-method': 'GET' }, 400, 'BadRequest'],
    [{ origin: 'http://a.example.com' }, 400, 'BadRequest'],
    [{ origin: 'http://b.org', 'access-control-request-method': 'PATCH' }, 400, 'BadRequest'],
    [{ origin: 'http://b.org', 'access-control-request-method': 'PUT' }, 403, 'AccessForbidden'],
    [
      {
        origin: 'http://a.example.com',
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'content-type',
      },
      403,
      'AccessForbidden',
    ],
  ])('%j is refused', async (headers, status, code) => {
    const harness = await withRules();
    const answer = await preflight(harness, headers);
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect(answer.headers.has('access-control-allow-origin')).toBe(false);
  });

  test('of a bucket without rules, or that is not there', async () => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket');
    const headers = { origin: 'http://a', 'access-control-request-method': 'GET' };
    for (const path of ['/bucket', '/']) {
      const answer = await ask('OPTIONS', path, { anonymous: true, headers });
      expect([answer.status, answer.code]).toEqual([403, 'AccessForbidden']);
    }
    const answer = await ask('OPTIONS', '/none', { anonymous: true, headers });
    expect([answer.status, answer.code]).toEqual([404, 'NoSuchBucket']);
  });
});

test('replies to pages, errors too', async () => {
  const { ask } = await withRules();
  const headers = { origin: 'http://a.example.com' };
  for (const [method, status] of [
    ['PUT', 200],
    ['GET', 200],
  ] as const) {
    const answer = await ask(method, '/bucket/k', { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('access-control-allow-origin')).toBe('http://a.example.com');
    expect(answer.headers.get('vary')).toContain('Origin');
  }
  const missing = await ask('GET', '/bucket/none', { headers });
  expect(missing.headers.get('access-control-allow-origin')).toBe('http://a.example.com');
  const refused = await ask('GET', '/bucket/k', { headers, anonymous: true });
  expect(refused.status).toBe(403);
  expect(refused.headers.get('access-control-allow-origin')).toBe('http://a.example.com');
  const strange = await ask('PUT', '/bucket/k', { headers: { origin: 'http://b.org' } });
  expect(strange.status).toBe(200);
  expect(strange.headers.has('access-control-allow-origin')).toBe(false);
  expect(strange.headers.get('vary')).toContain('Origin');
  expect((await ask('GET', '/bucket/k')).headers.has('vary')).toBe(false);
});

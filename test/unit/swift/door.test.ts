import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { routes } from '../../../server/swift/routes.ts';
import { createHarness, type Harness } from './harness.ts';

const account = '/v1/AUTH_test';

async function started(): Promise<Harness> {
  const harness = await createHarness();
  expect((await harness.ask('PUT', `${account}/c`)).status).toBe(201);
  return harness;
}

describe('sign-in', () => {
  it('gives a token and the URL by which the client came', async () => {
    const { ask } = await createHarness();
    for (const [path, headers] of [
      ['/auth/v1.0', { 'X-Auth-User': 'test:tester', 'X-Auth-Key': 'tester-key' }],
      ['/auth/v1.0', { 'X-Storage-User': 'test:tester', 'X-Storage-Pass': 'tester-key' }],
      ['/auth/v1/test/auth', { 'X-Storage-User': 'tester', 'X-Storage-Pass': 'tester-key' }],
      ['/auth/v1/test/auth', { 'X-Auth-User': 'test:tester', 'X-Auth-Key': 'tester-key' }],
    ] as const) {
      const answer = await ask('GET', path, { token: '', headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.get('x-storage-url')).toBe('http://127.0.0.1:8080/v1/AUTH_test');
      expect(answer.headers.get('x-auth-token')).toBe(answer.headers.get('x-storage-token'));
      expect(answer.headers.get('x-auth-token-expires')).toBe('86400');
      const token = answer.headers.get('x-auth-token') ?? '';
      expect((await ask('HEAD', account, { token })).status).toBe(204);
    }
  });

  it('refuses everybody else', async () => {
    const { ask } = await createHarness();
    const refused = async (path: string, headers: Record<string, string>): Promise<unknown> => {
      const answer = await ask('GET', path, { token: '', headers });
      return [answer.status, answer.headers.get('www-authenticate')];
    };
    const wrong = { 'X-Auth-User': 'test:tester', 'X-Auth-Key': 'wrong' };
    expect(await refused('/auth/v1.0', wrong)).toEqual([401, 'Swift realm="test"']);
    const nobody = { 'X-Auth-User': 'no:body', 'X-Auth-Key': '' };
    expect(await refused('/auth/v1.0', nobody)).toEqual([401, 'Swift realm="no"']);
    expect(await refused('/auth/v1.0', {})).toEqual([401, 'Swift realm="unknown"']);
    const foreign = { 'X-Auth-User': 'test2:tester2', 'X-Auth-Key': 'tester2-key' };
    expect(await refused('/auth/v1/test/auth', foreign)).toEqual([401, 'Swift realm="test"']);
    expect((await ask('GET', '/auth/v3', { token: '' })).status).toBe(400);
    expect((await ask('PUT', '/auth/v1.0', { token: '' })).status).toBe(405);
  });

  it('lasts a day', async () => {
    const { ask, clock } = await createHarness();
    expect((await ask('HEAD', account)).status).toBe(204);
    clock.advance(86_400_000);
    const late = await ask('HEAD', account);
    expect([late.status, late.headers.get('www-authenticate')]).toEqual([
      401,
      'Swift realm="AUTH_test"',
    ]);
  });
});

describe('every answer', () => {
  it('has transaction ids and capital letters, errors too', async () => {
    const { ask } = await started();
    for (const [method, path] of [
      ['GET', '/v1'],
      ['GET', '/v1/testa//testo'],
      ['HEAD', `${account}/none`],
      ['GET', '/info'],
      ['LICK', account],
    ] as const) {
      const answer = await ask(method, path, { headers: { 'X-Trans-Id-Extra': 'mine' } });
      const id = answer.headers.get('x-trans-id') ?? '';
      expect(id).toMatch(/^tx[0-9a-f]{21}-[0-9a-f]{10}-mine$/);
      expect(answer.headers.get('x-openstack-request-id')).toBe(id);
      for (const name of answer.names) expect(name).toMatch(/^[A-Z][a-z]*(?:-[A-Z][a-z]*)*$/);
    }
  });

  it('refuses unknown methods, strangers and other accounts', async () => {
    const { ask, tokens } = await started();
    expect((await ask('LICK', account)).status).toBe(405);
    expect((await ask('GETorHEAD_base', `${account}/c/o`)).status).toBe(405);
    expect((await ask('PUT', account)).headers.get('allow')).toBe('GET, HEAD, POST, OPTIONS');
    expect((await ask('DELETE', account)).status).toBe(405);
    expect((await ask('DELETE', `${account}?bulk_delete`)).status).toBe(400);
    expect((await ask('OPTIONS', `${account}/c`, { token: '' })).status).toBe(200);
    const preflight = { Origin: 'http://x', 'Access-Control-Request-Method': 'GET' };
    const asPage = { token: '', headers: preflight };
    expect((await ask('OPTIONS', `${account}/c`, asPage)).status).toBe(401);
    // Accounts have no CORS.
    expect((await ask('OPTIONS', account, asPage)).status).toBe(200);
    for (const { shape, method } of routes) {
      const path = { account, container: `${account}/c`, object: `${account}/c/o` }[shape];
      const headers = { Destination: 'c/p', 'X-Container-Meta-A': 'b' };
      const strange = await ask(method, path, { token: '', headers });
      expect([shape, method, strange.status]).toEqual([shape, method, 401]);
      expect((await ask(method, path, { token: 'AUTH_tkbogus', headers })).status).toBe(401);
      expect((await ask(method, path, { token: tokens.member, headers })).status).toBe(403);
      expect((await ask(method, path, { token: tokens.other, headers })).status).toBe(403);
    }
    expect((await ask('HEAD', `${account}/c`, { token: tokens.reseller })).status).toBe(204);
  });

  it('serves /info and /healthcheck to anybody', async () => {
    const { ask } = await createHarness();
    const health = await ask('GET', '/healthcheck', { token: '' });
    expect([health.status, health.text]).toEqual([200, 'OK']);
    const info: unknown = JSON.parse((await ask('GET', '/info', { token: '' })).text);
    expect(info).toMatchObject({
      swift: {
        version: '2.38.1',
        max_meta_count: 90,
        container_listing_limit: 10_000,
        allow_account_management: false,
        policies: [
          { name: 'ec:4+2', aliases: 'ec:4+2, gold', default: true },
          { name: 'replica:3', aliases: 'replica:3' },
        ],
      },
      torc: { version: '0.1.0' },
      tempauth: { account_acls: true },
      bulk_delete: { max_deletes_per_request: 10_000 },
      s3api: { max_bucket_listing: 1000, max_upload_part_num: 10_000, s3_acl: true },
      container_sync: { realms: {} },
    });
    expect((await ask('POST', '/info', { token: '' })).status).toBe(405);
  });

  it('shows administrators what only they may see', async () => {
    const adminKey = 'the key of administrators';
    const settings = { adminKey };
    const { ask, clock } = await createHarness({ settings });
    const expires = Math.floor(clock.now() / 1000) + 60;
    const signed = (method: string, at = expires, key = adminKey): string => {
      const text = `${method}\n${at}\n/info`;
      const signature = createHmac('sha1', key).update(text).digest('hex');
      return `/info?swiftinfo_sig=${signature}&swiftinfo_expires=${at}`;
    };
    const { text } = await ask('GET', signed('GET'), { token: '' });
    const admin = { disallowed_sections: [], encryption: { enabled: false } };
    expect(JSON.parse(text)).toMatchObject({ admin });
    for (const method of ['GET', 'HEAD']) {
      expect((await ask('HEAD', signed(method), { token: '' })).status).toBe(200);
    }
    const old = Math.floor(clock.now() / 1000) - 60;
    const refused = [
      signed('HEAD'),
      signed('GET', old),
      signed('GET', expires, 'another'),
      `/info?swiftinfo_expires=${expires}`,
      '/info?swiftinfo_sig=x',
    ];
    for (const path of refused) {
      expect([path, (await ask('GET', path, { token: '' })).status]).toEqual([path, 401]);
    }
    const without = await createHarness();
    expect((await without.ask('GET', signed('GET'), { token: '' })).status).toBe(403);
  });

  it('refuses what is not built', async () => {
    const { ask } = await started();
    await ask('PUT', `${account}/c/o`, { body: 'x' });
    const cases: readonly [string, string, Record<string, string>][] = [
      ['POST', `${account}/c/o`, { 'If-Match': 'x' }],
      ['PUT', `${account}/c/o`, { 'Transfer-Encoding': 'gzip,chunked' }],
    ];
    for (const [method, path, headers] of cases) {
      const answer = await ask(method, path, { headers });
      expect([method, path, headers, answer.status]).toEqual([method, path, headers, 501]);
    }
    expect(
      (await ask('POST', `${account}/c`, { headers: { 'X-Container-Read': '' } })).status,
    ).toBe(204);
    for (const query of ['multipart-manifest=get', 'symlink=get']) {
      expect((await ask('HEAD', `${account}/c/o?${query}`)).status).toBe(200);
    }
  });
});

describe('accounts', () => {
  it('exist before their first write', async () => {
    const { ask } = await createHarness();
    const head = await ask('HEAD', account);
    expect(head.status).toBe(204);
    expect(head.headers.get('x-account-container-count')).toBe('0');
    expect(head.headers.get('content-length')).toBe('0');
    expect(head.headers.get('x-timestamp')).toMatch(/^\d{10}\.\d{5}$/);
    const plain = await ask('GET', account);
    expect([plain.status, plain.headers.get('content-type'), plain.headers.get('vary')]).toEqual([
      204,
      'text/plain; charset=utf-8',
      'Accept',
    ]);
    expect([head, plain].map((one) => one.headers.get('accept-ranges'))).toEqual([
      'bytes',
      'bytes',
    ]);
    const json = await ask('GET', `${account}?format=json`);
    expect([json.status, json.text, json.headers.has('vary')]).toEqual([200, '[]', false]);
  });

  it('keep metadata and list their containers', async () => {
    const { ask } = await createHarness();
    const set = { 'X-Account-Meta-One': '1', 'x-account-meta-two_x': 'b\xc3\xa4' };
    expect((await ask('POST', account, { headers: set })).status).toBe(204);
    const remove = { 'X-Remove-Account-Meta-One': 'x' };
    const head = await ask('HEAD', account);
    expect(head.names).toContain('X-Account-Meta-Two_X');
    expect(head.headers.get('x-account-meta-two_x')).toBe('b\xc3\xa4');
    expect((await ask('POST', account, { headers: remove })).status).toBe(204);
    expect((await ask('HEAD', account)).headers.has('x-account-meta-one')).toBe(false);

    for (const name of ['b-1', 'b-2', 'a']) await ask('PUT', `${account}/${name}`);
    await ask('PUT', `${account}/a/o`, { body: 'four' });
    const list = await ask('GET', `${account}?format=json&delimiter=-`);
    const entries: unknown = JSON.parse(list.text);
    expect(entries).toMatchObject([{ name: 'a', count: 1, bytes: 4 }, { subdir: 'b-' }]);
    expect((await ask('GET', `${account}?reverse=true&limit=2`)).text).toBe('b-2\nb-1\n');
    expect((await ask('GET', `${account}?limit=10001`)).status).toBe(412);
    const totals = await ask('HEAD', account);
    expect(totals.headers.get('x-account-container-count')).toBe('3');
    expect(totals.headers.get('x-account-object-count')).toBe('1');
    expect(totals.headers.get('x-account-bytes-used')).toBe('4');
  });

  it('bound their metadata as a whole', async () => {
    const { ask } = await createHarness();
    for (let i = 0; i < 90; i += 30) {
      const some = Array.from({ length: 30 }, (_, j) => [`X-Account-Meta-K${i + j}`, 'v']);
      expect((await ask('POST', account, { headers: Object.fromEntries(some) })).status).toBe(204);
    }
    const more = { 'X-Account-Meta-More': 'v' };
    expect((await ask('POST', account, { headers: more })).status).toBe(400);
  });
});

describe('containers', () => {
  it('are made, changed, shown and deleted', async () => {
    const { ask } = await createHarness();
    const path = `${account}/box`;
    expect((await ask('HEAD', path)).status).toBe(404);
    expect((await ask('POST', path)).status).toBe(404);
    expect((await ask('DELETE', path)).status).toBe(404);
    const meta = { 'X-Container-Meta-Color': 'Red', 'X-Container-Meta-Web-Index': 'index.html' };
    expect((await ask('PUT', path, { headers: meta })).status).toBe(201);
    const first = await ask('HEAD', path);
    expect(first.status).toBe(204);
    expect(first.headers.get('x-container-meta-color')).toBe('Red');
    expect(first.headers.get('x-container-meta-web-index')).toBe('index.html');
    expect(first.headers.get('x-container-object-count')).toBe('0');
    expect(first.headers.get('x-timestamp')).toMatch(/^\d{10}\.\d{5}$/);
    const again = { 'X-Container-Meta-Color': '', 'X-Container-Meta-Size': 'L' };
    expect((await ask('PUT', path, { headers: again })).status).toBe(202);
    const second = await ask('HEAD', path);
    expect(second.headers.has('x-container-meta-color')).toBe(false);
    expect(second.headers.get('x-container-meta-size')).toBe('L');
    expect(second.headers.get('x-timestamp')).toBe(first.headers.get('x-timestamp'));
    expect(second.headers.get('last-modified')).not.toBe(first.headers.get('last-modified'));
    await ask('PUT', `${path}/o`, { body: 'abc' });
    const third = await ask('HEAD', path);
    expect(third.headers.get('last-modified')).toBe(second.headers.get('last-modified'));
    expect(third.headers.get('x-container-bytes-used')).toBe('3');
    expect((await ask('DELETE', path)).status).toBe(409);
    await ask('DELETE', `${path}/o`);
    expect((await ask('DELETE', path)).status).toBe(204);
    expect((await ask('GET', path)).status).toBe(404);
  });

  it('check names, policies and metadata', async () => {
    const { ask, core, tokens } = await createHarness();
    expect((await ask('PUT', `${account}/${'x'.repeat(256)}`)).status).toBe(201);
    const long = await ask('PUT', `${account}/${'x'.repeat(257)}`);
    expect([long.status, long.headers.get('content-type'), long.text]).toEqual([
      400,
      'text/html; charset=UTF-8',
      'Container name length of 257 longer than 256',
    ]);
    const nobody = await ask('GET', `/v1/AUTH_${'x'.repeat(257)}`, { token: tokens.reseller });
    expect([nobody.status, nobody.text]).toEqual([
      400,
      'Account name length of 262 longer than 256',
    ]);
    const policy = (name: string) => ({ headers: { 'X-Storage-Policy': name } });
    const known = core.policies.defaultPolicy;
    expect((await ask('PUT', `${account}/p`, policy('nonsense'))).status).toBe(400);
    expect((await ask('PUT', `${account}/p`, policy('older'))).status).toBe(400);
    expect((await ask('PUT', `${account}/p`, policy(known.toUpperCase()))).status).toBe(201);
    expect((await ask('HEAD', `${account}/p`)).headers.get('x-storage-policy')).toBe(known);
    expect((await ask('PUT', `${account}/p`, policy(known))).status).toBe(202);
    expect((await ask('PUT', `${account}/p`, policy('Gold'))).status).toBe(202);
    expect((await ask('PUT', `${account}/p`, policy('replica:3'))).status).toBe(409);
    expect((await ask('POST', `${account}/p`, policy('nonsense'))).status).toBe(204);
    const raw = { 'X-Container-Meta-A': '\xff' };
    expect((await ask('PUT', `${account}/m`, { headers: raw })).status).toBe(400);
    expect((await ask('HEAD', `${account}/m`)).status).toBe(404);
  });

  it('are counted by policy for their account', async () => {
    const { ask } = await createHarness();
    const sums = async () => {
      const { headers } = await ask('HEAD', account);
      const names = [...headers.keys()].filter((name) => name.includes('-policy-'));
      return Object.fromEntries(names.map((name) => [name.slice(25), headers.get(name)]));
    };
    expect(await sums()).toEqual({});
    await ask('PUT', `${account}/a`);
    await ask('PUT', `${account}/b`, { headers: { 'X-Storage-Policy': 'replica:3' } });
    await ask('PUT', `${account}/a/o`, { body: 'abc' });
    await ask('PUT', `${account}/b/o`, { body: 'a' });
    await ask('PUT', `${account}/b/p`, { body: 'ab' });
    expect(await sums()).toEqual({
      'ec-4-2-container-count': '1',
      'ec-4-2-object-count': '1',
      'ec-4-2-bytes-used': '3',
      'replica-3-container-count': '1',
      'replica-3-object-count': '2',
      'replica-3-bytes-used': '3',
    });
  });

  it('list their objects', async () => {
    const { ask } = await started();
    expect((await ask('GET', `${account}/c`)).status).toBe(204);
    expect((await ask('GET', `${account}/c?format=xml`)).status).toBe(200);
    for (const name of ['a', 'd/1', 'd/2', 'd/', 'e/f/g']) {
      await ask('PUT', `${account}/c/${name}`, { body: name });
    }
    const list = async (query: string): Promise<string[]> =>
      (await ask('GET', `${account}/c?${query}`)).text.trimEnd().split('\n');
    expect(await list('')).toEqual(['a', 'd/', 'd/1', 'd/2', 'e/f/g']);
    expect(await list('delimiter=/')).toEqual(['a', 'd/', 'e/']);
    expect(await list('delimiter=/&marker=d/1')).toEqual(['d/', 'e/']);
    expect(await list('delimiter=/&marker=d/')).toEqual(['e/']);
    expect(await list('path=')).toEqual(['a', 'd/']);
    expect(await list('path=d')).toEqual(['d/1', 'd/2']);
    expect(await list('limit=0')).toEqual(['']);
    expect(await list('prefix=d/&reverse=on&end_marker=d/')).toEqual(['d/2', 'd/1']);
    const json = await ask('GET', `${account}/c/?limit=1`, {
      headers: { Accept: 'application/json' },
    });
    expect(JSON.parse(json.text)).toEqual([
      {
        name: 'a',
        hash: '0cc175b9c0f1b6a831c399e269772661',
        bytes: 1,
        content_type: 'application/octet-stream',
        last_modified: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}$/),
      },
    ]);
    expect((await ask('GET', `${account}/c`, { headers: { Accept: 'image/png' } })).status).toBe(
      406,
    );
    expect((await ask('HEAD', `${account}/c?format=json`)).headers.get('content-type')).toBe(
      'application/json; charset=utf-8',
    );
  });
});

describe('bulk deletion', () => {
  it('tells what became of every name', async () => {
    const { ask } = await started();
    await ask('PUT', `${account}/full`);
    await ask('PUT', `${account}/full/stays`, { body: 'x' });
    await ask('PUT', `${account}/c/a%20b`, { body: 'x' });
    await ask('PUT', `${account}/c/b`, { body: 'x' });
    const body = 'c\n/c/a%20b\nc/b\n\nc/none\nfull\nc/%ff\n';
    const headers = { 'Content-Type': 'text/plain', Accept: 'application/json' };
    const answer = await ask('POST', `${account}?bulk-delete`, { headers, body });
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toEqual({
      'Number Deleted': 3,
      'Number Not Found': 1,
      'Response Body': '',
      'Response Status': '400 Bad Request',
      Errors: [
        ['c/%FF', '412 Precondition Failed'],
        ['full', '409 Conflict'],
      ],
    });
    const xml = await ask('DELETE', `${account}/full/stays?bulk-delete`, {
      headers: { 'Content-Type': 'text/plain', Accept: 'application/xml' },
      body: 'full/stays',
    });
    expect(xml.text).toBe(
      '<delete>\n<number_deleted>1</number_deleted>\n<number_not_found>0</number_not_found>\n' +
        '<response_body></response_body>\n<response_status>200 OK</response_status>\n' +
        '<errors>\n</errors>\n</delete>\n',
    );
    const empty = await ask('POST', `${account}?bulk-delete`, { body: '\n' });
    expect(empty.text).toContain('Response Status: 400 Bad Request');
    const all = await ask('POST', `${account}?bulk-delete`, { body: '/' });
    expect(all.text).toContain(
      'Response Status: 400 Bad Request\nErrors:\n/, 405 Method Not Allowed',
    );
  });
});

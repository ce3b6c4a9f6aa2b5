import { describe, expect, test } from 'vitest';
import { allActions } from '../../../../server/core/access/actions.ts';
import { headerBytes } from '../../../../server/http/exchange.ts';
import { cleanAcl } from '../../../../server/swift/access/acl.ts';
import { Refusal } from '../../../../server/swift/reply.ts';
import { allowedMethods, routes } from '../../../../server/swift/routes.ts';
import { type Harness, createHarness } from '../harness.ts';

const account = '/v1/AUTH_test';
const container = `${account}/c`;
const object = `${container}/o`;

async function started(): Promise<Harness> {
  const harness = await createHarness();
  await harness.ask('PUT', container);
  await harness.ask('PUT', object, { body: 'body' });
  return harness;
}

describe('cleaning', () => {
  test.each([
    ['bob, sue', 'bob,sue'],
    ['bob,,,sue,', 'bob,sue'],
    [' .referrer : * , .rlistings', '.r:*,.rlistings'],
    ['.ref:*.example.com', '.r:.example.com'],
    ['.r:*,.r:-.thief.com,bob,sue:sue', '.r:*,.r:-.thief.com,bob,sue:sue'],
    ['.r:-  *.x', '.r:-.x'],
    ['', ''],
  ])('%j is kept as %j', (given, kept) => {
    expect(cleanAcl('read', given)).toBe(kept);
  });

  test.each([
    ['read', '.r:', "No host/domain value after referrer designation in ACL: '.r:'"],
    ['read', '.r:-', "No host/domain value after referrer designation in ACL: '.r:-'"],
    ['read', '.r:*.', "No host/domain value after referrer designation in ACL: '.r:*.'"],
    ['read', '.x:y', "Unknown designator '.x' in ACL: '.x:y'"],
    ['write', '.r:*', "Referrers not allowed in write ACL: '.r:*'"],
  ] as const)('a %s ACL %j is refused', (kind, given, sentence) => {
    try {
      cleanAcl(kind, given);
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      const { status, body } = error.reply;
      expect([status, Buffer.from(body as Uint8Array).toString()]).toEqual([400, sentence]);
    }
  });
});

describe('container ACLs', () => {
  type Who = 'nobody' | 'member' | 'other';

  async function allowed(
    headers: Record<string, string>,
    who: Who,
    referer?: string,
  ): Promise<string> {
    const { ask, tokens } = await started();
    expect((await ask('POST', container, { headers })).status).toBe(204);
    const token = who === 'nobody' ? '' : tokens[who];
    const more = { token, headers: referer === undefined ? {} : { Referer: referer } };
    const refused = who === 'nobody' ? 401 : 403;
    let passed = '';
    const requests: readonly [string, string, string, string?][] = [
      ['r', 'GET', object],
      ['h', 'HEAD', object],
      ['a', 'GET', `${container}/absent`],
      ['l', 'GET', container],
      ['i', 'HEAD', container],
      ['w', 'PUT', `${container}/new`, 'x'],
      ['m', 'POST', object],
      ['d', 'DELETE', object],
      ['c', 'POST', container],
      ['p', 'PUT', container],
      ['D', 'DELETE', container],
      ['A', 'GET', account],
    ];
    for (const [letter, method, path, body] of requests) {
      const answer = await ask(method, path, { ...more, body: body ?? '' });
      if (answer.status !== refused) passed += letter;
    }
    return passed;
  }

  test.each<[string, Who, string, string?]>([
    ['.r:*', 'nobody', 'rha'],
    ['.r:*', 'other', 'rha'],
    ['.r:*,.rlistings', 'nobody', 'rhali'],
    ['.rlistings', 'nobody', ''],
    ['test2', 'other', 'rhali'],
    ['test2:tester2', 'other', 'rhali'],
    ['test2:else', 'other', ''],
    ['test2', 'nobody', ''],
    ['test:tester3', 'member', 'rhali'],
    ['test', 'member', 'rhali'],
    ['AUTH_test2', 'other', 'rhali'],
    ['AUTH_test', 'member', ''],
    ['test2%3Atester2', 'other', 'rhali'],
    ['.r:.example.com', 'nobody', 'rha', 'http://www.example.com/x'],
    ['.r:.example.com', 'nobody', '', 'http://example.org/'],
    ['.r:.example.com', 'nobody', ''],
    ['.r:www.example.com', 'nobody', 'rha', 'https://www.example.com:81/'],
    ['.r:*,.r:-.thief.com', 'nobody', '', 'http://a.thief.com/'],
    ['.r:-.thief.com,.r:*', 'nobody', 'rha', 'http://a.thief.com/'],
    ['.r:*,.r:-unknown', 'nobody', ''],
    ['.r:*', 'nobody', 'rha', 'no url'],
  ])('read %j lets %s do %j (referer %j)', async (acl, who, expected, referer) => {
    expect(await allowed({ 'X-Container-Read': acl }, who, referer)).toBe(expected);
  });

  test('a write ACL lets objects be written, and nothing be read', async () => {
    expect(await allowed({ 'X-Container-Write': 'test2' }, 'other')).toBe('wmd');
    expect(await allowed({ 'X-Container-Write': 'test:tester3' }, 'member')).toBe('wmd');
    expect(await allowed({}, 'member')).toBe('');
  });

  test('are for owners to see, to set and to take away', async () => {
    const { ask, tokens } = await started();
    const headers = { 'X-Container-Read': 'test2 , .ref : *', 'X-Container-Write': 'test2' };
    await ask('PUT', container, { headers });
    const own = await ask('HEAD', container);
    expect(own.headers.get('x-container-read')).toBe('test2,.r:*');
    expect(own.headers.get('x-container-write')).toBe('test2');
    const others = await ask('HEAD', container, { token: tokens.other });
    expect(others.status).toBe(204);
    expect(others.headers.has('x-container-read')).toBe(false);
    expect(others.headers.has('x-container-write')).toBe(false);
    await ask('POST', container, { headers: { 'X-Container-Read': '' } });
    await ask('POST', container, { headers: { 'X-Remove-Container-Write': 'x' } });
    const gone = await ask('HEAD', container);
    expect(gone.headers.has('x-container-read')).toBe(false);
    expect(gone.headers.has('x-container-write')).toBe(false);
    const bad = await ask('POST', container, { headers: { 'X-Container-Write': '.r:*' } });
    expect([bad.status, bad.text]).toEqual([400, "Referrers not allowed in write ACL: '.r:*'"]);
  });
});

describe('account ACLs', () => {
  const set = (ask: Harness['ask'], acl: unknown): ReturnType<Harness['ask']> =>
    ask('POST', account, {
      headers: { 'X-Account-Access-Control': typeof acl === 'string' ? acl : JSON.stringify(acl) },
    });

  test.each([
    ['yuck', "Syntax error in input ('yuck')"],
    ['[]', "Syntax error in input ('[]')"],
    ['{"readers":[]}', 'Key "readers" not recognized'],
    ['{"admin":"x"}', 'Value for key "admin" must be a list'],
    ['{"read-only":[1]}', 'Elements of "read-only" list must be strings'],
  ])('%s is refused', async (acl, why) => {
    const { ask } = await started();
    await set(ask, '{"admin":["x"]}');
    const answer = await set(ask, acl);
    const text = `X-Account-Access-Control invalid: ${why}\n\nInput: ${acl}\n`;
    expect([answer.status, answer.text]).toEqual([400, text]);
    const kept = await ask('HEAD', account);
    expect(kept.headers.get('x-account-access-control')).toBe('{"admin":["x"]}');
  });

  test('are kept in one spelling, and taken away', async () => {
    const { ask } = await started();
    await set(ask, headerBytes('{ "read-write": ["é"], "admin": ["b"] }'));
    const shown = await ask('GET', account);
    expect(shown.headers.get('x-account-access-control')).toBe(
      String.raw`{"admin":["b"],"read-write":["\u00e9"]}`,
    );
    expect((await set(ask, '{}')).status).toBe(204);
    expect((await ask('GET', account)).headers.has('x-account-access-control')).toBe(false);
  });

  test('read-only reads, read-write writes, admin owns', async () => {
    const { ask, tokens } = await started();
    const secret = { 'X-Account-Meta-Temp-Url-Key': 'secret', 'X-Account-Meta-Shown': 'yes' };
    await ask('POST', account, { headers: secret });
    await ask('POST', container, { headers: { 'X-Container-Read': 'jdoe' } });
    const as = { token: tokens.other };
    const write = { ...as, headers: { 'X-Container-Read': 'frank', 'X-Container-Meta-A': 'b' } };
    const statuses = async (): Promise<readonly number[]> => {
      const all = [
        await ask('GET', account, as),
        await ask('GET', container, as),
        await ask('GET', object, as),
        await ask('PUT', `${account}/made`, as),
        await ask('DELETE', `${account}/made`, as),
        await ask('PUT', `${container}/p`, { ...as, body: 'x' }),
        await ask('POST', container, write),
        await ask('POST', account, { ...as, headers: { 'X-Account-Meta-A': 'b' } }),
      ];
      return all.map(({ status }) => status);
    };
    const acl = async (): Promise<string | undefined> =>
      (await ask('HEAD', container)).headers.get('x-container-read');
    expect(await statuses()).toEqual([403, 403, 403, 403, 403, 403, 403, 403]);
    await set(ask, { 'read-only': ['test2:tester2'] });
    expect(await statuses()).toEqual([200, 200, 200, 403, 403, 403, 403, 403]);
    const read = await ask('HEAD', account, as);
    expect(read.headers.get('x-account-meta-shown')).toBe('yes');
    expect(read.headers.has('x-account-meta-temp-url-key')).toBe(false);
    expect(read.headers.has('x-account-access-control')).toBe(false);
    await set(ask, { 'read-write': ['test2:tester2'] });
    expect(await statuses()).toEqual([200, 200, 200, 201, 204, 201, 204, 403]);
    // What only owners set was passed over, and the rest was set.
    const after = await ask('HEAD', container);
    expect(after.headers.get('x-container-meta-a')).toBe('b');
    expect(await acl()).toBe('jdoe');
    await set(ask, { admin: ['test2'] });
    expect(await statuses()).toEqual([200, 200, 200, 201, 204, 201, 204, 204]);
    expect(await acl()).toBe('frank');
    const owned = await ask('HEAD', account, as);
    expect(owned.headers.get('x-account-meta-temp-url-key')).toBe('secret');
    expect(owned.headers.get('x-account-access-control')).toBe('{"admin":["test2"]}');
  });
});

describe('services', () => {
  const served = '/v1/SERVICE_test/c';

  test('an account of a service takes its user and the service together', async () => {
    const { ask, tokens } = await started();
    const both = { headers: { 'X-Service-Token': tokens.service } };
    expect((await ask('PUT', served, both)).status).toBe(201);
    expect((await ask('GET', served, both)).status).toBe(204);
    expect((await ask('GET', served)).status).toBe(403);
    expect((await ask('GET', served, { ...both, token: tokens.service })).status).toBe(403);
    expect((await ask('GET', served, { ...both, token: tokens.other })).status).toBe(403);
    expect((await ask('GET', served, { ...both, token: tokens.member })).status).toBe(403);
    expect((await ask('GET', served, { ...both, token: '' })).status).toBe(401);
    const notService = { headers: { 'X-Service-Token': tokens.other } };
    expect((await ask('GET', served, notService)).status).toBe(403);
    const forged = { headers: { 'X-Service-Token': 'AUTH_tkforged' } };
    expect((await ask('GET', served, forged)).status).toBe(403);
    expect((await ask('GET', container, both)).status).toBe(200);
    expect((await ask('OPTIONS', served, { token: '' })).status).toBe(200);
  });
});

describe('the table of routes', () => {
  const paths = { account, container, object };

  test.each(routes.map((route) => [`${route.method} ${route.shape}`, route] as const))(
    '%s is refused before its body is read and before it tells what is there',
    async (_, { method, shape, action }) => {
      expect(allActions).toContain(action);
      const { ask, tokens } = await started();
      for (const path of [paths[shape], `/v1/AUTH_none${shape === 'account' ? '' : '/none/o'}`]) {
        for (const [token, status] of [
          ['', 401],
          [tokens.other, 403],
          [tokens.member, 403],
        ] as const) {
          // A chunked body that is never read: the length of it would be asked for first.
          const answer = await ask(method, path, { token, chunked: method === 'PUT' });
          expect([method, path, answer.status]).toEqual([method, path, status]);
        }
      }
    },
  );

  test('a reader of all accounts reads, and a reseller does all', async () => {
    const { ask, tokens } = await started();
    for (const { method, shape } of routes) {
      const reads = method === 'GET' || method === 'HEAD';
      const path = method === 'PUT' && shape === 'container' ? `${account}/made` : paths[shape];
      const headers: Record<string, string> = method === 'COPY' ? { Destination: 'c/copied' } : {};
      const byReader = await ask(method, path, { headers, token: tokens.reader });
      // A copy reads first.
      expect([method, path, byReader.status === 403]).toEqual([method, path, !reads]);
      if (method === 'DELETE') continue;
      const byReseller = await ask(method, path, { headers, token: tokens.reseller });
      expect([method, path, byReseller.status < 300]).toEqual([method, path, true]);
    }
  });

  test('OPTIONS needs nothing', async () => {
    const { ask } = await started();
    for (const shape of ['account', 'container', 'object'] as const) {
      const answer = await ask('OPTIONS', paths[shape], { token: '' });
      expect([answer.status, answer.headers.get('allow')]).toEqual([200, allowedMethods(shape)]);
    }
    expect((await ask('OPTIONS', container, { token: 'AUTH_tkforged' })).status).toBe(401);
  });
});

test('a copy learns first whether there is anything to copy', async () => {
  const { ask, tokens } = await started();
  await ask('PUT', '/v1/AUTH_test2/theirs', { token: tokens.other });
  const copy = async (source: string, target: string): Promise<number> => {
    const headers = { Destination: target, 'Destination-Account': 'AUTH_test2' };
    return (await ask('COPY', source, { headers })).status;
  };
  expect(await copy(`${container}/none`, 'theirs/x')).toBe(404);
  expect(await copy(`${account}/none/o`, 'theirs/x')).toBe(404);
  expect(await copy(object, 'theirs/x')).toBe(403);
  expect(await copy(object, 'none/x')).toBe(403);
});

test('headers of the inside are neither taken nor shown', async () => {
  const { ask } = await started();
  const inside: Record<string, string> = {
    'X-Container-Sysmeta-Web': 'x',
    'X-Object-Sysmeta-Owner': 'x',
    'X-Object-Transient-Sysmeta-Crypto': 'x',
    'X-Account-Sysmeta-Core-Access-Control': '{"admin":["test2"]}',
    'X-Backend-Storage-Policy-Index': '1',
    'X-Container-Host': '10.0.0.1:80',
    'X-Timestamp': '1.00000',
  };
  await ask('PUT', `${account}/made`, { headers: inside });
  await ask('PUT', `${account}/made/o`, { headers: inside, body: 'x' });
  await ask('POST', account, { headers: inside });
  for (const path of [account, `${account}/made`, `${account}/made/o`]) {
    const { headers } = await ask('HEAD', path);
    for (const name of headers.keys()) expect(name).not.toMatch(/sysmeta|backend|container-host/);
    expect(headers.get('x-timestamp')).not.toBe('1.00000');
    expect(headers.has('x-account-access-control')).toBe(false);
  }
});

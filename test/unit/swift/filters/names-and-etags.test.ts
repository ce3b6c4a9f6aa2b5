import { describe, expect, it } from 'vitest';
import { createHarness } from '../harness.ts';

const account = '/v1/AUTH_test';

describe('names that an operator forbids', () => {
  const nameCheck = {
    forbiddenChars: '\'"`<>é',
    maximumLength: 40,
    forbiddenRegexp: String.raw`/\./|/\.\./|/\.$|/\.\.$`,
  };
  const settings = { nameCheck };

  it('are refused as they are once decoded, wherever they stand in the path', async () => {
    const { ask } = await createHarness({ settings });
    await ask('PUT', `${account}/c`);
    for (const name of ['a%3Cb', 'a%22', '%C3%A9']) {
      const answer = await ask('PUT', `${account}/c/${name}`);
      expect(answer.status, name).toBe(400);
      expect(answer.text).toBe(
        'Object/Container/Account name contains forbidden chars from \'"`<>é',
      );
    }
    expect((await ask('GET', `${account}/a%3Eb`, { token: '' })).status).toBe(400);
    const long = await ask('PUT', `${account}/c/${'x'.repeat(25)}`);
    expect([long.status, long.text]).toEqual([
      400,
      'Object/Container/Account name longer than the allowed maximum 40',
    ]);
    expect((await ask('PUT', `${account}/c/${'x'.repeat(24)}`)).status).toBe(201);
    for (const name of ['a/./b', 'a/%2E%2E/b', '..', 'b/.']) {
      const answer = await ask('PUT', `${account}/c/${name}`);
      expect(answer.status, name).toBe(400);
      expect(answer.text).toContain('forbidden substring from regular expression');
    }
    expect((await ask('PUT', `${account}/c/a.b/...`)).status).toBe(201);
  });

  it('are refused in bulk too', async () => {
    const { ask } = await createHarness({ settings });
    await ask('PUT', `${account}/c`);
    await ask('PUT', `${account}/c/o`);
    const headers = { Accept: 'application/json' };
    const body = '/c/o\n/c/%3Co';
    const answer = await ask('POST', `${account}?bulk-delete`, { headers, body });
    expect(JSON.parse(answer.text)).toMatchObject({
      'Number Deleted': 1,
      Errors: [['/c/%3Co', '400 Bad Request']],
    });
  });

  it('are told by /info, only where there are any', async () => {
    const strict = await createHarness({ settings });
    const shown: unknown = JSON.parse((await strict.ask('GET', '/info')).text);
    expect(shown).toMatchObject({
      name_check: {
        forbidden_chars: nameCheck.forbiddenChars,
        maximum_length: 40,
        forbidden_regexp: nameCheck.forbiddenRegexp,
      },
    });
    const { ask } = await createHarness();
    const plain: unknown = JSON.parse((await ask('GET', '/info')).text);
    for (const name of ['name_check', 'ratelimit', 'crossdomain', 'read_only']) {
      expect(plain).not.toHaveProperty(name);
    }
    expect((await ask('PUT', `${account}/c%3C`)).status).toBe(201);
  });
});

describe('etags in quotes', () => {
  const etag = 'd41d8cd98f00b204e9800998ecf8427e';
  const quoted = `"${etag}"`;
  const container = `${account}/c`;
  const wish = 'X-Container-Rfc-Compliant-Etags';

  it('come where the container asks for them, and everywhere on its objects', async () => {
    const { ask } = await createHarness();
    await ask('PUT', container, { headers: { [wish]: 'true' } });
    expect((await ask('HEAD', container)).headers.get(wish.toLowerCase())).toBe('True');
    const put = await ask('PUT', `${container}/o`);
    expect(put.headers.get('etag')).toBe(quoted);
    for (const method of ['GET', 'HEAD']) {
      expect((await ask(method, `${container}/o`)).headers.get('etag')).toBe(quoted);
    }
    const listing: unknown = JSON.parse((await ask('GET', `${container}?format=json`)).text);
    expect(listing).toMatchObject([{ hash: etag }]);
    const same = await ask('GET', `${container}/o`, { headers: { 'If-None-Match': quoted } });
    expect([same.status, same.headers.get('etag')]).toEqual([304, quoted]);
  });

  it('come as the account says where the container says nothing', async () => {
    const { ask } = await createHarness();
    await ask('PUT', container);
    await ask('PUT', `${container}/o`);
    const shown = async (): Promise<string | undefined> =>
      (await ask('HEAD', `${container}/o`)).headers.get('etag');
    expect(await shown()).toBe(etag);
    const name = 'X-Account-Rfc-Compliant-Etags';
    await ask('POST', account, { headers: { [name]: 'yes' } });
    expect((await ask('HEAD', account)).headers.get(name.toLowerCase())).toBe('True');
    expect(await shown()).toBe(quoted);
    await ask('POST', container, { headers: { [wish]: 'no' } });
    expect((await ask('HEAD', container)).headers.get(wish.toLowerCase())).toBe('False');
    expect(await shown()).toBe(etag);
    await ask('POST', container, { headers: { [wish.replace('X-', 'X-Remove-')]: 'x' } });
    expect(await shown()).toBe(quoted);
    await ask('POST', account, { headers: { [name]: '' } });
    expect((await ask('HEAD', account)).headers.has(name.toLowerCase())).toBe(false);
    expect(await shown()).toBe(etag);
  });

  it('come by default where the operator wants them', async () => {
    const { ask } = await createHarness({ settings: { quoteEtags: true } });
    await ask('PUT', container);
    expect((await ask('PUT', `${container}/o`)).headers.get('etag')).toBe(quoted);
    await ask('POST', container, { headers: { [wish]: 'false' } });
    expect((await ask('GET', `${container}/o`)).headers.get('etag')).toBe(etag);
    expect(JSON.parse((await ask('GET', '/info')).text)).toMatchObject({
      etag_quoter: { enable_by_default: true },
    });
  });

  it('leave the etag of a manifest alone', async () => {
    const { ask } = await createHarness({ settings: { quoteEtags: true } });
    await ask('PUT', container);
    await ask('PUT', `${container}/part`, { body: 'abc' });
    const body = JSON.stringify([{ path: '/c/part' }]);
    await ask('PUT', `${container}/slo?multipart-manifest=put`, { body });
    const head = await ask('HEAD', `${container}/slo`);
    expect(head.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
    expect(head.headers.get('x-manifest-etag')).toMatch(/^[0-9a-f]{32}$/);
  });
});

describe('/crossdomain.xml', () => {
  it('holds the lines that the operator gave', async () => {
    const crossDomainPolicy = '<allow-access-from domain="*" secure="false" />';
    const { ask } = await createHarness({ settings: { crossDomainPolicy } });
    const answer = await ask('GET', '/crossdomain.xml', { token: '' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/xml');
    expect(answer.text).toBe(
      '<?xml version="1.0"?>\n' +
        '<!DOCTYPE cross-domain-policy SYSTEM "http://www.adobe.com/xml/dtds/cross-domain-policy.dtd" >\n' +
        `<cross-domain-policy>\n${crossDomainPolicy}\n</cross-domain-policy>`,
    );
    expect(JSON.parse((await ask('GET', '/info')).text)).toMatchObject({ crossdomain: {} });
  });
});

describe('X-Newest', () => {
  it('changes nothing: every answer is the newest', async () => {
    const { ask } = await createHarness();
    await ask('PUT', container);
    const headers = { 'X-Newest': 'true' };
    await ask('PUT', `${container}/o`, { body: 'a' });
    await ask('PUT', `${container}/o`, { body: 'b' });
    expect((await ask('GET', `${container}/o`, { headers })).text).toBe('b');
    for (const path of [account, container, `${container}/o`]) {
      const plain = await ask('HEAD', path);
      const newest = await ask('HEAD', path, { headers });
      expect([newest.status, newest.names]).toEqual([plain.status, plain.names]);
    }
  });

  const container = `${account}/c`;
});

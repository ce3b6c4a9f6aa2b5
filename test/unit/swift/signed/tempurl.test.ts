import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { defaultTempUrl } from '../../../../server/swift/tempurl/settings.ts';
import { parseSignature } from '../../../../server/swift/tempurl/signature.ts';
import { createHarness, type Harness, type HarnessOptions } from '../harness.ts';

const container = '/v1/AUTH_test/c';
const object = `${container}/dir/o%20%C3%A9`;
const name = '/v1/AUTH_test/c/dir/o é';

async function started(options: HarnessOptions = {}): Promise<Harness> {
  const harness = await createHarness(options);
  const { ask } = harness;
  for (const path of [container, '/v1/AUTH_test/other']) await ask('PUT', path);
  const keys = { 'X-Account-Meta-Temp-URL-Key': 'a1', 'X-Account-Meta-Temp-URL-Key-2': 'a2' };
  await ask('POST', '/v1/AUTH_test', { headers: keys });
  const own = { 'X-Container-Meta-Temp-URL-Key': 'c1', 'X-Container-Meta-Temp-URL-Key-2': 'c2' };
  await ask('POST', container, { headers: own });
  const headers = { 'X-Object-Meta-Secret': '1', 'X-Object-Meta-Public-A': '2' };
  await ask('PUT', object, { body: 'content', headers });
  return harness;
}

interface Signed {
  readonly key?: string;
  readonly digest?: string;
  readonly expires?: number;
  readonly prefix?: string;
  readonly range?: string;
  readonly more?: string;
}

function expiryOf({ clock }: Harness): number {
  return Math.floor(clock.now() / 1000) + 100_000;
}

/** The query of a TempURL for a decoded path. */
function sign(harness: Harness, method: string, path: string, how: Signed = {}): string {
  const { key = 'a1', digest = 'sha256', prefix, range } = how;
  const expires = how.expires ?? expiryOf(harness);
  const what = prefix === undefined ? path : `prefix:/v1/AUTH_test/c/${prefix}`;
  const from = range === undefined ? '' : `ip=${range}\n`;
  const message = `${from}${method}\n${expires}\n${what}`;
  const parameters = new URLSearchParams({
    temp_url_sig: createHmac(digest, key).update(message).digest('hex'),
    temp_url_expires: String(expires),
    ...(prefix === undefined ? {} : { temp_url_prefix: prefix }),
    ...(range === undefined ? {} : { temp_url_ip_range: range }),
  });
  return `?${parameters.toString()}${how.more ?? ''}`;
}

const anonymously = { token: '' };

describe('a TempURL', () => {
  it('lets anybody do what was signed, by each of the four keys', async () => {
    const harness = await started();
    const { ask } = harness;
    for (const key of ['a1', 'a2', 'c1', 'c2']) {
      const query = sign(harness, 'GET', name, { key, digest: key === 'a2' ? 'sha512' : 'sha256' });
      const get = await ask('GET', object + query, anonymously);
      expect([key, get.status, get.text]).toEqual([key, 200, 'content']);
      const head = await ask('HEAD', object + query, anonymously);
      expect([key, head.status]).toEqual([key, 200]);
      expect((await ask('PUT', object + query, anonymously)).status).toBe(401);
    }
    const put = object + sign(harness, 'PUT', name);
    expect((await ask('PUT', put, { ...anonymously, body: 'new' })).status).toBe(201);
    expect((await ask('HEAD', put, anonymously)).headers.get('content-length')).toBe('3');
    expect((await ask('GET', put, anonymously)).status).toBe(401);
    const post = object + sign(harness, 'POST', name);
    expect((await ask('POST', post, anonymously)).status).toBe(202);
    const remove = object + sign(harness, 'DELETE', name, { key: 'c2' });
    expect((await ask('HEAD', remove, anonymously)).status).toBe(401);
    expect((await ask('DELETE', remove, anonymously)).status).toBe(204);
  });

  it('is 401 when anything about it is not right', async () => {
    const harness = await started();
    const { ask } = harness;
    const good = sign(harness, 'GET', name);
    const past = Math.floor(harness.clock.now() / 1000) - 1;
    const wrong = [
      good.replace(/temp_url_sig=[^&]+&/, ''),
      good.replace(/&temp_url_expires=.*$/, ''),
      good.replace('temp_url_sig=', 'temp_url_sig=0'),
      good.replace(/temp_url_sig=./, (text) =>
        text.endsWith('0') ? text.slice(0, -1) + '1' : text.slice(0, -1) + '0',
      ),
      `${good}0`,
      `${good}&temp_url_prefix=dir`,
      sign(harness, 'GET', name, { expires: past }),
      sign(harness, 'GET', name, { key: 'wrong' }),
      sign(harness, 'GET', name, { digest: 'sha1' }),
      sign(harness, 'GET', `${name}x`),
      sign(harness, 'PUT', name),
      sign(harness, 'GET', name, { prefix: 'dir/x' }),
      sign(harness, 'GET', name, { range: '10.0.0.0/8' }),
      sign(harness, 'GET', name, { range: '127.0.0.1/8' }),
      sign(harness, 'GET', name, { range: 'x' }),
    ];
    for (const query of wrong) {
      // A token does not mend it.
      const answer = await ask('GET', object + query);
      expect([query, answer.status]).toEqual([query, 401]);
      expect(answer.text).toBe('401 Unauthorized: Temp URL invalid\n');
      expect(answer.headers.get('www-authenticate')).toBe('Swift realm="AUTH_test"');
    }
    const other = '/v1/AUTH_test/other/o';
    await ask('PUT', other, { body: 'x' });
    const byContainer = sign(harness, 'GET', other, { key: 'c1' });
    expect((await ask('GET', other + byContainer, anonymously)).status).toBe(401);
    for (const path of [container, '/v1/AUTH_test']) {
      const query = sign(harness, 'GET', path);
      expect((await ask('GET', path + query, anonymously)).status).toBe(401);
    }
    await ask('POST', '/v1/AUTH_test', { headers: { 'X-Account-Meta-Temp-URL-Key': '' } });
    expect((await ask('GET', object + good, anonymously)).status).toBe(401);
  });

  it('takes dates, base64, prefixes and networks', async () => {
    const harness = await started();
    const { ask } = harness;
    const expires = expiryOf(harness);
    const iso = `${new Date(expires * 1000).toISOString().slice(0, 19)}Z`;
    const dated = sign(harness, 'GET', name).replace(/expires=\d+/, `expires=${iso}`);
    expect((await ask('GET', object + dated, anonymously)).status).toBe(200);
    const raw = createHmac('sha512', 'a1').update(`GET\n${expires}\n${name}`).digest();
    for (const text of [raw.toString('base64'), raw.toString('base64url')]) {
      for (const shown of [text, text.replace(/=+$/, '')]) {
        const query = new URLSearchParams({
          temp_url_sig: `sha512:${shown}`,
          temp_url_expires: iso,
        });
        expect((await ask('GET', `${object}?${query.toString()}`, anonymously)).status).toBe(200);
      }
    }
    for (const prefix of ['', 'd', 'dir/', 'dir/o é']) {
      const query = sign(harness, 'GET', name, { prefix });
      expect([prefix, (await ask('GET', object + query, anonymously)).status]).toEqual([
        prefix,
        200,
      ]);
    }
    for (const range of ['127.0.0.1', '127.0.0.0/8']) {
      const query = sign(harness, 'GET', name, { range });
      expect((await ask('GET', object + query, anonymously)).status).toBe(200);
    }
    expect(parseSignature('ab')).toBeUndefined();
    expect(parseSignature('md5:AAAA')).toBeUndefined();
    expect(parseSignature('sha256:A*')).toBeUndefined();
    expect(parseSignature(`sha1:${Buffer.alloc(20).toString('base64')}`)?.digest).toBe('sha1');
  });

  it('names the file for browsers, and shows only public metadata', async () => {
    const harness = await started();
    const { ask } = harness;
    const shown = async (more: string): Promise<string | undefined> => {
      const query = sign(harness, 'GET', name, { more });
      const { headers } = await ask('GET', object + query, anonymously);
      expect(headers.get('expires')).toMatch(/GMT$/);
      expect([headers.get('x-object-meta-secret'), headers.get('x-object-meta-public-a')]).toEqual([
        ...[undefined, '2'],
      ]);
      return headers.get('content-disposition');
    };
    expect(await shown('')).toBe(`attachment; filename="o %C3%A9"; filename*=UTF-8''o%20%C3%A9`);
    expect(await shown('&filename=a/b%22.txt')).toBe(
      `attachment; filename="a/b%22.txt"; filename*=UTF-8''a/b%22.txt`,
    );
    expect(await shown('&inline')).toBe('inline');
    expect(await shown('&inline&filename=x')).toBe(`inline; filename="x"; filename*=UTF-8''x`);
    await ask('PUT', object, {
      headers: { 'Content-Disposition': 'attachment; filename=y', 'X-Object-Meta-Public-A': '2' },
    });
    expect(await shown('')).toBe('attachment; filename=y');
  });

  it('points nowhere else, and no parameter beside it counts', async () => {
    const harness = await started();
    const { ask } = harness;
    const put = sign(harness, 'PUT', name);
    for (const header of ['X-Object-Manifest', 'X-Symlink-Target']) {
      const headers = { [header]: 'other/x' };
      const answer = await ask('PUT', object + put, { ...anonymously, headers });
      expect([answer.status, answer.text]).toEqual([
        ...[400, `The header '${header}' is not allowed in this tempurl`],
      ]);
    }
    const body = JSON.stringify([{ path: 'c/x' }]);
    const manifest = `${object}${put}&multipart-manifest=put`;
    expect((await ask('PUT', manifest, { ...anonymously, body })).status).toBe(201);
    expect((await ask('GET', object)).text).toBe(body);
  });

  it('reads large objects as far as its key speaks', async () => {
    const harness = await started();
    const { ask } = harness;
    await ask('PUT', '/v1/AUTH_test/other/seg', { body: 'away ' });
    await ask('PUT', `${container}/seg`, { body: 'here' });
    const dynamic = { headers: { 'X-Object-Manifest': 'other/seg' } };
    await ask('PUT', `${container}/dlo`, dynamic);
    const body = JSON.stringify([{ path: 'other/seg' }, { path: 'c/seg' }]);
    await ask('PUT', `${container}/slo?multipart-manifest=put`, { body });
    const inside = JSON.stringify([{ path: 'c/seg' }]);
    await ask('PUT', `${container}/in?multipart-manifest=put`, { body: inside });
    const get = async (object_: string, key: string): Promise<readonly [number, string]> => {
      const query = sign(harness, 'GET', `${container}/${object_}`, { key });
      const { status, text } = await ask('GET', `${container}/${object_}${query}`, anonymously);
      return [status, text];
    };
    expect(await get('dlo', 'a1')).toEqual([200, 'away ']);
    expect((await get('dlo', 'c1'))[0]).toBe(401);
    expect(await get('slo', 'a1')).toEqual([200, 'away here']);
    expect((await get('slo', 'c1'))[0]).toBe(409);
    expect(await get('in', 'c1')).toEqual([200, 'here']);
  });

  it('does what the operator allows', async () => {
    const harness = await started({
      settings: {
        tempUrl: {
          ...{ ...defaultTempUrl, digests: ['sha1'], methods: ['GET', 'PUT'] },
          ...{ outgoingRemove: ['x-timestamp'], outgoingAllow: [] },
        },
      },
    });
    const { ask } = harness;
    const query = sign(harness, 'GET', name, { digest: 'sha1' });
    const get = await ask('GET', object + query, anonymously);
    expect([get.status, get.headers.has('x-timestamp')]).toEqual([200, false]);
    expect(get.headers.get('x-object-meta-secret')).toBe('1');
    expect((await ask('HEAD', object + query, anonymously)).status).toBe(401);
    expect((await ask('GET', object + sign(harness, 'GET', name), anonymously)).status).toBe(401);
    const info = JSON.parse((await ask('GET', '/info')).text);
    expect(info.tempurl).toMatchObject({ allowed_digests: ['sha1'], methods: ['GET', 'PUT'] });
  });
});

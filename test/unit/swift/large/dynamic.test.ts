import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from '../harness.ts';

const container = '/v1/AUTH_test/c';
const segments = '/v1/AUTH_test/s';
const manifest = `${container}/m`;
const md5 = (body: string): string => createHash('md5').update(body).digest('hex');
const letters = ['a', 'b', 'c', 'd', 'e'];
const whole = letters.map((letter) => letter.repeat(10)).join('');

async function started(): Promise<Harness> {
  const harness = await createHarness();
  await harness.ask('PUT', container);
  await harness.ask('PUT', segments);
  for (const letter of letters.toReversed()) {
    await harness.ask('PUT', `${segments}/p/seg%25_${letter}`, { body: letter.repeat(10) });
  }
  const headers = { 'X-Object-Manifest': 's/p/seg%25', 'X-Object-Meta-A': 'b' };
  await harness.ask('PUT', manifest, { body: 'own', headers });
  return harness;
}

describe('dynamic large objects', () => {
  it('show as their segments in the order of the listing', async () => {
    const { ask } = await started();
    const get = await ask('GET', manifest);
    expect([get.status, get.text]).toEqual([200, whole]);
    const head = await ask('HEAD', manifest);
    for (const { headers } of [get, head]) {
      expect(headers.get('content-length')).toBe('50');
      expect(headers.get('x-object-manifest')).toBe('s/p/seg%25');
      const etag = md5(letters.map((letter) => md5(letter.repeat(10))).join(''));
      expect(headers.get('etag')).toBe(`"${etag}"`);
    }
    const own = await ask('GET', `${manifest}?multipart-manifest=get`);
    expect([own.text, own.headers.get('etag')]).toEqual(['own', md5('own')]);
    expect(own.headers.get('x-object-manifest')).toBe('s/p/seg%25');
  });

  it('serve one range, and judge conditions by the etag of the whole', async () => {
    const { ask } = await started();
    const range = (value: string): ReturnType<Harness['ask']> =>
      ask('GET', manifest, { headers: { Range: value } });
    const inside = await range('bytes=8-32');
    expect([inside.status, inside.text]).toEqual([206, whole.slice(8, 33)]);
    expect(inside.headers.get('content-range')).toBe('bytes 8-32/50');
    expect((await range('bytes=-1')).text).toBe('e');
    const several = await range('bytes=0-4,10-14');
    expect([several.status, several.text]).toEqual([200, whole]);
    const outside = await range('bytes=50-56');
    expect([outside.status, outside.headers.get('content-range')]).toEqual([416, 'bytes */50']);
    const etag = (await ask('HEAD', manifest)).headers.get('etag') ?? '';
    for (const method of ['GET', 'HEAD']) {
      const under = async (headers: Record<string, string>): Promise<number> =>
        (await ask(method, manifest, { headers })).status;
      expect(await under({ 'If-Match': etag })).toBe(200);
      expect(await under({ 'If-Match': `"not"` })).toBe(412);
      expect(await under({ 'If-None-Match': etag })).toBe(304);
    }
  });

  it('are copied as their content, or as manifests when that is asked for', async () => {
    const { ask } = await started();
    await ask('COPY', manifest, { headers: { Destination: 'c/flat' } });
    const flat = await ask('GET', `${container}/flat`);
    expect([flat.text, flat.headers.get('etag')]).toEqual([whole, md5(whole)]);
    expect(flat.headers.has('x-object-manifest')).toBe(false);
    expect(flat.headers.get('x-object-meta-a')).toBe('b');
    const target = { Destination: 'c/again', 'X-Fresh-Metadata': 'true' };
    await ask('COPY', `${manifest}?multipart-manifest=get`, { headers: target });
    expect((await ask('GET', `${container}/again`)).text).toBe(whole);
    expect((await ask('GET', `${container}/again?multipart-manifest=get`)).text).toBe('own');
    const tail = { Destination: 'c/tail', Range: 'bytes=45-' };
    await ask('COPY', manifest, { headers: tail });
    expect((await ask('GET', `${container}/tail`)).text).toBe('eeeee');
  });

  it('begin and end with a POST', async () => {
    const { ask } = await started();
    expect((await ask('POST', manifest)).status).toBe(202);
    expect((await ask('GET', manifest)).text).toBe('own');
    await ask('POST', manifest, { headers: { 'X-Object-Manifest': 's/p/seg%25_b' } });
    expect((await ask('GET', manifest)).text).toBe('b'.repeat(10));
    for (const value of ['s', 's/', '/s/p', 's//p', 's/p?a', 's/p&a']) {
      const headers = { 'X-Object-Manifest': value };
      expect([value, (await ask('PUT', manifest, { headers })).status]).toEqual([value, 400]);
    }
  });

  it('need the right to list their segments', async () => {
    const { ask, tokens } = await started();
    await ask('PUT', `${container}/none`, { headers: { 'X-Object-Manifest': 'absent/p' } });
    expect((await ask('GET', `${container}/none`)).status).toBe(404);
    expect((await ask('GET', manifest, { token: tokens.member })).status).toBe(403);
    await ask('PUT', `${container}/empty`, { headers: { 'X-Object-Manifest': 's/absent' } });
    const empty = await ask('GET', `${container}/empty`);
    expect([empty.status, empty.text, empty.headers.get('content-length')]).toEqual([200, '', '0']);
  });
});

import { describe, expect, test } from 'vitest';
import { allowedMethods } from '../../../../server/swift/routes.ts';
import { type Harness, createHarness } from '../harness.ts';

const container = '/v1/AUTH_test/c';
const object = `${container}/o`;
const page = 'http://page.test';

async function withCors(metadata: Record<string, string>): Promise<Harness> {
  const harness = await createHarness();
  const headers = Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [
      `X-Container-Meta-Access-Control-${name}`,
      value,
    ]),
  );
  await harness.ask('PUT', container, { headers });
  await harness.ask('PUT', object, { body: 'x', headers: { 'X-Object-Meta-Color': 'red' } });
  return harness;
}

const preflight = (method: string, more: Record<string, string> = {}) => ({
  token: '',
  headers: { Origin: page, 'Access-Control-Request-Method': method, ...more },
});

describe('preflights', () => {
  test.each([
    [{ 'Allow-Origin': '*' }, '*'],
    [{ 'Allow-Origin': `http://other.test ${page}` }, page],
    // Only alone is a star shown as one.
    [{ 'Allow-Origin': `* ${page}` }, page],
  ])('%j', async (metadata, shown) => {
    const { ask } = await withCors({ ...metadata, 'Max-Age': '5' });
    for (const path of [container, object, `${container}/absent`]) {
      const more = { 'Access-Control-Request-Headers': 'x-one, X-Two' };
      const answer = await ask('OPTIONS', path, preflight('PUT', more));
      const shape = path === container ? 'container' : 'object';
      const { status, headers } = answer;
      expect([status, headers.get('access-control-allow-origin')]).toEqual([200, shown]);
      expect(headers.get('access-control-max-age')).toBe('5');
      expect(headers.get('access-control-allow-methods')).toBe(allowedMethods(shape));
      expect(headers.get('access-control-allow-headers')).toBe('x-one, X-Two');
      expect(headers.get('vary')).toBe(
        `${shown === '*' ? '' : 'Origin, '}Access-Control-Request-Headers`,
      );
      expect(headers.has('access-control-expose-headers')).toBe(false);
    }
  });

  test('are refused to other origins, methods and containers', async () => {
    const { ask } = await withCors({ 'Allow-Origin': 'http://page.test.evil' });
    expect((await ask('OPTIONS', object, preflight('GET'))).status).toBe(401);
    const open = await withCors({ 'Allow-Origin': '*' });
    expect((await open.ask('OPTIONS', object, preflight('PATCH'))).status).toBe(401);
    const noMethod = { token: '', headers: { Origin: page } };
    expect((await open.ask('OPTIONS', object, noMethod)).status).toBe(401);
    expect((await open.ask('OPTIONS', '/v1/AUTH_test/none/o', preflight('GET'))).status).toBe(401);
    expect((await open.ask('OPTIONS', '/v1/AUTH_none/c/o', preflight('GET'))).status).toBe(401);
  });
});

describe('replies', () => {
  test('tell what scripts may read', async () => {
    const { ask } = await withCors({ 'Allow-Origin': '*', 'Expose-Headers': 'X-Own other' });
    const answer = await ask('GET', object, { headers: { Origin: page } });
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.has('vary')).toBe(false);
    const exposed = answer.headers.get('access-control-expose-headers')?.split(', ');
    for (const name of ['etag', 'x-trans-id', 'x-object-meta-color', 'x-own', 'other']) {
      expect(exposed).toContain(name);
    }
  });

  test('are for the origins that are allowed, refusals too, and vary by them', async () => {
    const { ask } = await withCors({ 'Allow-Origin': page });
    const headers = { Origin: page };
    for (const answer of [
      await ask('GET', object, { headers }),
      await ask('GET', `${container}/none`, { headers }),
      await ask('GET', object, { headers, token: '' }),
    ]) {
      expect(answer.headers.get('access-control-allow-origin')).toBe(page);
      expect(answer.headers.get('vary')).toBe('Origin');
    }
    const listing = await ask('GET', container, { headers });
    expect(listing.headers.get('vary')).toBe('Accept, Origin');
    const other = await ask('GET', object, { headers: { Origin: 'http://x.test' } });
    expect([other.status, other.headers.has('access-control-allow-origin')]).toEqual([200, false]);
    const plain = await ask('GET', object);
    expect(plain.headers.has('access-control-allow-origin')).toBe(false);
  });
});

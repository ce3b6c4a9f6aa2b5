import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readableSize } from '../../../server/swift/web/page.ts';
import { createHarness, type Harness } from './harness.ts';

const site = '/v1/AUTH_test/site';
const web = { headers: { 'X-Web-Mode': 'true' } };

async function started(metadata: Readonly<Record<string, string>>): Promise<Harness> {
  const harness = await createHarness();
  const headers = Object.fromEntries(
    Object.entries(metadata).map(([name, value]) => [`X-Container-Meta-Web-${name}`, value]),
  );
  await harness.ask('PUT', site, { headers });
  for (const [key, type, body] of [
    ['index.html', 'text/html', 'the index'],
    ['dir/', 'application/directory', ''],
    ['dir/a b.txt', 'text/plain', 'x'.repeat(3000)],
    ['dir/sub<1>/o', 'text/plain', 'o'],
    ['marked', 'application/directory', ''],
    ['docs/index.html', 'text/html', 'the docs'],
    ['404error.html', 'text/html', 'not here'],
    ['401error.html', 'text/html', 'not for you'],
  ] as const) {
    const path = `${site}/${encodeURIComponent(key)}`;
    const put = await harness.ask('PUT', path, { body, headers: { 'Content-Type': type } });
    expect(put.status).toBe(201);
  }
  return harness;
}

describe('a container as a website', () => {
  it('shows its index, and redirects to where relative links work', async () => {
    const { ask } = await started({ Index: 'index.html' });
    const bare = await ask('GET', site, web);
    expect([bare.status, bare.headers.get('location')]).toEqual([
      301,
      `http://127.0.0.1:8080${site}/`,
    ]);
    const index = await ask('GET', `${site}/`, web);
    expect([index.status, index.text]).toEqual([200, 'the index']);
    expect(index.headers.get('content-type')).toBe('text/html');
    const docs = await ask('GET', `${site}/docs`, web);
    expect([docs.status, docs.headers.get('location')]).toEqual([
      301,
      `http://127.0.0.1:8080${site}/docs/`,
    ]);
    expect((await ask('GET', `${site}/docs/`, web)).text).toBe('the docs');
    expect((await ask('HEAD', `${site}/docs/`, web)).headers.get('content-length')).toBe('8');
    const range = { headers: { ...web.headers, Range: 'bytes=4-' } };
    const part = await ask('GET', `${site}/docs/`, range);
    expect([part.status, part.text]).toEqual([206, 'docs']);
  });

  it('says that it is not listed, with its own page for that', async () => {
    const { ask } = await started({ Index: 'index.html' });
    for (const path of ['/dir/', '/nothing/', '/marked/']) {
      const answer = await ask('GET', site + path, web);
      expect([path, answer.status]).toEqual([path, 404]);
      expect(answer.text).toContain('Web Listing Disabled');
    }
    expect((await ask('GET', `${site}/nothing`, web)).status).toBe(404);
    const own = await started({ Index: 'index.html', Error: 'error.html' });
    for (const path of ['/nothing', '/nothing/']) {
      const answer = await own.ask('GET', site + path, web);
      expect([answer.status, answer.text]).toEqual([404, 'not here']);
    }
  });

  it('lists directories when it shall', async () => {
    const { ask } = await started({ Listings: 'true', 'Listings-CSS': 'style.css' });
    const root = await ask('GET', `${site}/`, web);
    expect(root.status).toBe(200);
    expect(root.headers.get('content-type')).toBe('text/html; charset=UTF-8');
    expect(root.text).toContain('<title>Listing of /v1/AUTH_test/site/</title>');
    expect(root.text).toContain('<a href="./dir/">dir/</a>');
    expect(root.text).toContain('<a href="./index%2Ehtml">index.html</a>');
    expect(root.text).toContain('<tr class="item type-text type-html">');
    expect(root.text).toContain('href="style.css" />');
    expect(root.text).not.toContain('../');
    for (const path of ['/dir', '/docs', '/marked']) {
      expect((await ask('GET', site + path, web)).status).toBe(path === '/marked' ? 404 : 301);
    }
    const dir = await ask('GET', `${site}/dir/`, web);
    expect(dir.text).toContain('<a href="../">../</a>');
    expect(dir.text).toContain('<a href="./a%20b%2Etxt">a b.txt</a>');
    expect(dir.text).toContain('<td class="colsize">3Ki</td>');
    expect(dir.text).toContain('<a href="./sub%3C1%3E/">sub&lt;1&gt;/</a>');
    expect(dir.text).toContain('href="../style.css" />');
    expect(dir.text).not.toContain('index.html');
    expect((await ask('GET', `${site}/none/`, web)).status).toBe(404);
    const labelled = await started({ Listings: '1', 'Listings-Label': 'My & site' });
    const page = await labelled.ask('GET', `${site}/dir/`, web);
    expect(page.text).toContain('Listing of My &amp; site/dir/');
  });

  it('is one only for those who visit it', async () => {
    const { ask, tokens } = await started({ Index: 'index.html', Error: 'error.html' });
    expect((await ask('GET', `${site}/`)).text).toContain('index.html\n');
    expect((await ask('GET', `${site}/docs`)).status).toBe(404);
    const none = await createHarness();
    await none.ask('PUT', site);
    expect((await none.ask('GET', site, web)).status).toBe(404);
    expect((await none.ask('GET', site)).status).toBe(204);
    // Its error page is read with the visitor's rights, which a stranger has none of.
    const stranger = await ask('GET', `${site}/`, { token: '' });
    expect([stranger.status, stranger.text.includes('not for you')]).toEqual([401, false]);
    const member = await ask('GET', `${site}/`, { ...web, token: tokens.member });
    expect(member.status).toBe(403);
  });

  it('can be entered by a TempURL, whose links stay good', async () => {
    const { ask, clock } = await started({ Listings: 'true' });
    await ask('POST', site, { headers: { 'X-Container-Meta-Temp-URL-Key': 'key' } });
    const signed = (prefix: string): string => {
      const expires = Math.floor(clock.now() / 1000) + 1000;
      const message = `GET\n${expires}\nprefix:${site}/${prefix}`;
      const signature = createHmac('sha256', 'key').update(message).digest('hex');
      return `temp_url_prefix=${encodeURIComponent(prefix)}&temp_url_expires=${expires}&temp_url_sig=${signature}`;
    };
    const stranger = { token: '' };
    const query = signed('dir/');
    const dir = await ask('GET', `${site}/dir/?${query}&inline`, stranger);
    expect(dir.status).toBe(200);
    const shown = query.replaceAll('&', '&amp;').replace('%2F', '/');
    expect(dir.text).toContain(`<a href="./a%20b%2Etxt?${shown}&amp;inline">`);
    expect(dir.text).not.toContain('../');
    expect(dir.headers.get('content-disposition')).toBe('inline');
    expect((await ask('GET', `${site}/?${query}`, stranger)).status).toBe(401);
    const whole = signed('');
    expect((await ask('GET', `${site}?${whole}`, stranger)).status).toBe(301);
    expect((await ask('GET', `${site}/?${whole}`, stranger)).text).toContain('./dir/?temp_url');
    const sub = await ask('GET', `${site}/dir/?${whole}`, stranger);
    expect(sub.text).toContain('<a href="../?temp_url_prefix=&amp;');
    await ask('POST', site, { headers: { 'X-Remove-Container-Meta-Web-Listings': 'x' } });
    expect((await ask('GET', `${site}/?${whole}`, stranger)).status).toBe(401);
    expect((await ask('GET', `${site}/dir/?${whole}`, stranger)).status).toBe(200);
  });

  it('tells sizes as people read them', () => {
    expect([0, 1023, 1024, 1600, 1024 ** 2, 1024 ** 3 * 5].map(readableSize)).toEqual([
      '0',
      '1023',
      '1Ki',
      '2Ki',
      '1Mi',
      '5Gi',
    ]);
  });
});

describe('a host that names an account', () => {
  const settings = { remap: { storageDomains: ['store.test'], accountPrefixes: ['AUTH'] } };

  it('stands for the path', async () => {
    const { ask } = await createHarness({ settings });
    const at = (Host: string): { headers: Record<string, string> } => ({ headers: { Host } });
    expect((await ask('PUT', '/c', at('auth-test.STORE.test:8080'))).status).toBe(201);
    expect(
      (await ask('PUT', '/a%20b', { ...at('c.AUTH_test.store.test'), body: 'x' })).status,
    ).toBe(201);
    expect((await ask('GET', '/v1/AUTH_test/c/a%20b')).text).toBe('x');
    expect((await ask('GET', '/c/a%20b', at('AUTH-test.store.test'))).text).toBe('x');
    expect((await ask('GET', '/', at('AUTH-test.store.test'))).text).toBe('c\n');
    expect((await ask('GET', '/', at('a.b.AUTH-test.store.test'))).status).toBe(400);
    expect((await ask('GET', '/c', at('OTHER-test.store.test'))).status).not.toBe(200);
    expect((await ask('GET', '/healthcheck', at('AUTH-test.store.test'))).text).toBe('OK');
  });

  it('stays in the address of a redirect', async () => {
    const { ask } = await createHarness({ settings });
    await ask('PUT', site, { headers: { 'X-Container-Meta-Web-Listings': 'true' } });
    await ask('PUT', `${site}/dir/o`, { body: 'x' });
    const answer = await ask('GET', '/dir', {
      headers: { ...web.headers, Host: 'site.AUTH_test.store.test' },
    });
    expect(answer.headers.get('location')).toBe('http://site.AUTH_test.store.test/dir/');
  });
});

import { describe, expect, it } from 'vitest';
import { type Answer, type Harness, createHarness, one } from '../harness.ts';
import { publicRules } from './public-rules.ts';

const SITE = 'public-site.s3-website.test:8080';

function harness(): Harness {
  return createHarness({
    websiteSuffixes: ['s3-website.test'],
    virtualHostSuffixes: ['test'],
    dialect: publicRules(['object.read', 'container.list']),
  });
}

function configure(h: Harness, inside: string, bucket = 'public-site'): Promise<Answer> {
  const body = `<WebsiteConfiguration>${inside}</WebsiteConfiguration>`;
  return h.ask('PUT', `/${bucket}`, { query: { website: '' }, body });
}

function visit(h: Harness, path: string, method = 'GET', host = SITE): Promise<Answer> {
  return h.ask(method, path, { headers: { host }, anonymous: true });
}

const INDEX = '<IndexDocument><Suffix>index.html</Suffix></IndexDocument>';
const ERROR = '<ErrorDocument><Key>oops.html</Key></ErrorDocument>';

function rules(...each: readonly (readonly [condition: string, redirect: string])[]): string {
  const inside = each.map(
    ([condition, redirect]) =>
      `<RoutingRule>${condition === '' ? '' : `<Condition>${condition}</Condition>`}<Redirect>${redirect}</Redirect></RoutingRule>`,
  );
  return `<RoutingRules>${inside.join('')}</RoutingRules>`;
}

async function site(inside: string): Promise<Harness> {
  const h = harness();
  await h.ask('PUT', '/public-site');
  expect((await configure(h, inside)).status).toBe(200);
  const html = { 'content-type': 'text/html' };
  await h.ask('PUT', '/public-site/index.html', { body: 'home', headers: html });
  await h.ask('PUT', '/public-site/docs/index.html', { body: 'docs', headers: html });
  await h.ask('PUT', '/public-site/oops.html', { body: 'own error', headers: html });
  return h;
}

describe('the configuration of a website', () => {
  it('comes back as it was put, and goes', async () => {
    const h = harness();
    await h.ask('PUT', '/public-site');
    const get = (): Promise<Answer> => h.ask('GET', '/public-site', { query: { website: '' } });
    expect([(await get()).status, (await get()).code]).toEqual([404, 'NoSuchWebsiteConfiguration']);
    const routing = rules([
      '<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals><KeyPrefixEquals>a/</KeyPrefixEquals>',
      '<Protocol>https</Protocol><HostName>other.test</HostName><ReplaceKeyPrefixWith>b/</ReplaceKeyPrefixWith><HttpRedirectCode>302</HttpRedirectCode>',
    ]);
    await configure(h, INDEX + ERROR + routing);
    expect((await get()).text).toContain(INDEX + ERROR + routing);
    const all =
      '<RedirectAllRequestsTo><HostName>x.test</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>';
    await configure(h, all);
    expect((await get()).text).toContain(all);
    const gone = await h.ask('DELETE', '/public-site', { query: { website: '' } });
    expect([gone.status, (await get()).status]).toEqual([204, 404]);
  });

  it.each([
    ['', 'InvalidArgument'],
    ['<IndexDocument><Suffix></Suffix></IndexDocument>', 'InvalidArgument'],
    ['<IndexDocument><Suffix>a/b</Suffix></IndexDocument>', 'InvalidArgument'],
    [
      `${INDEX}<RedirectAllRequestsTo><HostName>x</HostName></RedirectAllRequestsTo>`,
      'MalformedXML',
    ],
    ['<RedirectAllRequestsTo><Protocol>http</Protocol></RedirectAllRequestsTo>', 'MalformedXML'],
    [
      '<RedirectAllRequestsTo><HostName>x</HostName><Protocol>ftp</Protocol></RedirectAllRequestsTo>',
      'InvalidRequest',
    ],
    [
      '<RedirectAllRequestsTo><HostName>x.test/y</HostName></RedirectAllRequestsTo>',
      'InvalidRequest',
    ],
    [INDEX + rules(['', '<HttpRedirectCode>200</HttpRedirectCode>']), 'InvalidRequest'],
    [INDEX + rules(['', '<HttpRedirectCode>300</HttpRedirectCode>']), 'InvalidRequest'],
    [INDEX + rules(['', '<HttpRedirectCode>306</HttpRedirectCode>']), 'InvalidRequest'],
    [INDEX + rules(['', '<HttpRedirectCode>3xx</HttpRedirectCode>']), 'MalformedXML'],
    [
      INDEX +
        rules([
          '<HttpErrorCodeReturnedEquals>302</HttpErrorCodeReturnedEquals>',
          '<HostName>x</HostName>',
        ]),
      'InvalidRequest',
    ],
    [
      INDEX +
        rules([
          '',
          '<ReplaceKeyWith>a</ReplaceKeyWith><ReplaceKeyPrefixWith>b</ReplaceKeyPrefixWith>',
        ]),
      'InvalidRequest',
    ],
    [INDEX + rules(['', '']), 'MalformedXML'],
    [`${INDEX}<RoutingRules/>`, 'MalformedXML'],
    [`${INDEX}<Unknown/>`, 'MalformedXML'],
  ])('%s is refused', async (inside, code) => {
    const h = harness();
    await h.ask('PUT', '/public-site');
    expect((await configure(h, inside)).code).toBe(code);
  });
});

describe('a website', () => {
  it('shows index documents and pages to everybody', async () => {
    const h = await site(INDEX);
    const home = await visit(h, '/');
    expect([home.status, home.text, home.headers.get('content-type')]).toEqual([
      200,
      'home',
      'text/html',
    ]);
    expect((await visit(h, '/docs/')).text).toBe('docs');
    expect((await visit(h, '/docs/index.html')).text).toBe('docs');
    const folder = await visit(h, '/docs');
    expect([folder.status, folder.headers.get('location')]).toEqual([302, '/docs/']);
    const head = await visit(h, '/', 'HEAD');
    expect([head.status, head.text, head.headers.get('content-length')]).toEqual([200, '', '4']);
  });

  it('answers errors in HTML, or with the page for them', async () => {
    const h = await site(INDEX);
    const plain = await visit(h, '/none');
    expect(plain.status).toBe(404);
    expect(plain.headers.get('content-type')).toContain('text/html');
    expect(plain.text).toContain('<li>Code: NoSuchKey</li>');
    expect(plain.headers.get('x-amz-error-code')).toBe('NoSuchKey');
    await configure(h, INDEX + ERROR);
    const own = await visit(h, '/none');
    expect([own.status, own.text]).toEqual([404, 'own error']);
    await h.ask('DELETE', '/public-site/oops.html');
    const none = await visit(h, '/none');
    expect(none.text).toContain('Attempting to Retrieve a Custom Error Document');
    expect((await visit(h, '/', 'POST')).status).toBe(405);
    expect((await visit(h, '/', 'GET', 'absent.s3-website.test')).text).toContain('NoSuchBucket');
    await h.ask('PUT', '/public-bare');
    const bare = await visit(h, '/', 'GET', 'public-bare.s3-website.test');
    expect(bare.text).toContain('NoSuchWebsiteConfiguration');
  });

  it('shows nothing that is not public, to its owner neither', async () => {
    const h = await site(INDEX);
    await h.ask('PUT', '/closed');
    await configure(h, INDEX, 'closed');
    await h.ask('PUT', '/closed/index.html', { body: 'secret' });
    const host = 'closed.s3-website.test';
    const stranger = await visit(h, '/', 'GET', host);
    const owner = await h.ask('GET', '/', { headers: { host } });
    expect([stranger.status, owner.status]).toEqual([403, 403]);
    expect(stranger.text + owner.text).not.toContain('secret');
    // The other endpoint still knows the owner.
    expect((await h.ask('GET', '/closed/index.html')).text).toBe('secret');
  });

  it('sends everybody elsewhere', async () => {
    const to =
      '<RedirectAllRequestsTo><HostName>x.test</HostName><Protocol>https</Protocol></RedirectAllRequestsTo>';
    const h = await site(to);
    const answer = await visit(h, '/a b/c\r\nEvil:1');
    expect([answer.status, answer.headers.get('location')]).toEqual([
      301,
      'https://x.test/a%20b/c%0D%0AEvil:1',
    ]);
  });

  it('follows its rules before and after it looks', async () => {
    const h = await site(
      INDEX +
        rules(
          [
            '<KeyPrefixEquals>old/</KeyPrefixEquals>',
            '<ReplaceKeyPrefixWith>new/</ReplaceKeyPrefixWith>',
          ],
          [
            '<HttpErrorCodeReturnedEquals>404</HttpErrorCodeReturnedEquals><KeyPrefixEquals>lost/</KeyPrefixEquals>',
            '<HostName>help.test</HostName><ReplaceKeyWith>search</ReplaceKeyWith><HttpRedirectCode>307</HttpRedirectCode>',
          ],
        ),
    );
    const shown = async (path: string): Promise<readonly unknown[]> => {
      const answer = await visit(h, path);
      return [answer.status, answer.headers.get('location')];
    };
    expect(await shown('/old/a/b')).toEqual([301, `http://${SITE}/new/a/b`]);
    expect(await shown('/lost/x')).toEqual([307, 'http://help.test/search']);
    await h.ask('PUT', '/public-site/lost/x', { body: 'found' });
    expect(await shown('/lost/x')).toEqual([200, undefined]);
  });

  it('objects may stand for another place', async () => {
    const h = await site(INDEX);
    const header = 'x-amz-website-redirect-location';
    await h.ask('PUT', '/public-site/moved', { body: '', headers: { [header]: '/docs/' } });
    const moved = await visit(h, '/moved');
    expect([moved.status, moved.headers.get('location')]).toEqual([301, '/docs/']);
    expect((await h.ask('HEAD', '/public-site/moved')).headers.get(header)).toBe('/docs/');
    const copy = { 'x-amz-copy-source': '/public-site/moved' };
    await h.ask('PUT', '/public-site/copy', { headers: copy });
    expect((await h.ask('HEAD', '/public-site/copy')).headers.get(header)).toBeUndefined();
    await h.ask('PUT', '/public-site/copy', { headers: { ...copy, [header]: 'http://x.test/' } });
    expect((await h.ask('HEAD', '/public-site/copy')).headers.get(header)).toBe('http://x.test/');
    const bad = await h.ask('PUT', '/public-site/bad', { body: '', headers: { [header]: 'docs' } });
    expect([bad.status, bad.code]).toEqual([400, 'InvalidRedirectLocation']);
    expect(one(bad.text, 'Code')).toBe('InvalidRedirectLocation');
  });

  it('ignores what S3 would read of a query, and takes conditions', async () => {
    const h = await site(INDEX);
    const first = await visit(h, '/');
    const etag = first.headers.get('etag') ?? '';
    const again = await h.ask('GET', '/', {
      headers: { host: SITE, 'if-none-match': etag },
      anonymous: true,
    });
    expect([again.status, again.text]).toEqual([304, '']);
    const acl = await h.ask('GET', '/', {
      query: { acl: '' },
      headers: { host: SITE },
      anonymous: true,
    });
    expect(acl.text).toBe('home');
  });
});

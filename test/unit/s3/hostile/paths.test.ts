/** Names that look like ways out: in URLs, documents, copy sources and forms they are names and nothing else. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Answer, all, createHarness, type Harness, one, other } from '../harness.ts';

const names = [
  '../../etc/passwd',
  '..',
  '.',
  './k',
  'a/../k',
  'a/./k',
  'a//k',
  '/k',
  '//',
  '\\..\\k',
  '%2e%2e/k',
  '%252e%252e%252fk',
  'k%00',
  'k\u0000.txt',
  'k?versionId=null',
  'k#fragment',
  'C:\\k',
  'con',
  '~/.ssh/id',
  '..%c0%af..',
  '\u202egnp.exe',
  ' k ',
  'k\n',
];

async function withBucket(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  await harness.ask('PUT', '/bucket/k', { body: 'the other' });
  return harness;
}

const keysOf = async ({ ask }: Harness): Promise<string[]> => {
  const query = { 'list-type': '2', 'encoding-type': 'url' };
  return all((await ask('GET', '/bucket', { query })).text, 'Key').map(decodeURIComponent);
};

function removeAll({ ask }: Harness, key: string): Promise<Answer> {
  const escaped = key.replace(/./gsu, (character) => `&#${character.codePointAt(0)};`);
  const body = `<Delete><Object><Key>${escaped}</Key></Object></Delete>`;
  const md5 = createHash('md5').update(body).digest('base64');
  return ask('POST', '/bucket', { query: { delete: '' }, body, headers: { 'content-md5': md5 } });
}

describe.each(names.map((name) => [JSON.stringify(name), name]))('the key %s', (_shown, key) => {
  test('is itself in a URL, a document and a copy source', async () => {
    const harness = await withBucket();
    const { ask } = harness;
    expect((await ask('PUT', `/bucket/${key}`, { body: key })).status).toBe(200);
    expect(await keysOf(harness)).toEqual(
      ['k', key].toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    );
    expect((await ask('GET', `/bucket/${key}`)).text).toBe(key);
    const source = `/bucket/${encodeURIComponent(key)}`;
    const headers = { 'x-amz-copy-source': source };
    expect((await ask('PUT', '/bucket/copy', { headers })).status).toBe(200);
    expect((await ask('GET', '/bucket/copy')).text).toBe(key);
    expect((await removeAll(harness, key)).status).toBe(200);
    expect(await keysOf(harness)).toEqual(['copy', 'k']);
    expect((await ask('GET', '/bucket/k')).text).toBe('the other');
  });
});

describe('a copy source', () => {
  test.each([
    '/other/secret',
    'bucket/../other/secret',
    '/bucket/../../other/secret',
    '//other/secret',
    'bucket%2F..%2F..%2Fother%2Fsecret',
    '%2Fother%2Fsecret',
  ])('%s reads nothing that its caller may not', async (source) => {
    const harness = await withBucket();
    const { ask } = harness;
    await ask('PUT', '/other', { sign: { key: other } });
    await ask('PUT', '/other/secret', { body: 'secret', sign: { key: other } });
    const answer = await ask('PUT', '/bucket/copy', { headers: { 'x-amz-copy-source': source } });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(await keysOf(harness)).toEqual(['k']);
  });
});

test.each(['..', '.', 'a/b', '%2e%2e', '../bucket', 'bucket\u0000', '\u00e9'])(
  'the bucket %j is none',
  async (bucket) => {
    const { ask } = createHarness();
    const made = await ask('PUT', `/${bucket}`);
    expect(made.status).toBeGreaterThanOrEqual(400);
    expect(all((await ask('GET', '/')).text, 'Name')).toEqual([]);
  },
);

describe('documents', () => {
  const external = [
    '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Tagging><TagSet><Tag><Key>k</Key><Value>&e;</Value></Tag></TagSet></Tagging>',
    '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><Tagging><TagSet/></Tagging>',
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]><Tagging><TagSet><Tag><Key>k</Key><Value>&b;</Value></Tag></TagSet></Tagging>',
    '<Tagging xmlns:xi="http://www.w3.org/2001/XInclude"><xi:include href="file:///etc/passwd" parse="text"/></Tagging>',
    '<?xml-stylesheet href="file:///etc/passwd"?><Tagging><TagSet/></Tagging>',
  ];
  test.each(external)('name nothing outside of themselves: %s', async (body) => {
    const { ask } = await withBucket();
    for (const path of ['/bucket', '/bucket/k']) {
      const answer = await ask('PUT', path, { query: { tagging: '' }, body });
      expect([answer.status, answer.code]).toEqual([400, 'MalformedXML']);
    }
    expect(all((await ask('GET', '/bucket/k', { query: { tagging: '' } })).text, 'Key')).toEqual(
      [],
    );
  });

  test('nested without end, they are refused and nothing hangs', async () => {
    const { ask } = await withBucket();
    const deep = `${'<a>'.repeat(50_000)}${'</a>'.repeat(50_000)}`;
    const wide = `<Tagging><TagSet>${'<Tag/>'.repeat(50_000)}</TagSet></Tagging>`;
    for (const body of [deep, wide, `<Tagging ${'a="b" '.repeat(50_000)}/>`]) {
      const answer = await ask('PUT', '/bucket/k', { query: { tagging: '' }, body });
      expect(answer.status).toBe(400);
      expect(one(answer.text, 'Code')).toBeDefined();
    }
  });
});

/** Line breaks in what is stored and shown again: none of it may become a header, or markup, of a reply. */
import { createHmac } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Answer, createHarness, type Harness, requestOf, stampOf, owner } from '../harness.ts';
import { sign } from '../signer.ts';

const breaks = ['\r\n', '\n', '\r', '\u0000'];
const evil = 'v\r\nx-injected: 1';

async function withBucket(): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  return harness;
}

/** What a reply would put on the wire: names and values without any character that ends a line. */
function checkWire(answer: Answer): void {
  expect(answer.headers.has('x-injected')).toBe(false);
  for (const [name, value] of answer.headers) {
    // oxlint-disable-next-line no-control-regex -- They are what must not be there.
    expect([name, /[\r\n\u0000]/.test(name + value)]).toEqual([name, false]);
  }
}

/** Headers that a write takes and a read shows. The parser of HTTP lets none of these through; a form's fields do not come that way. */
const stored = [
  'content-type',
  'cache-control',
  'content-disposition',
  'content-encoding',
  'content-language',
  'expires',
  'x-amz-meta-a',
  'x-amz-website-redirect-location',
  'x-amz-storage-class',
  'x-amz-tagging',
];

/** A form whose policy lets in everything that it holds; signed by Version 2. */
function postForm(
  { ask, clock }: Harness,
  fields: Readonly<Record<string, string>>,
): Promise<Answer> {
  const open = ['key', ...Object.keys(fields)].map((name) => ['starts-with', `$${name}`, '']);
  const expiration = new Date(clock.now() + 3_600_000).toISOString();
  const conditions = [{ bucket: 'bucket' }, ...open];
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
  const signature = createHmac('sha1', owner.secretAccessKey).update(policy).digest('base64');
  const signed = { key: 'k', AWSAccessKeyId: owner.accessKeyId, policy, signature, ...fields };
  const part = (name: string, text: string): string =>
    `--B\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`;
  const parts = Object.entries(signed).map(([name, text]) => part(name, text));
  const body = `${parts.join('')}${part('file', 'x')}--B--\r\n`;
  const headers = { 'content-type': 'multipart/form-data; boundary=B' };
  return ask('POST', '/bucket', { headers, body, anonymous: true });
}

test('a form without anything evil in it is taken', async () => {
  const harness = await withBucket();
  expect((await postForm(harness, { 'x-amz-meta-a': 'v' })).status).toBe(204);
  expect((await harness.ask('HEAD', '/bucket/k')).headers.get('x-amz-meta-a')).toBe('v');
});

describe.each(stored)('a form field %s', (name) => {
  test.each(breaks)('with %j inside', async (lineBreak) => {
    const harness = await withBucket();
    const { ask } = harness;
    const value = evil.replace('\r\n', lineBreak);
    checkWire(await postForm(harness, { [name]: value }));
    for (const method of ['GET', 'HEAD']) checkWire(await ask(method, '/bucket/k'));
    checkWire(await ask('GET', '/bucket/k', { query: { tagging: '' } }));
  });
});

test.each(breaks)('a response-* override with %j inside is refused', async (lineBreak) => {
  const { ask } = await withBucket();
  await ask('PUT', '/bucket/k', { body: 'x' });
  const value = evil.replace('\r\n', lineBreak);
  for (const what of ['content-type', 'content-disposition', 'cache-control', 'expires']) {
    const answer = await ask('GET', '/bucket/k', { query: { [`response-${what}`]: value } });
    expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument']);
    checkWire(answer);
  }
});

test('names and tags come back as text of documents, whatever they hold', async () => {
  const { ask } = await withBucket();
  const key = '<Key>&"\'\u0001]]></Key>';
  await ask('PUT', `/bucket/${key}`, { body: 'x' });
  const { text } = await ask('GET', '/bucket');
  expect(text.match(/<Contents>/g)).toHaveLength(1);
  expect(text).toContain('&lt;Key&gt;&amp;&quot;');
  const query = { prefix: '</Prefix><x>', delimiter: '<y>', marker: '"&' };
  const listed = (await ask('GET', '/bucket', { query })).text;
  expect(listed).not.toContain('<x>');
  expect(listed).not.toContain('<y>');
  const absent = (await ask('GET', '/bucket/<Error>')).text;
  expect(absent.match(/<Error>/g)).toHaveLength(1);
});

test('the redirect of a form goes to a page of the web, and to nothing else', async () => {
  const redirect = async (to: string): Promise<Answer> =>
    postForm(await withBucket(), { success_action_redirect: to });
  const good = await redirect('https://page.test/done?a=b');
  expect(good.status).toBe(303);
  expect(good.headers.get('location')).toMatch(/^https:\/\/page\.test\//);
  for (const bad of ['javascript:alert(1)', 'https://page.test/\r\nx-injected: 1']) {
    const answer = await redirect(bad);
    checkWire(answer);
    expect(answer.headers.get('location') ?? '').not.toContain('javascript:');
  }
});

/** The same request as it would come if a front let such bytes through. */
test.each(stored)(
  'the header %s with a line break is shown without one, or refused',
  async (name) => {
    const harness = await withBucket();
    const { clock, door, ask } = harness;
    const headers = { [name]: evil };
    const request = { method: 'PUT', path: '/bucket/k', body: Buffer.from('x'), headers };
    const signed = sign(request, { key: owner, stamp: stampOf(clock.now()) });
    const reply = await door.handle(requestOf(signed, false));
    for (const [, value] of reply.headers) expect(value).not.toMatch(/[\r\n]/);
    for (const method of ['GET', 'HEAD']) checkWire(await ask(method, '/bucket/k'));
  },
);

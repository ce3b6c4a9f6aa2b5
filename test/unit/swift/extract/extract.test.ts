import { gzipSync } from 'node:zlib';
import { packTar, type TarEntry } from 'modern-tar';
import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from '../harness.ts';

type Answer = Awaited<ReturnType<Harness['ask']>>;
interface Sent {
  readonly path?: string;
  readonly kind?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly token?: string;
}

function file(name: string, body: string, pax: Record<string, string> = {}): TarEntry {
  return { header: { name, size: Buffer.byteLength(body), type: 'file', pax }, body };
}

const usual = [
  file('./one/a.txt', 'first'),
  { header: { name: 'one/dir/', size: 0, type: 'directory' } } satisfies TarEntry,
  file('/two/dir/b', 'x'.repeat(20_000)),
  file('one/é/..', 'up'),
  file('top', 'ignored'),
];

async function send(
  { ask, tokens }: Harness,
  archive: Uint8Array,
  { path = '/v1/AUTH_test', kind = 'tar', headers = {}, token = tokens.owner }: Sent = {},
): Promise<Answer> {
  const asked = { body: archive, token, headers: { Accept: 'application/json', ...headers } };
  return ask('PUT', `${path}?extract-archive=${kind}`, asked);
}

describe('an archive', () => {
  it('becomes objects in containers that are made for them', async () => {
    const harness = await createHarness();
    const { ask } = harness;
    const tar = await packTar(usual);
    for (const [kind, bytes] of [
      ['tar', tar],
      ['.tar.gz', gzipSync(tar)],
      ['TAR.GZ', Buffer.concat([gzipSync(tar.subarray(0, 1000)), gzipSync(tar.subarray(1000))])],
    ] as const) {
      const answer = await send(harness, bytes, { kind });
      expect([answer.status, JSON.parse(answer.text)]).toEqual([
        200,
        {
          ...{ 'Response Status': '201 Created', 'Response Body': '' },
          ...{ 'Number Files Created': 3, Errors: [] },
        },
      ]);
    }
    expect((await ask('GET', '/v1/AUTH_test')).text).toBe('one\ntwo\n');
    const first = await ask('GET', '/v1/AUTH_test/one/a.txt');
    expect([first.text, first.headers.get('content-type')]).toEqual(['first', 'text/plain']);
    expect((await ask('GET', '/v1/AUTH_test/two/dir/b')).bytes).toHaveLength(20_000);
    // Names are keys: nothing climbs anywhere.
    expect((await ask('GET', '/v1/AUTH_test/one/%C3%A9/..')).text).toBe('up');
    const below = await send(harness, tar, { path: '/v1/AUTH_test/base/pre/' });
    expect(JSON.parse(below.text)['Number Files Created']).toBe(4);
    expect((await ask('GET', '/v1/AUTH_test/base?prefix=pre/t')).text).toBe(
      'pre/top\npre/two/dir/b\n',
    );
  });

  it('brings extended attributes along, and headers of the request', async () => {
    const harness = await createHarness();
    const attributes = {
      'SCHILY.xattr.user.mime_type': 'a/b',
      'SCHILY.xattr.user.meta.Color': 'blau é',
      'LIBARCHIVE.xattr.user.meta.size': Buffer.from('large').toString('base64'),
      'SCHILY.acl.access': 'x',
    };
    const tar = await packTar([file('c/o', 'x', attributes), file('c/p', 'y')]);
    const headers = { 'X-Object-Meta-Batch': '7', 'X-Delete-After': '1000' };
    await send(harness, tar, { headers });
    const { headers: shown } = await harness.ask('HEAD', '/v1/AUTH_test/c/o');
    expect(shown.get('content-type')).toBe('a/b');
    expect(Buffer.from(shown.get('x-object-meta-color') ?? '', 'latin1').toString()).toBe('blau é');
    expect([shown.get('x-object-meta-size'), shown.get('x-object-meta-batch')]).toEqual([
      ...['large', '7'],
    ]);
    expect(shown.has('x-delete-at')).toBe(true);
    const second = (await harness.ask('HEAD', '/v1/AUTH_test/c/p')).headers;
    expect([second.has('x-object-meta-color'), second.get('x-object-meta-batch')]).toEqual([
      ...[false, '7'],
    ]);
  });

  it('tells of the files that could not be stored, and stores the others', async () => {
    const harness = await createHarness();
    const { ask } = harness;
    await ask('PUT', '/v1/AUTH_test/full');
    await ask('POST', '/v1/AUTH_test/full', { headers: { 'X-Container-Meta-Quota-Bytes': '3' } });
    const tar = await packTar([
      file('full/a', '1234'),
      file(`c/${'k'.repeat(1025)}`, 'x'),
      file('c/bad\uFFFD', 'x'),
      file('c/good', 'x'),
    ]);
    const answer = await send(harness, tar);
    expect(JSON.parse(answer.text)).toMatchObject({
      'Response Status': '400 Bad Request',
      'Number Files Created': 1,
      Errors: [
        ['full/a', '413 Request Entity Too Large'],
        [`c/${'k'.repeat(1025)}`, '400 Bad Request'],
        ['c/bad%EF%BF%BD', '412 Precondition Failed'],
      ],
    });
    const xml = await send(harness, await packTar([]), { headers: { Accept: 'text/xml' } });
    expect(xml.text).toBe(
      '<extract>\n<number_files_created>0</number_files_created>\n<response_body>Invalid Tar File: No Valid Files</response_body>\n<response_status>400 Bad Request</response_status>\n<errors>\n</errors>\n</extract>\n',
    );
  });

  it('is refused when it is none, is cut short, or is not allowed', async () => {
    const harness = await createHarness();
    const { tokens } = harness;
    const tar = await packTar(usual);
    const status = async (bytes: Uint8Array, sent: Sent = {}): Promise<string> =>
      JSON.parse((await send(harness, bytes, sent)).text)['Response Status'];
    expect((await send(harness, tar, { kind: 'zip' })).status).toBe(400);
    expect((await send(harness, tar, { token: '' })).status).toBe(401);
    for (const [bytes, kind] of [
      [Buffer.alloc(2000, 'x'), 'tar'],
      [tar.subarray(0, 3000), 'tar'],
      [gzipSync(tar).subarray(0, 200), 'tar.gz'],
      [tar, 'tar.gz'],
      [tar, 'tar.bz2'],
    ] as const) {
      const answer = JSON.parse((await send(harness, bytes, { kind })).text);
      expect([kind, answer['Response Status']]).toEqual([kind, '400 Bad Request']);
      expect(answer['Response Body']).toMatch(/^Invalid Tar File: ./);
    }
    expect(await status(tar, { token: tokens.member })).toBe('400 Bad Request');
    const refused = JSON.parse((await send(harness, tar, { token: tokens.member })).text);
    expect(refused.Errors[0]).toEqual(['one/a.txt', '403 Forbidden']);
    const plain = await send(harness, tar, { headers: { Accept: 'x/y' } });
    expect(plain.text).toContain('Response Status: 406 Not Acceptable\n');
  });

  it('is no bomb', async () => {
    const harness = await createHarness();
    const size = 80 * 1024 * 1024;
    const head = await packTar([
      { header: { name: 'c/zeros', size, type: 'file' }, body: Buffer.alloc(size) },
    ]);
    const answer = JSON.parse((await send(harness, gzipSync(head), { kind: 'tar.gz' })).text);
    expect(answer).toMatchObject({
      'Response Status': '400 Bad Request',
      'Response Body': 'Invalid Tar File: the archive expands to more than any archive should',
    });
    expect((await harness.ask('HEAD', '/v1/AUTH_test/c/zeros')).status).toBe(404);
  });
});

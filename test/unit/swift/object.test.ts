import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from './harness.ts';

const container = '/v1/AUTH_test/c';
const path = `${container}/o`;
const md5 = (body: string | Uint8Array): string => createHash('md5').update(body).digest('hex');

async function started(): Promise<Harness> {
  const harness = await createHarness();
  await harness.ask('PUT', container);
  return harness;
}

describe('objects', () => {
  it('are put, read, described and deleted', async () => {
    const { ask } = await started();
    const body = 'x'.repeat(40_000);
    const put = await ask('PUT', path, {
      body,
      headers: {
        'Content-Type': 'text/x; a=\xc3\xa4',
        'X-Object-Meta-Raw': 'a\xff\xc3',
        'Content-Encoding': 'gzip',
        'X-Robots-Tag': 'none',
        'X-Delete-After': '1000',
        'X-Object-Sysmeta-A': 'b',
        ETag: `"${md5(body)}"`,
      },
    });
    expect(put.status).toBe(201);
    expect(put.headers.get('etag')).toBe(md5(body));
    const get = await ask('GET', path);
    expect([get.status, get.text === body]).toEqual([200, true]);
    const head = await ask('HEAD', path);
    for (const answer of [get, head]) {
      const { headers } = answer;
      expect(headers.get('content-length')).toBe('40000');
      expect(headers.get('content-type')).toBe('text/x; a=\xc3\xa4');
      expect(headers.get('x-object-meta-raw')).toBe('a\xff\xc3');
      expect(headers.get('content-encoding')).toBe('gzip');
      expect(headers.get('x-robots-tag')).toBe('none');
      expect(headers.get('etag')).toBe(md5(body));
      expect(headers.get('accept-ranges')).toBe('bytes');
      expect(headers.get('last-modified')).toBe(put.headers.get('last-modified'));
      expect(headers.get('x-delete-at')).toMatch(/^\d{10}$/);
      expect(headers.has('x-delete-after')).toBe(false);
      expect(headers.has('x-object-sysmeta-a')).toBe(false);
    }
    const gone = await ask('DELETE', path);
    expect([gone.status, gone.headers.get('content-type')]).toEqual([
      204,
      'text/html; charset=UTF-8',
    ]);
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
      expect([method, (await ask(method, path)).status]).toEqual([method, 404]);
    }
  });

  it('may be empty, chunked, and of guessed type', async () => {
    const { ask } = await started();
    expect((await ask('PUT', `${container}/a.wav`)).status).toBe(201);
    const wav = await ask('GET', `${container}/a.wav`);
    expect([wav.status, wav.text, wav.headers.get('content-type')]).toEqual([
      200,
      '',
      'audio/x-wav',
    ]);
    expect((await ask('PUT', path, { body: 'abc', chunked: true })).status).toBe(201);
    expect((await ask('GET', path)).text).toBe('abc');
    const detect = { 'X-Detect-Content-Type': 'true', 'Content-Type': 'a/b' };
    await ask('PUT', `${container}/b.txt`, { headers: detect });
    expect((await ask('HEAD', `${container}/b.txt`)).headers.get('content-type')).toBe(
      'text/plain',
    );
    await ask('POST', `${container}/b.txt`, { headers: detect });
    expect((await ask('HEAD', `${container}/b.txt`)).headers.get('content-type')).toBe('a/b');
  });

  it('are refused with the right status', async () => {
    const { ask, core } = await started();
    const put = async (headers: Record<string, string>, target = path): Promise<number> =>
      (await ask('PUT', target, { body: 'abc', headers })).status;
    expect(await put({ ETag: 'reallylonganddefinitelynotavalidetagvalue' })).toBe(422);
    expect(await put({ ETag: md5('abd') })).toBe(422);
    expect(await put({ 'Content-MD5': Buffer.from(md5('abd'), 'hex').toString('base64') })).toBe(
      422,
    );
    expect(await put({ 'Content-Length': 'none' })).toBe(411);
    expect(await put({ 'Content-Length': String(core.limits.maxBodyBytes + 1) })).toBe(413);
    expect(await put({}, `${container}/${'x'.repeat(1024)}`)).toBe(201);
    expect(await put({}, `${container}/${'x'.repeat(1025)}`)).toBe(400);
    expect(await put({}, '/v1/AUTH_test/none/o')).toBe(404);
    expect(await put({ 'X-Object-Meta-': 'v' })).toBe(400);
    expect(await put({ 'Content-Type': '\xff' })).toBe(400);
    expect(await put({ 'X-Delete-At': '10' })).toBe(400);
    expect(await put({ 'X-Static-Large-Object': 'true' })).toBe(400);
    expect(await put({ 'If-None-Match': 'abc' })).toBe(400);
    expect((await ask('HEAD', path)).status).toBe(404);
    expect(await put({ 'If-None-Match': '*' })).toBe(201);
    expect(await put({ 'If-None-Match': '*' })).toBe(412);
    expect(await put({ 'If-Match': md5('abc') })).toBe(201);
    expect(await put({ 'If-Match': md5('abd') })).toBe(412);
    expect(await put({ 'If-Match': '*' }, `${container}/absent`)).toBe(412);
  });

  it('replace their metadata by POST', async () => {
    const { ask } = await started();
    const first = { 'X-Object-Meta-A': '1', 'Content-Encoding': 'gzip', 'X-Delete-After': '1000' };
    await ask('PUT', path, { body: 'abc', headers: { ...first, 'Content-Type': 'a/b' } });
    const before = await ask('HEAD', path);
    const second = { 'X-Object-Meta-B': '2', 'Content-Disposition': 'inline' };
    expect((await ask('POST', path, { headers: second })).status).toBe(202);
    const after = await ask('HEAD', path);
    expect(after.headers.get('x-object-meta-b')).toBe('2');
    expect(after.headers.get('content-disposition')).toBe('inline');
    expect(after.headers.get('content-type')).toBe('a/b');
    expect(after.headers.get('etag')).toBe(md5('abc'));
    for (const name of ['x-object-meta-a', 'content-encoding', 'x-delete-at']) {
      expect(after.headers.has(name)).toBe(false);
    }
    expect(after.headers.get('x-timestamp')).not.toBe(before.headers.get('x-timestamp'));
    await ask('POST', path, { headers: { 'Content-Type': 'c/d' } });
    const list = await ask('GET', `${container}?format=json`);
    expect(JSON.parse(list.text)).toMatchObject([{ hash: md5('abc'), content_type: 'c/d' }]);
    expect((await ask('GET', path)).text).toBe('abc');
  });

  it('expire to the second', async () => {
    const { ask, clock } = await started();
    await ask('PUT', path, { body: 'abc', headers: { 'X-Delete-After': '10' } });
    expect((await ask('GET', path)).status).toBe(200);
    clock.advance(10_000);
    for (const method of ['GET', 'HEAD', 'POST', 'DELETE']) {
      expect([method, (await ask(method, path)).status]).toEqual([method, 404]);
    }
  });
});

describe('conditions', () => {
  it('are judged as Swift judges them', async () => {
    const { ask } = await started();
    await ask('PUT', path, { body: 'abc' });
    const modified = (await ask('HEAD', path)).headers.get('last-modified') ?? '';
    const old = 'Thu, 01 Jan 2026 00:00:00 GMT';
    const tag = md5('abc');
    const cases: readonly [Record<string, string>, number][] = [
      [{ 'If-Match': tag }, 200],
      [{ 'If-Match': `"bogus", "${tag}"` }, 200],
      [{ 'If-Match': 'bogus' }, 412],
      [{ 'If-Match': '*' }, 200],
      [{ 'If-None-Match': tag }, 304],
      [{ 'If-None-Match': '"bogus"' }, 200],
      [{ 'If-None-Match': '*' }, 304],
      [{ 'If-Modified-Since': modified }, 304],
      [{ 'If-Modified-Since': old }, 200],
      [{ 'If-Unmodified-Since': modified }, 200],
      [{ 'If-Unmodified-Since': old }, 412],
      [{ 'If-Match': tag, 'If-Unmodified-Since': old }, 412],
      [{ 'If-Modified-Since': 'nonsense' }, 200],
    ];
    for (const [headers, status] of cases) {
      for (const method of ['GET', 'HEAD']) {
        const answer = await ask(method, path, { headers });
        expect([method, headers, answer.status]).toEqual([method, headers, status]);
        expect(answer.headers.get('etag')).toBe(tag);
        expect(answer.headers.get('accept-ranges')).toBe('bytes');
        if (status !== 200) expect(answer.text).not.toBe('abc');
      }
    }
    const absent = await ask('GET', `${container}/absent`, { headers: { 'If-Match': '*' } });
    expect(absent.status).toBe(412);
  });
});

describe('ranges', () => {
  it('are served one as 206, several as multipart', async () => {
    const { ask } = await started();
    const body = Buffer.from(Array.from({ length: 30_000 }, (_, i) => i % 251));
    await ask('PUT', path, {
      body,
      headers: { 'Content-Type': 'lovecraft/rugose; squamous=true' },
    });
    const get = (range: string, more: Record<string, string> = {}) =>
      ask('GET', path, { headers: { Range: range, ...more } });
    const one = await get('bytes=100-199');
    expect([one.status, one.headers.get('content-range')]).toEqual([206, 'bytes 100-199/30000']);
    expect(one.bytes.equals(body.subarray(100, 200))).toBe(true);
    const many = await get('bytes=0-9,20000-20009,40000-');
    expect(many.status).toBe(206);
    expect(many.headers.has('content-range')).toBe(false);
    const boundary = /^multipart\/byteranges;boundary=([0-9a-f]{32})$/.exec(
      many.headers.get('content-type') ?? '',
    )?.[1];
    const head = (range: string): string =>
      `--${boundary}\r\nContent-Type: lovecraft/rugose; squamous=true\r\nContent-Range: bytes ${range}/30000\r\n\r\n`;
    const expected = Buffer.concat([
      Buffer.from(head('0-9')),
      body.subarray(0, 10),
      Buffer.from(`\r\n${head('20000-20009')}`),
      body.subarray(20_000, 20_010),
      Buffer.from(`\r\n--${boundary}--`),
    ]);
    expect(many.bytes.equals(expected)).toBe(true);
    const none = await get('bytes=30000-');
    expect([none.status, none.headers.get('content-range')]).toEqual([416, 'bytes */30000']);
    expect(none.headers.get('etag')).toBe(md5(body));
    expect((await get('bytes=-0')).status).toBe(416);
    expect((await get('0-4')).status).toBe(200);
    expect((await get('bytes=0-4', { 'If-Range': md5(body) })).status).toBe(206);
    expect((await get('bytes=0-4', { 'If-Range': '"other"' })).status).toBe(200);
    expect((await ask('HEAD', path, { headers: { Range: 'bytes=0-4' } })).status).toBe(200);
  });
});

describe('a multipart object of the other door', () => {
  it('reads, lists, copies and changes as a whole', async () => {
    const { ask, core } = await started();
    const principal = {
      type: 'user',
      account: 'AUTH_test',
      user: 'tester',
      role: 'owner',
    } as const;
    const context = { principal };
    const address = { account: undefined, container: 'c', key: 'large' };
    const upload = await core.createUpload(context, {
      ...address,
      contentType: 'video/mp4',
      system: { 's3:storage-class': 'STANDARD' },
      user: { color: 'Red' },
    });
    const at = { ...address, uploadId: upload.uploadId };
    const pieces = [Buffer.alloc(1500, 'a'), Buffer.alloc(20_000, 'b'), Buffer.alloc(10, 'c')];
    const parts = [];
    for (const [i, piece] of pieces.entries()) {
      const chunks = (async function* () {
        await Promise.resolve();
        yield new Uint8Array(piece);
      })();
      const body = { chunks, size: piece.length };
      parts.push(await core.putPart(context, { ...at, partNumber: i + 1, body }));
    }
    const done = await core.completeUpload(context, { ...at, parts, condition: {} });
    const whole = Buffer.concat(pieces);
    const get = await ask('GET', `${container}/large`);
    expect([get.status, get.bytes.equals(whole)]).toEqual([200, true]);
    expect(get.headers.get('etag')).toBe(done.row.etag);
    expect(get.headers.get('x-object-meta-color')).toBe('Red');
    const range = await ask('GET', `${container}/large`, { headers: { Range: 'bytes=1490-1509' } });
    expect(range.text).toBe(`${'a'.repeat(10)}${'b'.repeat(10)}`);
    const list = await ask('GET', `${container}?format=json`);
    expect(JSON.parse(list.text)).toMatchObject([{ bytes: 21_510, hash: done.row.etag }]);
    const copy = await ask('COPY', `${container}/large`, { headers: { Destination: 'c/copy' } });
    expect([copy.status, copy.headers.get('etag')]).toEqual([201, md5(whole)]);
    const post = await ask('POST', `${container}/large`, { headers: { 'X-Object-Meta-B': '2' } });
    expect(post.status).toBe(202);
    const reader = await core.openObject(context, { ...address, condition: {} });
    // A POST takes the place of what Swift knows, and leaves what it does not.
    expect(reader.row.system).toEqual({ 's3:storage-class': 'STANDARD' });
    expect(reader.row.user).toEqual({ b: '2' });
    expect((await ask('GET', `${container}/large`)).bytes.equals(whole)).toBe(true);
    const shown = await ask('GET', `${container}/large?multipart-manifest=get`);
    expect(JSON.parse(shown.text)).toMatchObject(
      pieces.map((piece, i) => ({
        // No object has such a name: a client that deletes what it takes for segments harms nothing.
        name: `/c+segments/large/${upload.uploadId}/${i + 1}`,
        ...{ bytes: piece.length, hash: md5(piece) },
      })),
    );
    const part = await ask('HEAD', `${container}/large?part-number=2`);
    expect(part.headers.get('content-range')).toBe('bytes 1500-21499/21510');
    const gone = await ask('DELETE', `${container}/large?multipart-manifest=delete`);
    expect(gone.text).toContain('Number Deleted: 1\n');
    expect((await ask('HEAD', `${container}/large`)).status).toBe(404);
  });
});

describe('copies', () => {
  const metaA = { 'X-Object-Meta-A': '1', 'Content-Type': 'a/b', 'Content-Encoding': 'gzip' };

  it('merge metadata, both ways round', async () => {
    const { ask } = await started();
    const source = `${container}/d%20e%252F.png`;
    const put = await ask('PUT', source, { body: 'abcdef', headers: metaA });
    const copy = await ask('COPY', source, {
      headers: { Destination: '/c/copy%201', 'X-Object-Meta-B': '2' },
    });
    expect(copy.status).toBe(201);
    expect(copy.headers.get('x-copied-from')).toBe('c/d%20e%252F.png');
    expect(copy.headers.get('x-copied-from-account')).toBe('AUTH_test');
    expect(copy.headers.get('x-copied-from-last-modified')).toBe(put.headers.get('last-modified'));
    expect(copy.headers.get('etag')).toBe(md5('abcdef'));
    const made = await ask('GET', `${container}/copy%201`);
    expect(made.text).toBe('abcdef');
    expect(made.headers.get('x-object-meta-a')).toBe('1');
    expect(made.headers.get('x-object-meta-b')).toBe('2');
    expect(made.headers.get('content-type')).toBe('a/b');
    expect(made.headers.get('content-encoding')).toBe('gzip');
    const fresh = await ask('PUT', path, {
      headers: { 'X-Copy-From': 'c/d%20e%252F.png', 'X-Fresh-Metadata': 'true' },
    });
    expect(fresh.status).toBe(201);
    const plain = await ask('GET', path);
    expect(plain.text).toBe('abcdef');
    expect(plain.headers.has('x-object-meta-a')).toBe(false);
    expect(plain.headers.has('content-encoding')).toBe(false);
    expect(plain.headers.get('content-type')).toBe('a/b');
  });

  it('take a range, and cross accounts for who may', async () => {
    const { ask, tokens } = await started();
    await ask('PUT', path, { body: 'abcdef' });
    const range = { Destination: 'c/part', Range: 'bytes=1-3' };
    const part = await ask('COPY', path, { headers: range });
    expect([part.status, part.headers.get('etag')]).toEqual([201, md5('bcd')]);
    expect((await ask('GET', `${container}/part`)).text).toBe('bcd');
    const past = { Destination: 'c/part', Range: 'bytes=10-13' };
    expect((await ask('COPY', path, { headers: past })).status).toBe(416);
    await ask('PUT', '/v1/AUTH_test2/c2', { token: tokens.other });
    const across = { Destination: 'c2/o', 'Destination-Account': 'AUTH_test2' };
    expect((await ask('COPY', path, { headers: across })).status).toBe(403);
    expect((await ask('COPY', path, { headers: across, token: tokens.reseller })).status).toBe(201);
    const foreign = { 'X-Copy-From': 'c2/o', 'X-Copy-From-Account': 'AUTH_test2' };
    const nowhere = '/v1/AUTH_test/none/o';
    expect((await ask('PUT', nowhere, { headers: foreign })).status).toBe(403);
    const back = { 'X-Copy-From': '/c2/o', 'X-Copy-From-Account': 'AUTH_test2' };
    expect((await ask('PUT', path, { headers: back })).status).toBe(403);
    expect((await ask('PUT', path, { headers: back, token: tokens.reseller })).status).toBe(201);
  });

  it('are refused with the right status', async () => {
    const { ask } = await started();
    await ask('PUT', path, { body: 'abc' });
    const copy = async (headers: Record<string, string>, source = path): Promise<number> =>
      (await ask('COPY', source, { headers })).status;
    expect(await copy({})).toBe(412);
    expect(await copy({ Destination: 'nameonly' })).toBe(412);
    expect(await copy({ Destination: '//name' })).toBe(412);
    expect(await copy({ Destination: 'c/x', 'Destination-Account': 'a/b' })).toBe(412);
    expect(await copy({ Destination: 'none/x' })).toBe(404);
    expect(await copy({ Destination: 'c/x' }, `${container}/absent`)).toBe(404);
    expect(await copy({ Destination: 'c/x', 'If-Match': 'bogus' })).toBe(412);
    expect(await copy({ Destination: 'c/x', Range: 'bytes=0-0,2-2' })).toBe(501);
    expect(await copy({ Destination: 'c/x', 'If-None-Match': '*' })).toBe(201);
    expect(await copy({ Destination: 'c/x', 'If-None-Match': '*' })).toBe(412);
    const body = await ask('PUT', path, { headers: { 'X-Copy-From': 'c/x' }, body: 'x' });
    expect(body.status).toBe(400);
  });
});

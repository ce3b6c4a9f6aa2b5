import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from '../harness.ts';

const container = '/v1/AUTH_test/c';
const segments = '/v1/AUTH_test/s';
const md5 = (body: string): string => createHash('md5').update(body).digest('hex');
const a = 'a'.repeat(10);
const b = 'b'.repeat(20);

async function started(): Promise<Harness> {
  const harness = await createHarness();
  for (const path of [container, segments]) await harness.ask('PUT', path);
  await harness.ask('PUT', `${segments}/a`, { body: a });
  await harness.ask('PUT', `${segments}/b%C3%A9`, { body: b });
  return harness;
}

type Answer = Awaited<ReturnType<Harness['ask']>>;

function put(
  { ask }: Harness,
  path: string,
  entries: unknown,
  more: { readonly headers?: Record<string, string>; readonly query?: string } = {},
): Promise<Answer> {
  const target = `${path}?multipart-manifest=put${more.query ?? ''}`;
  const body = typeof entries === 'string' ? entries : JSON.stringify(entries);
  return ask('PUT', target, { body, ...(more.headers ? { headers: more.headers } : {}) });
}

const both = [{ path: '/s/a', etag: md5(a), size_bytes: 10 }, { path: 's/bé' }];
const etagOfBoth = md5(md5(a) + md5(b));

describe('static large objects', () => {
  it('show as their segments, with the etag and size of the whole', async () => {
    const harness = await started();
    const { ask } = harness;
    const made = await put(harness, `${container}/m`, both);
    expect([made.status, made.headers.get('etag')]).toEqual([201, `"${etagOfBoth}"`]);
    const get = await ask('GET', `${container}/m`);
    expect([get.status, get.text]).toEqual([200, a + b]);
    const head = await ask('HEAD', `${container}/m`);
    const manifest = await ask('GET', `${container}/m?multipart-manifest=get`);
    for (const { headers } of [get, head]) {
      expect(headers.get('etag')).toBe(`"${etagOfBoth}"`);
      expect(headers.get('content-length')).toBe('30');
      expect(headers.get('x-static-large-object')).toBe('True');
      expect(headers.get('x-manifest-etag')).toBe(md5(manifest.text));
    }
    const range = await ask('GET', `${container}/m`, { headers: { Range: 'bytes=8-11,-1' } });
    expect(range.status).toBe(206);
    expect(range.text).toContain('\r\n\r\naabb\r\n');
    const listing = await ask('GET', `${container}?format=json`);
    const [entry] = JSON.parse(listing.text);
    expect(entry).toMatchObject({
      ...{ name: 'm', bytes: 30, hash: md5(manifest.text) },
      slo_etag: `"${etagOfBoth}"`,
    });
    // The segments are counted where they are.
    const used = (await ask('HEAD', container)).headers.get('x-container-bytes-used');
    expect(used).toBe(String(manifest.bytes.length));
    await ask('DELETE', `${container}/m`);
    expect((await ask('HEAD', container)).headers.get('x-container-bytes-used')).toBe('0');
  });

  it('are judged by the etag of the whole', async () => {
    const harness = await started();
    const { ask } = harness;
    await put(harness, `${container}/m`, both);
    for (const method of ['GET', 'HEAD']) {
      const under = async (headers: Record<string, string>): Promise<number> =>
        (await ask(method, `${container}/m`, { headers })).status;
      expect(await under({ 'If-Match': `"${etagOfBoth}"` })).toBe(200);
      expect(await under({ 'If-Match': `not-"${etagOfBoth}"` })).toBe(412);
      expect(await under({ 'If-None-Match': `"${etagOfBoth}"` })).toBe(304);
    }
    const over = { 'If-Match': `"${etagOfBoth}"` };
    expect((await ask('PUT', `${container}/m`, { body: 'x', headers: over })).status).toBe(201);
  });

  it('show their manifest, as stored and as it was put', async () => {
    const harness = await started();
    const { ask } = harness;
    const data = Buffer.from('xyz').toString('base64');
    const entries = [{ data }, { path: '/s/a', range: '2-4' }, { path: '/s/bé' }];
    const headers = { 'Content-Type': 'text/x-mine' };
    await put(harness, `${container}/m`, entries, { headers });
    expect((await ask('GET', `${container}/m`)).text).toBe(`xyzaaa${b}`);
    const shown = await ask('GET', `${container}/m?multipart-manifest=get`);
    expect(shown.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(shown.headers.get('etag')).toBe(md5(shown.text));
    expect(JSON.parse(shown.text)).toMatchObject([
      { data },
      { name: '/s/a', bytes: 10, hash: md5(a), range: '2-4' },
      { name: '/s/bé', bytes: 20, hash: md5(b), content_type: 'application/octet-stream' },
    ]);
    const raw = await ask('GET', `${container}/m?multipart-manifest=get&format=raw`);
    expect(raw.headers.get('content-type')).toBe('text/x-mine');
    expect(raw.headers.get('etag')).toBe(md5(raw.text));
    expect(JSON.parse(raw.text)[1]).toEqual({
      ...{ path: '/s/a', etag: md5(a), size_bytes: 10, range: '2-4' },
    });
    const etag = md5(md5('xyz') + `${md5(a)}:2-4;` + md5(b));
    const again = await put(harness, `${container}/n`, raw.text, { headers: { ETag: etag } });
    expect([again.status, again.headers.get('etag')]).toEqual([201, `"${etag}"`]);
  });

  it('lie inside of each other', async () => {
    const harness = await started();
    const { ask } = harness;
    await put(harness, `${container}/inner`, both);
    const entries = [
      { path: '/c/inner', etag: etagOfBoth, range: '9-10' },
      { path: '/c/inner', size_bytes: 30 },
      { path: '/s/a', range: '-1' },
    ];
    await put(harness, `${container}/outer`, entries);
    expect((await ask('GET', `${container}/outer`)).text).toBe(`ab${a}${b}a`);
    const shown = await ask('GET', `${container}/outer?multipart-manifest=get`);
    expect(JSON.parse(shown.text)[1]).toMatchObject({ sub_slo: true, bytes: 30, hash: etagOfBoth });
    // Deeper than a reader goes: the first bytes are refused, not cut.
    let name = 'inner';
    for (const i of Array(10).keys()) {
      await put(harness, `${container}/deep${i}`, [{ path: `/c/${name}` }]);
      name = `deep${i}`;
    }
    expect((await ask('GET', `${container}/deep7`)).text).toBe(a + b);
    expect((await ask('GET', `${container}/deep9`)).status).toBe(409);
  });

  it('are read part by part', async () => {
    const harness = await started();
    const { ask } = harness;
    await put(harness, `${container}/m`, both);
    for (const method of ['GET', 'HEAD']) {
      const part = await ask(method, `${container}/m?part-number=2`);
      expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 10-29/30']);
      expect(part.headers.get('x-parts-count')).toBe('2');
      expect(part.headers.get('content-length')).toBe('20');
      expect(part.text).toBe(method === 'GET' ? b : '');
      const beyond = await ask(method, `${container}/m?part-number=3`);
      expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, 'bytes */30']);
      expect((await ask(method, `${container}/m?part-number=x`)).status).toBe(400);
      const headers = { Range: 'bytes=0-1' };
      expect((await ask(method, `${container}/m?part-number=1`, { headers })).status).toBe(400);
      // What has no parts does not know the parameter.
      expect((await ask(method, `${segments}/a?part-number=7`)).status).toBe(200);
    }
  });

  it('are refused with what is wrong', async () => {
    const harness = await started();
    const texts: [unknown, string][] = [
      ['{', 'Manifest must be valid JSON.\n'],
      [{}, 'Manifest must be a list.\n'],
      [[1], 'Index 0: not a JSON object\n'],
      [[{ a: 1 }], "Index 0: expected keys to include one of 'data' or 'path'\n"],
      [[{ path: 's/a', teag: 1, b: 2 }], 'Index 0: extraneous keys "b", "teag"\n'],
      [[{ path: 1 }], 'Index 0: "path" must be a string\n'],
      [[{ path: 's/a', etag: 1 }], 'Index 0: "etag" must be a string or null (if provided)\n'],
      [
        [{ path: '/s/' }],
        'Index 0: path does not refer to an object. Path must be of the form /container/object.\n',
      ],
      [[{ path: 's/a', size_bytes: 'x' }], 'Index 0: invalid size_bytes\n'],
      [[{ path: 'c/m' }], 'Index 0: manifest must not include itself as a segment\n'],
      [[{ path: 's/a', range: 'x' }], 'Index 0: invalid range\n'],
      [[{ path: 's/a', range: '1-2,3-4' }], 'Index 0: multiple ranges (only one allowed)\n'],
      [[{ path: 's/a', range: '5-', size_bytes: 5 }], 'Index 0: unsatisfiable range\n'],
      [[{ data: 'x' }, { path: 's/a' }], 'Index 0: data must be valid base64\n'],
      [
        [{ data: '' }, { path: 's/a' }],
        'Index 0: too small; each segment must be at least 1 byte.\n',
      ],
      [[{ data: 'eA' }], 'Inline data segments require at least one object-backed segment.\n'],
    ];
    for (const [entries, text] of texts) {
      const answer = await put(harness, `${container}/m`, entries);
      expect([entries, answer.status, answer.text]).toEqual([entries, 400, text]);
    }
    const many = Array(1001).fill({ path: 's/a' });
    expect((await put(harness, `${container}/m`, many)).status).toBe(413);
    expect((await put(harness, `${container}/m`, ' '.repeat(8_388_609))).status).toBe(413);
    const { ask } = harness;
    const large = { body: ' '.repeat(8_388_609), chunked: true };
    expect((await ask('PUT', `${container}/m?multipart-manifest=put`, large)).status).toBe(413);
    for (const method of ['PUT', 'POST']) {
      const headers = { 'X-Static-Large-Object': 'True' };
      expect((await ask(method, `${segments}/a`, { headers })).status).toBe(400);
    }
  });

  it('are refused with every segment that is not as claimed', async () => {
    const harness = await started();
    await harness.ask('PUT', `${segments}/empty`);
    const entries = [
      { path: 's/absent' },
      { path: '/s/a', size_bytes: 11 },
      { path: '/s/a', etag: md5(b), range: '10-' },
      { path: '/s/empty' },
      { path: '/none/x%y' },
      { path: '/s/bé' },
    ];
    const headers = { Accept: 'application/json' };
    const answer = await put(harness, `${container}/m`, entries, { headers });
    expect(answer.status).toBe(400);
    expect(JSON.parse(answer.text)).toEqual({
      Errors: [
        ['s/absent', '404 Not Found'],
        ['/s/a', 'Size Mismatch'],
        ['/s/a', 'Unsatisfiable Range'],
        ['/s/a', 'Etag Mismatch'],
        ['/s/empty', 'Too small; each segment must be at least 1 byte.'],
        ['/none/x%25y', '404 Not Found'],
      ],
    });
    const wrong = await put(harness, `${container}/m`, both, { headers: { ETag: md5('x') } });
    expect(wrong.status).toBe(422);
    expect((await harness.ask('HEAD', `${container}/m`)).status).toBe(404);
    // The last one may be empty.
    const last = [{ path: '/s/a' }, { path: '/s/empty' }];
    expect((await put(harness, `${container}/m`, last)).status).toBe(201);
  });

  it('give signs of life while they are made, and tell the result in the body', async () => {
    const harness = await started();
    const query = '&heartbeat=on';
    const made = await put(harness, `${container}/m`, both, { query });
    expect([made.status, made.headers.has('content-length')]).toEqual([202, false]);
    expect(made.text).toMatch(
      /^ \r\n\r\nEtag: "[0-9a-f]{32}"\nLast Modified: [^\n]+ GMT\nResponse Body: \nResponse Status: 201 Created\nErrors:\n$/,
    );
    const json = { Accept: 'application/json' };
    const absent = [{ path: 's/absent' }];
    const failed = await put(harness, `${container}/m`, absent, { query, headers: json });
    expect(failed.status).toBe(202);
    expect(JSON.parse(failed.text)).toMatchObject({
      'Response Status': '400 Bad Request',
      Errors: [['s/absent', '404 Not Found']],
    });
    const late = { ...json, 'If-None-Match': '*' };
    const refused = await put(harness, `${container}/m`, both, { query, headers: late });
    expect(JSON.parse(refused.text)['Response Status']).toBe('412 Precondition Failed');
  });

  it('cannot be read once a segment has changed', async () => {
    const harness = await started();
    const { ask } = harness;
    await put(harness, `${container}/m`, both);
    await ask('PUT', `${segments}/b%C3%A9`, { body: 'c'.repeat(20) });
    // The first byte stands, the second segment does not: the connection is cut.
    await expect(ask('GET', `${container}/m`)).rejects.toThrow(/segment/);
    const tail = await ask('GET', `${container}/m`, { headers: { Range: 'bytes=10-' } });
    expect(tail.status).toBe(409);
    expect((await ask('HEAD', `${container}/m`)).status).toBe(200);
    await ask('DELETE', `${segments}/a`);
    expect((await ask('GET', `${container}/m`)).status).toBe(409);
  });

  it('are copied as their content, or as manifests that are checked again', async () => {
    const harness = await started();
    const { ask } = harness;
    const headers = { 'X-Object-Meta-A': '1', 'Content-Type': 'text/x-mine' };
    await put(harness, `${container}/m`, both, { headers });
    await ask('COPY', `${container}/m`, { headers: { Destination: 'c/flat' } });
    const flat = await ask('GET', `${container}/flat`);
    expect([flat.text, flat.headers.has('x-static-large-object')]).toEqual([a + b, false]);
    expect(flat.headers.get('etag')).toBe(md5(a + b));
    await ask('COPY', `${container}/m?part-number=2`, { headers: { Destination: 'c/part' } });
    expect((await ask('GET', `${container}/part`)).text).toBe(b);
    const target = { Destination: 'c/again', 'X-Object-Meta-B': '2' };
    const copied = await ask('COPY', `${container}/m?multipart-manifest=get`, { headers: target });
    expect([copied.status, copied.headers.get('x-copied-from')]).toEqual([201, 'c/m']);
    const again = await ask('HEAD', `${container}/again`);
    const first = await ask('HEAD', `${container}/m`);
    for (const name of ['etag', 'x-manifest-etag', 'content-type', 'x-object-meta-a']) {
      expect([name, again.headers.get(name)]).toEqual([name, first.headers.get(name)]);
    }
    expect(again.headers.get('x-object-meta-b')).toBe('2');
    await ask('DELETE', `${segments}/a`);
    const refused = await ask('PUT', `${container}/late?multipart-manifest=get`, {
      headers: { 'X-Copy-From': 'c/m' },
    });
    expect([refused.status, refused.text]).toEqual([400, 'Errors:\n/s/a, 404 Not Found\n']);
  });

  it('keep their segments through a POST, and lose them to a deletion that says so', async () => {
    const harness = await started();
    const { ask } = harness;
    await put(harness, `${container}/inner`, both);
    await put(harness, `${container}/m`, [{ path: 'c/inner' }, { path: 's/a' }]);
    await ask('POST', `${container}/m`, { headers: { 'X-Object-Meta-A': '2' } });
    expect((await ask('GET', `${container}/m`)).text).toBe(a + b + a);
    const json = { headers: { Accept: 'application/json' } };
    const plain = await ask('DELETE', `${segments}/a?multipart-manifest=delete`, json);
    expect(JSON.parse(plain.text)).toMatchObject({
      'Response Status': '400 Bad Request',
      Errors: [['/s/a', 'Not an SLO manifest']],
    });
    const gone = await ask('DELETE', `${container}/m?multipart-manifest=delete`, json);
    // `s/a` is named by both manifests, and deleted once.
    expect(JSON.parse(gone.text)).toMatchObject({
      ...{ 'Response Status': '200 OK', 'Number Deleted': 4, 'Number Not Found': 1, Errors: [] },
    });
    for (const path of [container, segments]) expect((await ask('GET', path)).text).toBe('');
    const none = await ask('DELETE', `${container}/m?multipart-manifest=delete`, json);
    expect(JSON.parse(none.text)).toMatchObject({ 'Number Deleted': 0, 'Number Not Found': 1 });
  });

  it('are deleted without a report when the client does not want to wait', async () => {
    const harness = await started();
    const { ask } = harness;
    await put(harness, `${container}/inner`, both);
    await put(harness, `${container}/nested`, [{ path: 'c/inner' }]);
    await put(harness, `${container}/mixed`, [{ path: 'c/inner' }, { path: 's/a' }]);
    const quietly = '?multipart-manifest=delete&async=yes';
    for (const name of ['nested', 'mixed']) {
      expect((await ask('DELETE', `${container}/${name}${quietly}`)).status).toBe(400);
    }
    const done = await ask('DELETE', `${container}/inner${quietly}`);
    expect([done.status, done.text]).toEqual([204, '']);
    expect((await ask('GET', segments)).text).toBe('');
    expect((await ask('DELETE', `${container}/inner${quietly}`)).status).toBe(404);
  });
});

describe('static large objects in a container with versions', () => {
  it('are deleted version by version, with the segments of that version', async () => {
    const harness = await started();
    const { ask } = harness;
    await ask('POST', container, { headers: { 'X-Versions-Enabled': 'true' } });
    const made = await put(harness, `${container}/m`, [{ path: 's/a' }]);
    const version = made.headers.get('x-object-version-id') ?? '';
    expect(version).toMatch(/^[0-9a-f]{16}$/);
    await put(harness, `${container}/m`, [{ path: 's/b\u00e9' }]);
    const of = `${container}/m?version-id=${version}`;
    expect((await ask('GET', of)).text).toBe(a);
    const gone = await ask('DELETE', `${of}&multipart-manifest=delete`);
    expect(gone.text).toContain('Number Deleted: 2\n');
    expect((await ask('GET', of)).status).toBe(404);
    expect([(await ask('GET', `${container}/m`)).text, (await ask('GET', segments)).text]).toEqual([
      ...[b, 'b\u00e9\n'],
    ]);
  });
});

describe('static large objects where copies are kept', () => {
  it('are kept and restored as manifests', async () => {
    const harness = await started();
    const { ask } = harness;
    await ask('PUT', '/v1/AUTH_test/old');
    await ask('POST', container, { headers: { 'X-Versions-Location': 'old' } });
    await put(harness, `${container}/m`, both);
    const first = await ask('GET', `${container}/m?multipart-manifest=get`);
    await put(harness, `${container}/m`, [{ path: 's/a' }]);
    const kept = (await ask('GET', '/v1/AUTH_test/old')).text.trim();
    const copy = `/v1/AUTH_test/old/${encodeURIComponent(kept)}`;
    expect((await ask('GET', copy)).text).toBe(a + b);
    const shown = await ask('GET', `${copy}?multipart-manifest=get`);
    expect([shown.text, shown.headers.get('etag')]).toEqual([first.text, md5(first.text)]);
    expect((await ask('DELETE', `${container}/m`)).status).toBe(204);
    const back = await ask('GET', `${container}/m`);
    expect([back.text, back.headers.get('etag')]).toEqual([a + b, `"${etagOfBoth}"`]);
  });
});

import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from '../harness.ts';

const container = '/v1/AUTH_test/c';
type Answer = Awaited<ReturnType<Harness['ask']>>;

async function started(): Promise<Harness> {
  const harness = await createHarness();
  const { ask } = harness;
  await ask('PUT', container);
  await ask('POST', '/v1/AUTH_test', { headers: { 'X-Account-Meta-Temp-URL-Key': 'a' } });
  await ask('POST', container, { headers: { 'X-Container-Meta-Temp-URL-Key-2': 'c' } });
  return harness;
}

interface File {
  readonly name: string;
  readonly body: string;
  readonly type?: string;
}

interface FormOf {
  readonly path?: string;
  readonly key?: string;
  readonly fields?: Readonly<Record<string, string>>;
  /** Fields that are changed after the signature was made. */
  readonly forged?: Readonly<Record<string, string>>;
  readonly files: readonly File[];
}

function post(harness: Harness, form: FormOf): Promise<Answer> {
  const { path = `${container}/up/`, key = 'c' } = form;
  const signed = {
    ...{ redirect: '', max_file_size: '20', max_file_count: '2' },
    expires: String(Math.floor(harness.clock.now() / 1000) + 100),
    ...form.fields,
  };
  const message = [decodeURIComponent(path), ...Object.values(signed).slice(0, 4)].join('\n');
  const signature = createHmac('sha256', key).update(message).digest('hex');
  const lines: string[] = [];
  const fields: Record<string, string> = { ...signed, signature, ...form.forged };
  for (const [name, value] of Object.entries(fields)) {
    lines.push('--xx', `Content-Disposition: form-data; name="${name}"`, '', value);
  }
  for (const { name, body, type } of form.files) {
    lines.push('--xx', `Content-Disposition: form-data; name="file"; filename="${name}"`);
    lines.push(...(type === undefined ? [] : [`Content-Type: ${type}`]), '', body);
  }
  lines.push('--xx--', '');
  const headers = { 'Content-Type': 'multipart/form-data; boundary=xx' };
  return harness.ask('POST', path, { token: '', headers, body: lines.join('\r\n') });
}

describe('a FormPost', () => {
  it('stores every file below its path, by the keys of account and container', async () => {
    const harness = await started();
    const { ask } = harness;
    const files = [
      { name: 'a/é.txt', body: 'first\r\n--x', type: 'text/x-mine' },
      { name: 'b', body: '' },
    ];
    for (const key of ['a', 'c']) {
      const answer = await post(harness, { key, files });
      expect([answer.status, answer.text]).toEqual([201, '201 Created']);
    }
    const first = await ask('GET', `${container}/up/a/%C3%A9.txt`);
    expect([first.text, first.headers.get('content-type')]).toEqual([
      'first\r\n--x',
      'text/x-mine',
    ]);
    expect((await ask('HEAD', `${container}/up/b`)).headers.get('content-length')).toBe('0');
    await post(harness, { path: container, files: [{ name: 'plain.txt', body: 'x' }] });
    const plain = await ask('HEAD', `${container}/plain.txt`);
    expect(plain.headers.get('content-type')).toBe('text/plain');
  });

  it('gives its files what its fields say', async () => {
    const harness = await started();
    const more = { x_delete_after: '50', 'Content-Type': 'a/b', 'Content-Encoding': 'gzip' };
    const files = [{ name: 'f', body: 'x', type: 'c/d' }];
    expect((await post(harness, { forged: more, files })).status).toBe(201);
    const { headers } = await harness.ask('HEAD', `${container}/up/f`);
    expect([headers.get('content-type'), headers.get('content-encoding')]).toEqual(['a/b', 'gzip']);
    expect(headers.has('x-delete-at')).toBe(true);
  });

  it('sends the browser on, with what became of it', async () => {
    const harness = await started();
    const fields = { redirect: 'https://x/y?a=<b>' };
    const good = await post(harness, { fields, files: [{ name: 'f', body: 'x' }] });
    expect([good.status, good.headers.get('location')]).toEqual([
      ...[303, 'https://x/y?a=<b>&status=201&message='],
    ]);
    expect(good.text).toContain('href="https://x/y?a=&#60;b&#62;&#38;status=201&#38;message="');
    const none = await post(harness, { fields, files: [] });
    expect(none.headers.get('location')).toBe(
      'https://x/y?a=<b>&status=400&message=no%20files%20to%20process',
    );
  });

  it('is bounded as it was signed', async () => {
    const harness = await started();
    const files = ['1', '2', '3'].map((name) => ({ name, body: name }));
    const many = await post(harness, { files });
    expect([many.status, many.text]).toEqual([
      ...[400, '400 Bad Request\r\nFormPost: Max File Count Exceeded'],
    ]);
    expect((await harness.ask('GET', container)).text).toBe('up/1\nup/2\n');
    const large = await post(harness, { files: [{ name: 'l', body: 'x'.repeat(21) }] });
    expect([large.status, large.text]).toEqual([400, 'FormPost: max_file_size exceeded']);
    expect((await harness.ask('HEAD', `${container}/up/l`)).status).toBe(404);
    const none = await post(harness, { files: [] });
    expect(none.text).toBe('400 Bad Request\r\nFormPost: No Files To Process');
    const odd = await post(harness, { fields: { max_file_size: 'x' }, files });
    expect([odd.status, odd.text]).toEqual([400, 'FormPost: max_file_size not an integer']);
    const flood = 'x'.repeat(300_000);
    expect((await post(harness, { forged: { more: flood }, files })).status).toBe(400);
  });

  it('is 401 when its signature is not right', async () => {
    const harness = await started();
    const files = [{ name: 'f', body: 'x' }];
    const past = String(Math.floor(harness.clock.now() / 1000) - 5);
    const wrong: readonly [FormOf, string][] = [
      [{ key: 'wrong', files }, 'Invalid Signature'],
      [{ forged: { max_file_size: '21' }, files }, 'Invalid Signature'],
      [{ forged: { redirect: 'https://x' }, files }, 'Invalid Signature'],
      [{ forged: { signature: 'x' }, files }, 'Invalid Signature'],
      [{ fields: { expires: past }, files }, 'Form Expired'],
      [{ path: '/v1/AUTH_test', files }, 'Invalid Signature'],
      [{ path: '/v1/AUTH_other/c', files }, 'Invalid Signature'],
    ];
    for (const [form, text] of wrong) {
      const answer = await post(harness, form);
      expect([form, answer.status, answer.text]).toEqual([form, 401, `FormPost: ${text}`]);
    }
    const headers = { 'Content-Type': 'multipart/form-data; boundary=xx' };
    const broken = await harness.ask('POST', container, { token: '', headers, body: 'nothing' });
    expect([broken.status, broken.text]).toEqual([400, 'FormPost: invalid starting boundary']);
  });

  it('tells what a PUT would be told', async () => {
    const harness = await started();
    await harness.ask('POST', container, { headers: { 'X-Container-Meta-Quota-Bytes': '3' } });
    const full = await post(harness, { files: [{ name: 'f', body: '1234' }] });
    expect([full.status, full.text]).toEqual([413, 'Upload exceeds quota.']);
    const gone = await post(harness, {
      ...{ path: '/v1/AUTH_test/none/', key: 'a', files: [{ name: 'f', body: 'x' }] },
    });
    expect(gone.status).toBe(404);
  });
});

import { describe, expect, it } from 'vitest';
import { createHarness, type Harness } from './harness.ts';

const container = '/v1/AUTH_test/c';

async function limited(quota: Readonly<Record<string, string>>): Promise<Harness> {
  const harness = await createHarness();
  const headers = Object.fromEntries(
    Object.entries(quota).map(([name, value]) => [`X-Container-Meta-Quota-${name}`, value]),
  );
  expect((await harness.ask('PUT', container, { headers })).status).toBe(201);
  await harness.ask('PUT', '/v1/AUTH_test/free');
  return harness;
}

describe('the quota of a container', () => {
  it('is a number, shown, and taken away by an empty value', async () => {
    const { ask } = await limited({ Bytes: '10', Count: '3' });
    const shown = await ask('HEAD', container);
    expect(shown.headers.get('x-container-meta-quota-bytes')).toBe('10');
    for (const [name, text] of [
      ['Bytes', 'Invalid bytes quota.'],
      ['Count', 'Invalid count quota.'],
    ] as const) {
      for (const value of ['x', '-1', '1.5']) {
        const headers = { [`X-Container-Meta-Quota-${name}`]: value };
        const answer = await ask('POST', container, { headers });
        expect([answer.status, answer.text]).toEqual([400, text]);
      }
    }
    await ask('POST', container, { headers: { 'X-Container-Meta-Quota-Bytes': '' } });
    expect((await ask('PUT', `${container}/o`, { body: '01234567890' })).status).toBe(201);
  });

  it('bounds bytes: declared ones before they are read, others as they come', async () => {
    const { ask } = await limited({ Bytes: '10' });
    const early = await ask('PUT', `${container}/o`, { body: '01234567890' });
    expect([early.status, early.text]).toEqual([413, 'Upload exceeds quota.']);
    const chunked = { body: 'x'.repeat(5000), chunked: true };
    expect((await ask('PUT', `${container}/o`, chunked)).status).toBe(413);
    expect((await ask('PUT', `${container}/o`, { body: '0123456789' })).status).toBe(201);
    expect((await ask('PUT', `${container}/p`, { body: '0' })).status).toBe(413);
    expect((await ask('PUT', `${container}/p`)).status).toBe(201);
    // What takes the place of something may be as large as that.
    expect((await ask('PUT', `${container}/o`, { body: '9876543210' })).status).toBe(201);
    expect((await ask('PUT', `${container}/o`, { body: '0123456789a' })).status).toBe(413);
  });

  it('lets a container that is beyond it shrink and change', async () => {
    const { ask } = await limited({});
    await ask('PUT', `${container}/o`, { body: '0123456789' });
    await ask('POST', container, { headers: { 'X-Container-Meta-Quota-Bytes': '4' } });
    expect((await ask('POST', `${container}/o`)).status).toBe(202);
    expect((await ask('PUT', `${container}/o`, { body: '01234567' })).status).toBe(201);
    expect((await ask('PUT', `${container}/o`, { body: '012345678' })).status).toBe(413);
    expect((await ask('DELETE', `${container}/o`)).status).toBe(204);
    expect((await ask('PUT', `${container}/o`, { body: '01234' })).status).toBe(413);
  });

  it('bounds objects', async () => {
    const { ask } = await limited({ Count: '2' });
    for (const [name, status] of [
      ['a', 201],
      ['b', 201],
      ['c', 413],
      ['a', 201],
    ] as const) {
      expect([name, (await ask('PUT', `${container}/${name}`)).status]).toEqual([name, status]);
    }
    await ask('DELETE', `${container}/a`);
    expect((await ask('PUT', `${container}/c`)).status).toBe(201);
  });

  it('bounds copies, versions, and manifests by what they take themselves', async () => {
    const { ask } = await limited({ Bytes: '600' });
    await ask('PUT', '/v1/AUTH_test/free/large', { body: 'x'.repeat(601) });
    const copy = { headers: { Destination: 'c/copy' } };
    expect((await ask('COPY', '/v1/AUTH_test/free/large', copy)).status).toBe(413);
    const body = JSON.stringify([{ path: 'free/large' }, { path: 'free/large' }]);
    const manifest = `${container}/m?multipart-manifest=put`;
    expect((await ask('PUT', manifest, { body })).status).toBe(201);
    expect((await ask('GET', `${container}/m`)).bytes).toHaveLength(1202);
    expect((await ask('PUT', `${container}/n?multipart-manifest=put`, { body })).status).toBe(413);
    await ask('DELETE', `${container}/m`);
    await ask('POST', container, { headers: { 'X-Versions-Enabled': 'true' } });
    const half = { body: 'x'.repeat(300) };
    const puts = [half, half, half].map(() => ask('PUT', `${container}/v`, half));
    expect((await Promise.all(puts)).map(({ status }) => status).toSorted()).toEqual([
      ...[201, 201, 413],
    ]);
  });

  it('is exact under races', async () => {
    const { ask } = await limited({ Bytes: '100', Count: '7' });
    const puts = Array.from({ length: 40 }, (_, i) =>
      ask('PUT', `${container}/o${i}`, { body: 'x'.repeat(10), chunked: i % 2 === 0 }),
    );
    const made = (await Promise.all(puts)).filter(({ status }) => status === 201);
    expect(made).toHaveLength(7);
    const { headers } = await ask('HEAD', container);
    expect(headers.get('x-container-bytes-used')).toBe('70');
  });

  it('binds the other door', async () => {
    const { core } = await limited({ Bytes: '1500' });
    const principal = { type: 'user', account: 'AUTH_test', user: 'a', role: 'owner' } as const;
    const address = { account: undefined, container: 'c', key: 'k' };
    const description = { contentType: 'a/b', system: {}, user: {} };
    const upload = await core.createUpload({ principal }, { ...address, ...description });
    const at = { ...address, uploadId: upload.uploadId };
    const parts = [];
    for (const partNumber of [1, 2]) {
      const body = { chunks: chunk(1000), size: 1000 };
      parts.push(await core.putPart({ principal }, { ...at, partNumber, body }));
    }
    const tooLarge = { chunks: chunk(1501), size: 1501 };
    const late = core.putPart({ principal }, { ...at, partNumber: 3, body: tooLarge });
    await expect(late).rejects.toMatchObject({ kind: 'quota-exceeded' });
    const done = core.completeUpload({ principal }, { ...at, parts, condition: {} });
    await expect(done).rejects.toMatchObject({ kind: 'quota-exceeded' });
  });
});

async function* chunk(size: number): AsyncGenerator<Uint8Array> {
  await Promise.resolve();
  yield new Uint8Array(size);
}

describe('the quota of an account', () => {
  const account = '/v1/AUTH_test';
  const other = '/v1/AUTH_test/d';

  async function granted(headers: Readonly<Record<string, string>>): Promise<Harness> {
    const harness = await createHarness();
    const { ask, tokens } = harness;
    for (const path of [container, other]) await ask('PUT', path);
    expect((await ask('POST', account, { token: tokens.reseller, headers })).status).toBe(204);
    return harness;
  }

  it('is set by operators, and shown to its users', async () => {
    const { ask, tokens, core } = await granted({ 'X-Account-Quota-Bytes': '123' });
    const policy = core.policies.all[0]?.name ?? '';
    const names = [
      'Account-Quota-Bytes',
      'Account-Quota-Count',
      `Account-Quota-Bytes-Policy-${policy.replaceAll(/[^A-Za-z0-9.]/g, '-')}`,
      'Account-Meta-Quota-Bytes',
    ];
    for (const name of names) {
      const shown = `x-${name}`.toLowerCase().replace('-meta-', '-');
      for (const header of [`X-${name}`, `X-Remove-${name}`]) {
        expect([
          header,
          (await ask('POST', account, { headers: { [header]: '1' } })).status,
        ]).toEqual([...[header, 403]]);
      }
      const post = (header: string, value: string): ReturnType<Harness['ask']> =>
        ask('POST', account, { token: tokens.reseller, headers: { [header]: value } });
      expect((await post(`X-${name}`, '77')).status).toBe(204);
      expect((await ask('HEAD', account)).headers.get(shown)).toBe('77');
      expect((await post(`X-${name}`, 'x')).status).toBe(400);
      expect((await post(`X-Remove-${name}`, 't')).status).toBe(204);
      expect((await ask('HEAD', account)).headers.has(shown)).toBe(false);
    }
    // Other metadata stays the owner's.
    const headers = { 'X-Account-Meta-A': '1' };
    expect((await ask('POST', account, { headers })).status).toBe(204);
  });

  it('bounds all its containers together, and no operator', async () => {
    const { ask, tokens } = await granted({
      'X-Account-Quota-Bytes': '20',
      'X-Account-Quota-Count': '3',
    });
    expect((await ask('PUT', `${container}/a`, { body: 'x'.repeat(12) })).status).toBe(201);
    const early = await ask('PUT', `${other}/a`, { body: 'x'.repeat(9) });
    expect([early.status, early.text]).toEqual([413, 'Upload exceeds quota.']);
    const chunked = { body: 'x'.repeat(9000), chunked: true };
    expect((await ask('PUT', `${other}/a`, chunked)).status).toBe(413);
    const copy = { headers: { Destination: 'd/copy' } };
    expect((await ask('COPY', `${container}/a`, copy)).status).toBe(413);
    expect((await ask('PUT', `${container}/a`, { body: 'x'.repeat(20) })).status).toBe(201);
    expect((await ask('PUT', `${other}/a`)).status).toBe(201);
    expect((await ask('PUT', `${other}/b`)).status).toBe(201);
    expect((await ask('PUT', `${other}/c`)).status).toBe(413);
    expect((await ask('PUT', `${other}/b`)).status).toBe(201);
    const asOperator = { token: tokens.reseller, body: 'x'.repeat(50) };
    expect((await ask('PUT', `${other}/c`, asOperator)).status).toBe(201);
    expect((await ask('PUT', `${other}/b`)).status).toBe(201);
    expect((await ask('DELETE', `${other}/c`)).status).toBe(204);
    expect((await ask('DELETE', `${other}/b`)).status).toBe(204);
    expect((await ask('PUT', `${other}/c`)).status).toBe(201);
  });

  it('bounds a policy by itself', async () => {
    const { ask, tokens, core } = await granted({});
    const policy = (core.policies.all[0]?.name ?? '').replaceAll(/[^A-Za-z0-9.]/g, '-');
    const headers = { [`X-Account-Quota-Bytes-Policy-${policy}`]: '5' };
    await ask('POST', account, { token: tokens.reseller, headers });
    expect((await ask('PUT', `${container}/a`, { body: '12345' })).status).toBe(201);
    expect((await ask('PUT', `${other}/b`, { body: '1' })).status).toBe(413);
  });

  it('is exact under races between containers', async () => {
    const { ask } = await granted({
      'X-Account-Quota-Bytes': '105',
      'X-Account-Quota-Count': '30',
    });
    const puts = Array.from({ length: 40 }, (_, i) =>
      ask('PUT', `${i % 2 === 0 ? container : other}/o${i % 25}`, { body: 'x'.repeat(10) }),
    );
    const statuses = new Set((await Promise.all(puts)).map(({ status }) => status));
    expect([...statuses].toSorted()).toEqual([201, 413]);
    const { headers } = await ask('HEAD', account);
    expect(headers.get('x-account-bytes-used')).toBe('100');
    const late = await ask('PUT', `${container}/late`, { body: 'x'.repeat(6) });
    expect(late.status).toBe(413);
    expect((await ask('PUT', `${container}/late`, { body: 'x'.repeat(5) })).status).toBe(201);
  });
});

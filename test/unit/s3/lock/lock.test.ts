import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Ask, all, createHarness, type Harness, one, other, owner } from '../harness.ts';

const DAY = 24 * 60 * 60 * 1000;
const MODE = 'x-amz-object-lock-mode';
const UNTIL = 'x-amz-object-lock-retain-until-date';
const HOLD = 'x-amz-object-lock-legal-hold';
const bypass = { 'x-amz-bypass-governance-retention': 'true' };

const vouched = { 'content-md5': 'kAFQmDzST7DWlj99KOF/cg==' };

async function lockable(): Promise<Harness> {
  const harness = createHarness();
  const headers = { 'x-amz-bucket-object-lock-enabled': 'true' };
  expect((await harness.ask('PUT', '/bucket', { headers })).status).toBe(200);
  return harness;
}

function isoAt(millis: number): string {
  return new Date(millis).toISOString();
}

/** Puts `abc` under `/bucket/k`; the version id. */
async function put({ ask }: Harness, headers: Record<string, string> = {}): Promise<string> {
  const answer = await ask('PUT', '/bucket/k', {
    body: 'abc',
    headers: { ...vouched, ...headers },
  });
  expect(answer.status).toBe(200);
  return answer.headers.get('x-amz-version-id') ?? '';
}

function retention(mode: string, until: string): Ask {
  return {
    query: { retention: '' },
    body: `<Retention><Mode>${mode}</Mode><RetainUntilDate>${until}</RetainUntilDate></Retention>`,
  };
}

function configuration(rule: string): Ask {
  return {
    query: { 'object-lock': '' },
    body: `<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled>${rule}</ObjectLockConfiguration>`,
  };
}

function defaultRule(inside: string): string {
  return `<Rule><DefaultRetention>${inside}</DefaultRetention></Rule>`;
}

describe('the configuration of a bucket', () => {
  test('comes with the bucket, which is versioned then; a default is set, shown and removed', async () => {
    const { ask } = await lockable();
    const versioning = await ask('GET', '/bucket', { query: { versioning: '' } });
    expect(one(versioning.text, 'Status')).toBe('Enabled');
    const query = { 'object-lock': '' };
    const fresh = await ask('GET', '/bucket', { query });
    expect(one(fresh.text, 'ObjectLockEnabled')).toBe('Enabled');
    expect(fresh.text).not.toContain('Rule');
    const rule = defaultRule('<Mode>COMPLIANCE</Mode><Years>2</Years>');
    expect((await ask('PUT', '/bucket', configuration(rule))).status).toBe(200);
    expect((await ask('GET', '/bucket', { query })).text).toContain(rule);
    expect((await ask('PUT', '/bucket', configuration(''))).status).toBe(200);
    expect((await ask('GET', '/bucket', { query })).text).not.toContain('Rule');
  });

  test.each([
    ['<Mode>GOVERNANCE</Mode><Days>1</Days><Years>1</Years>', 'MalformedXML'],
    ['<Mode>GOVERNANCE</Mode>', 'MalformedXML'],
    ['<Mode>governance</Mode><Days>1</Days>', 'MalformedXML'],
    ['<Days>1</Days>', 'MalformedXML'],
    ['<Mode>GOVERNANCE</Mode><Days>one</Days>', 'MalformedXML'],
    ['<Mode>GOVERNANCE</Mode><Days>0</Days>', 'InvalidRetentionPeriod'],
    ['<Mode>GOVERNANCE</Mode><Years>-1</Years>', 'InvalidRetentionPeriod'],
    ['<Mode>GOVERNANCE</Mode><Days>36501</Days>', 'InvalidRetentionPeriod'],
    ['<Mode>GOVERNANCE</Mode><Days>1</Days><Weeks>1</Weeks>', 'MalformedXML'],
  ])('%s is %s', async (inside, code) => {
    const { ask } = await lockable();
    const answer = await ask('PUT', '/bucket', configuration(defaultRule(inside)));
    expect([answer.status, answer.code]).toEqual([400, code]);
  });

  test('needs a versioned bucket, and keeps it so', async () => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket');
    const plain = await ask('PUT', '/bucket', configuration(''));
    expect([plain.status, plain.code]).toEqual([409, 'InvalidBucketState']);
    const status = (word: string): Ask => ({
      query: { versioning: '' },
      body: `<VersioningConfiguration><Status>${word}</Status></VersioningConfiguration>`,
    });
    await ask('PUT', '/bucket', status('Enabled'));
    expect((await ask('PUT', '/bucket', configuration(''))).status).toBe(200);
    const suspended = await ask('PUT', '/bucket', status('Suspended'));
    expect([suspended.status, suspended.code]).toEqual([409, 'InvalidBucketState']);
  });

  test('a bucket that is there already does not become lockable by being created again', async () => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket');
    const headers = { 'x-amz-bucket-object-lock-enabled': 'true' };
    const again = await ask('PUT', '/bucket', { headers });
    expect([again.status, again.code]).toEqual([409, 'BucketAlreadyOwnedByYou']);
    const word = { 'x-amz-bucket-object-lock-enabled': 'yes' };
    expect((await ask('PUT', '/other', { headers: word })).code).toBe('InvalidArgument');
  });
});

describe('retention', () => {
  test('comes with the object, is shown, and denies its removal until it is bypassed', async () => {
    const harness = await lockable();
    const { ask, clock } = harness;
    const until = isoAt(clock.now() + DAY + 123);
    const versionId = await put(harness, { [MODE]: 'GOVERNANCE', [UNTIL]: until, [HOLD]: 'OFF' });
    const { headers } = await ask('HEAD', '/bucket/k');
    expect([headers.get(MODE), headers.get(UNTIL), headers.get(HOLD)]).toEqual([
      'GOVERNANCE',
      until,
      'OFF',
    ]);
    const denied = await ask('DELETE', '/bucket/k', { query: { versionId } });
    expect([denied.status, denied.code]).toEqual([403, 'AccessDenied']);
    expect(one(denied.text, 'Message')).toBe(
      'Access Denied because object protected by object lock.',
    );
    const marker = await ask('DELETE', '/bucket/k');
    expect(marker.headers.get('x-amz-delete-marker')).toBe('true');
    const forced = await ask('DELETE', '/bucket/k', { query: { versionId }, headers: bypass });
    expect(forced.status).toBe(204);
  });

  test('is read and changed by itself, and an empty document removes it', async () => {
    const harness = await lockable();
    const { ask, clock } = harness;
    const versionId = await put(harness);
    const query = { retention: '' };
    const none = await ask('GET', '/bucket/k', { query });
    expect([none.status, none.code]).toEqual([404, 'NoSuchObjectLockConfiguration']);
    const until = isoAt(clock.now() + DAY);
    const set = await ask('PUT', '/bucket/k', retention('GOVERNANCE', until));
    expect(set.status).toBe(200);
    const shown = await ask('GET', '/bucket/k', { query: { ...query, versionId } });
    expect([one(shown.text, 'Mode'), one(shown.text, 'RetainUntilDate')]).toEqual([
      'GOVERNANCE',
      until,
    ]);
    const shorter = retention('GOVERNANCE', isoAt(clock.now() + 60_000));
    expect((await ask('PUT', '/bucket/k', shorter)).code).toBe('AccessDenied');
    expect((await ask('PUT', '/bucket/k', { ...shorter, headers: bypass })).status).toBe(200);
    const removal = { query, body: '<Retention/>', headers: bypass };
    expect((await ask('PUT', '/bucket/k', removal)).status).toBe(200);
    expect((await ask('DELETE', '/bucket/k', { query: { versionId } })).status).toBe(204);
  });

  test.each([
    ['governance', '2140-01-01T00:00:00Z', 'MalformedXML'],
    ['GOVERNANCE', 'tomorrow', 'MalformedXML'],
    ['COMPLIANCE', '2001-01-01T00:00:00Z', 'InvalidArgument'],
  ])('%s until %s is %s', async (mode, until, code) => {
    const harness = await lockable();
    await put(harness);
    const answer = await harness.ask('PUT', '/bucket/k', retention(mode, until));
    expect([answer.status, answer.code]).toEqual([400, code]);
  });

  test('needs a bucket that can be locked', async () => {
    const { ask, clock } = createHarness();
    await ask('PUT', '/bucket');
    await ask('PUT', '/bucket/k', { body: 'abc' });
    const until = isoAt(clock.now() + DAY);
    const asks: readonly [string, Ask][] = [
      ['PUT', retention('GOVERNANCE', until)],
      ['GET', { query: { retention: '' } }],
      ['PUT', { query: { 'legal-hold': '' }, body: '<LegalHold><Status>ON</Status></LegalHold>' }],
      ['GET', { query: { 'legal-hold': '' } }],
      ['PUT', { body: 'abc', headers: { ...vouched, [HOLD]: 'ON' } }],
      ['PUT', { body: 'abc', headers: { ...vouched, [MODE]: 'COMPLIANCE', [UNTIL]: until } }],
      ['POST', { query: { uploads: '' }, headers: { [HOLD]: 'ON' } }],
      ['PUT', { headers: { 'x-amz-copy-source': 'bucket/k', [HOLD]: 'ON' } }],
    ];
    for (const [method, ask1] of asks) {
      const answer = await ask(
        method,
        method === 'PUT' && ask1.headers ? '/bucket/n' : '/bucket/k',
        ask1,
      );
      expect([answer.status, answer.code]).toEqual([400, 'InvalidRequest']);
    }
  });

  test.each([
    [{ [MODE]: 'GOVERNANCE' }, 'InvalidArgument'],
    [{ [UNTIL]: '2140-01-01T00:00:00Z' }, 'InvalidArgument'],
    [{ [MODE]: 'governance', [UNTIL]: '2140-01-01T00:00:00Z' }, 'InvalidArgument'],
    [{ [MODE]: 'GOVERNANCE', [UNTIL]: '1.1.2140' }, 'InvalidArgument'],
    [{ [MODE]: 'GOVERNANCE', [UNTIL]: '2001-01-01T00:00:00Z' }, 'InvalidArgument'],
    [{ [HOLD]: 'on' }, 'InvalidArgument'],
  ])('headers %o are refused', async (headers, code) => {
    const { ask } = await lockable();
    const answer = await ask('PUT', '/bucket/k', {
      body: 'abc',
      headers: { ...vouched, ...headers },
    });
    expect([answer.status, answer.code]).toEqual([400, code]);
  });

  test('wants a body that something vouches for', async () => {
    const { ask } = await lockable();
    const headers = { [HOLD]: 'ON' };
    const answer = await ask('PUT', '/bucket/k', { body: 'abc', headers });
    expect([answer.status, answer.code]).toEqual([400, 'InvalidRequest']);
  });

  test('is carried by uploads and copies that name it, and not by a plain copy', async () => {
    const harness = await lockable();
    const { ask, clock } = harness;
    const headers = { [MODE]: 'COMPLIANCE', [UNTIL]: isoAt(clock.now() + DAY) };
    const created = await ask('POST', '/bucket/mp', { query: { uploads: '' }, headers });
    const uploadId = one(created.text, 'UploadId') ?? '';
    const part = await ask('PUT', '/bucket/mp', { query: { uploadId, partNumber: '1' } });
    const etag = part.headers.get('etag') ?? '';
    const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`;
    await ask('POST', '/bucket/mp', { query: { uploadId }, body });
    expect((await ask('HEAD', '/bucket/mp')).headers.get(MODE)).toBe('COMPLIANCE');
    const source = { 'x-amz-copy-source': 'bucket/mp' };
    await ask('PUT', '/bucket/plain', { headers: source });
    expect((await ask('HEAD', '/bucket/plain')).headers.has(MODE)).toBe(false);
    await ask('PUT', '/bucket/copy', { headers: { ...source, [HOLD]: 'ON' } });
    expect((await ask('HEAD', '/bucket/copy')).headers.get(HOLD)).toBe('ON');
  });
});

test('DeleteObjects denies key by key, and bypasses for all', async () => {
  const harness = await lockable();
  const { ask, clock } = harness;
  const versionId = await put(harness, {
    [MODE]: 'GOVERNANCE',
    [UNTIL]: isoAt(clock.now() + DAY),
  });
  const free = await ask('PUT', '/bucket/free', { body: 'abc' });
  const freeId = free.headers.get('x-amz-version-id') ?? '';
  const object = (key: string, id: string): string =>
    `<Object><Key>${key}</Key><VersionId>${id}</VersionId></Object>`;
  const body = `<Delete>${object('k', versionId)}${object('free', freeId)}</Delete>`;
  const md5 = createHash('md5').update(body).digest('base64');
  const post = (headers: Record<string, string>): Promise<{ text: string }> =>
    ask('POST', '/bucket', {
      query: { delete: '' },
      body,
      headers: { 'content-md5': md5, ...headers },
    });
  const denied = await post({});
  expect([all(denied.text, 'Code'), all(denied.text, 'Key')]).toEqual([
    ['AccessDenied'],
    ['k', 'free'],
  ]);
  const forced = await post(bypass);
  expect(all(forced.text, 'Code')).toEqual([]);
});

test('the bypass takes the permission: another account gets nothing', async () => {
  const harness = await lockable();
  const { ask, clock } = harness;
  const versionId = await put(harness, {
    [MODE]: 'GOVERNANCE',
    [UNTIL]: isoAt(clock.now() + DAY),
  });
  const query = { versionId };
  const foreign = await ask('DELETE', '/bucket/k', {
    query,
    headers: bypass,
    sign: { key: other },
  });
  expect([foreign.status, foreign.code]).toEqual([403, 'AccessDenied']);
  const own = await ask('DELETE', '/bucket/k', { query, headers: bypass, sign: { key: owner } });
  expect(own.status).toBe(204);
});

describe('legal hold', () => {
  test('is set and taken off', async () => {
    const harness = await lockable();
    const { ask } = harness;
    const versionId = await put(harness);
    const query = { 'legal-hold': '' };
    expect((await ask('GET', '/bucket/k', { query })).code).toBe('NoSuchObjectLockConfiguration');
    const set = (word: string): Promise<{ status: number; code: string | undefined }> =>
      ask('PUT', '/bucket/k', { query, body: `<LegalHold><Status>${word}</Status></LegalHold>` });
    expect((await set('ON')).status).toBe(200);
    expect(one((await ask('GET', '/bucket/k', { query })).text, 'Status')).toBe('ON');
    const forced = await ask('DELETE', '/bucket/k', { query: { versionId }, headers: bypass });
    expect(forced.status).toBe(403);
    expect((await set('maybe')).code).toBe('MalformedXML');
    expect((await set('OFF')).status).toBe(200);
    expect(one((await ask('GET', '/bucket/k', { query })).text, 'Status')).toBe('OFF');
    expect((await ask('DELETE', '/bucket/k', { query: { versionId } })).status).toBe(204);
  });

  test('a delete marker has none', async () => {
    const harness = await lockable();
    const { ask } = harness;
    await put(harness);
    const marker = await ask('DELETE', '/bucket/k');
    const versionId = marker.headers.get('x-amz-version-id') ?? '';
    const query = { 'legal-hold': '', versionId };
    const body = '<LegalHold><Status>ON</Status></LegalHold>';
    expect((await ask('PUT', '/bucket/k', { query, body })).code).toBe('MethodNotAllowed');
  });
});

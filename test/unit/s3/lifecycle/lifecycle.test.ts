import { beforeEach, describe, expect, test } from 'vitest';
import { type Answer, type Ask, createHarness, type Harness } from '../harness.ts';

const DAY = 86_400_000;
let harness: Harness;

beforeEach(async () => {
  harness = createHarness();
  await harness.ask('PUT', '/bucket');
});

function ask(method: string, path: string, rest: Ask = {}): Promise<Answer> {
  return harness.ask(method, path, rest);
}

const LIFECYCLE = { query: { lifecycle: '' } };

function put(rules: string, rest: Ask = {}): Promise<Answer> {
  const body = `<LifecycleConfiguration>${rules}</LifecycleConfiguration>`;
  return ask('PUT', '/bucket', { ...LIFECYCLE, ...rest, body });
}

const rule = (inside: string, id = 'r'): string =>
  `<Rule><ID>${id}</ID><Status>Enabled</Status>${inside}</Rule>`;
const always = '<Filter></Filter>';
const days = (count: number): string => `<Expiration><Days>${count}</Days></Expiration>`;

async function passDays(count: number): Promise<void> {
  harness.clock.advance(count * DAY);
  await harness.keepLifecycle();
}

async function keysOf(query: Record<string, string> = {}): Promise<readonly string[]> {
  const { text } = await ask('GET', '/bucket', { query });
  return [...text.matchAll(/<Key>([^<]*)</g)].map(([, key = '']) => key);
}

describe('the configuration of a bucket', () => {
  test('is shown as it was put, and goes', async () => {
    expect((await ask('GET', '/bucket', LIFECYCLE)).code).toBe('NoSuchLifecycleConfiguration');
    expect((await ask('DELETE', '/bucket', LIFECYCLE)).status).toBe(204);
    const rules = [
      '<Rule><ID>1</ID><Prefix>a&amp;b/</Prefix><Status>Disabled</Status><Expiration><Days>3</Days></Expiration></Rule>',
      '<Rule><ID>2</ID><Filter></Filter><Status>Enabled</Status><Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration></Rule>',
      '<Rule><ID>3</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>7</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>',
      '<Rule><ID>4</ID><Filter><Tag><Key>a b</Key><Value>c=d</Value></Tag></Filter><Status>Enabled</Status><Transition><Days>0</Days><StorageClass>STANDARD_IA</StorageClass></Transition><Transition><Days>9</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>',
      '<Rule><ID>5</ID><Filter><And><Prefix>x</Prefix><Tag><Key>k</Key><Value></Value></Tag><ObjectSizeGreaterThan>5</ObjectSizeGreaterThan><ObjectSizeLessThan>500</ObjectSizeLessThan></And></Filter><Status>Enabled</Status><Expiration><Date>2031-05-06T00:00:00.000Z</Date></Expiration><NoncurrentVersionTransition><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>2</NewerNoncurrentVersions><StorageClass>GLACIER</StorageClass></NoncurrentVersionTransition><NoncurrentVersionExpiration><NoncurrentDays>2</NoncurrentDays><NewerNoncurrentVersions>3</NewerNoncurrentVersions></NoncurrentVersionExpiration></Rule>',
    ].join('');
    const minimum = { 'x-amz-transition-default-minimum-object-size': 'varies_by_storage_class' };
    const answer = await put(rules, { headers: minimum });
    expect([answer.status, answer.text]).toEqual([200, '']);
    const shown = await ask('GET', '/bucket', LIFECYCLE);
    const body = /<LifecycleConfiguration[^>]*>(.*)<\/LifecycleConfiguration>/.exec(
      shown.text,
    )?.[1];
    expect(body).toBe(rules);
    const [[name, value] = ['', '']] = Object.entries(minimum);
    expect(shown.headers.get(name)).toBe(value);
    expect((await ask('DELETE', '/bucket', LIFECYCLE)).status).toBe(204);
    expect((await ask('GET', '/bucket', LIFECYCLE)).code).toBe('NoSuchLifecycleConfiguration');
  });

  test('gets an ID for a rule that has none', async () => {
    await put(`<Rule><Status>Enabled</Status>${always}${days(1)}</Rule>`);
    expect((await ask('GET', '/bucket', LIFECYCLE)).text).toContain('<ID>rule-1</ID>');
  });

  const tag = '<Tag><Key>a</Key><Value>b</Value></Tag>';
  const abort =
    '<AbortIncompleteMultipartUpload><DaysAfterInitiation>1</DaysAfterInitiation></AbortIncompleteMultipartUpload>';
  const marker =
    '<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>';
  const date = (text: string): string => `<Expiration><Date>${text}</Date></Expiration>`;
  const to = (when: string, name: string): string =>
    `<Transition>${when}<StorageClass>${name}</StorageClass></Transition>`;
  const noncurrent = (inside: string): string =>
    `<NoncurrentVersionExpiration>${inside}</NoncurrentVersionExpiration>`;
  const some = (name: string, count: number | string): string => `<${name}>${count}</${name}>`;

  test.each([
    ['no rule', '', 'MalformedXML'],
    [
      'too many rules',
      Array.from({ length: 1001 }, (_, i) => rule(always + days(1), `${i}`)).join(''),
      'MalformedXML',
    ],
    ['an unknown element', rule(`${always}${days(1)}<Colour>red</Colour>`), 'MalformedXML'],
    ['neither prefix nor filter', rule(days(1)), 'MalformedXML'],
    ['prefix and filter', rule(`<Prefix>a</Prefix>${always}${days(1)}`), 'MalformedXML'],
    [
      'two conditions in a filter',
      rule(`<Filter><Prefix>a</Prefix>${tag}</Filter>${days(1)}`),
      'MalformedXML',
    ],
    ['one condition in And', rule(`<Filter><And>${tag}</And></Filter>${days(1)}`), 'MalformedXML'],
    [
      'the same tag twice',
      rule(`<Filter><And>${tag}${tag}</And></Filter>${days(1)}`),
      'InvalidRequest',
    ],
    [
      'a size that is none',
      rule(`<Filter>${some('ObjectSizeLessThan', -1)}</Filter>${days(1)}`),
      'MalformedXML',
    ],
    [
      'no room between sizes',
      rule(
        `<Filter><And>${some('ObjectSizeGreaterThan', 9)}${some('ObjectSizeLessThan', 10)}</And></Filter>${days(1)}`,
      ),
      'InvalidRequest',
    ],
    [
      'a long prefix',
      rule(`<Filter>${some('Prefix', 'x'.repeat(1025))}</Filter>${days(1)}`),
      'InvalidRequest',
    ],
    ['a long ID', rule(always + days(1), 'x'.repeat(256)), 'InvalidArgument'],
    ['an ID twice', rule(always + days(1)) + rule(always + days(2)), 'InvalidArgument'],
    [
      'a status in small letters',
      rule(always + days(1)).replace('Enabled', 'enabled'),
      'MalformedXML',
    ],
    ['no status', `<Rule>${always}${days(1)}</Rule>`, 'MalformedXML'],
    ['no action', rule(always), 'InvalidRequest'],
    ['two actions of a kind', rule(always + days(1) + days(2)), 'MalformedXML'],
    ['zero days', rule(always + days(0)), 'InvalidArgument'],
    ['days below zero', rule(always + days(-1)), 'InvalidArgument'],
    [
      'days and a date',
      rule(`${always}<Expiration><Days>1</Days><Date>2030-01-01T00:00:00Z</Date></Expiration>`),
      'MalformedXML',
    ],
    ['an expiration of nothing', rule(`${always}<Expiration></Expiration>`), 'MalformedXML'],
    ['a date at noon', rule(always + date('2030-01-01T12:00:00Z')), 'InvalidArgument'],
    ['a date that is none', rule(always + date('tomorrow')), 'MalformedXML'],
    ['uploads by tag', rule(`<Filter>${tag}</Filter>${abort}`), 'InvalidRequest'],
    ['markers by tag', rule(`<Filter>${tag}</Filter>${marker}`), 'InvalidRequest'],
    [
      'markers by size',
      rule(`<Filter>${some('ObjectSizeLessThan', 9)}</Filter>${marker}`),
      'InvalidRequest',
    ],
    ['zero days of an upload', rule(always + abort.replace('>1<', '>0<')), 'InvalidArgument'],
    [
      'zero noncurrent days',
      rule(always + noncurrent(some('NoncurrentDays', 0))),
      'InvalidArgument',
    ],
    [
      'no noncurrent days',
      rule(always + noncurrent(some('NewerNoncurrentVersions', 1))),
      'MalformedXML',
    ],
    [
      'too many to keep',
      rule(always + noncurrent(some('NoncurrentDays', 1) + some('NewerNoncurrentVersions', 101))),
      'InvalidArgument',
    ],
    [
      'versions to keep without a filter',
      rule(
        `<Prefix></Prefix>${noncurrent(some('NoncurrentDays', 1) + some('NewerNoncurrentVersions', 1))}`,
      ),
      'InvalidRequest',
    ],
    [
      'a class that is not there',
      rule(always + to(some('Days', 1), 'DEEP_ARCHIVE')),
      'InvalidStorageClass',
    ],
    ['back to STANDARD', rule(always + to(some('Days', 1), 'STANDARD')), 'InvalidStorageClass'],
    [
      'a class twice',
      rule(always + to(some('Days', 1), 'GLACIER') + to(some('Days', 2), 'GLACIER')),
      'InvalidRequest',
    ],
    [
      'a colder class sooner',
      rule(always + to(some('Days', 5), 'STANDARD_IA') + to(some('Days', 2), 'GLACIER')),
      'InvalidArgument',
    ],
    [
      'an end before a move',
      rule(always + to(some('Days', 5), 'GLACIER') + days(5)),
      'InvalidArgument',
    ],
    [
      'days beside dates',
      rule(always + to(some('Days', 5), 'GLACIER') + date('2030-01-01T00:00:00Z')),
      'InvalidRequest',
    ],
    ['no class', rule(`${always}<Transition>${some('Days', 5)}</Transition>`), 'MalformedXML'],
  ])('with %s is refused, and the old one stays', async (_, rules, code) => {
    await put(rule(always + days(7)));
    const answer = await put(rules);
    expect([answer.status, answer.code]).toEqual([400, code]);
    expect((await ask('GET', '/bucket', LIFECYCLE)).text).toContain('<Days>7</Days>');
  });

  test('is refused with a minimum size of another name', async () => {
    const headers = { 'x-amz-transition-default-minimum-object-size': 'none' };
    expect((await put(rule(always + days(1)), { headers })).code).toBe('InvalidArgument');
  });
});

describe('objects', () => {
  test('tell when they go, and go then', async () => {
    await put(rule(`<Filter><Prefix>old/</Prefix></Filter>${days(2)}`, 'two days'));
    const first = await ask('PUT', '/bucket/old/a', { body: 'x' });
    const told = 'expiry-date="Sun, 04 Jan 2026 00:00:00 GMT", rule-id="two%20days"';
    expect(first.headers.get('x-amz-expiration')).toBe(told);
    const other = await ask('PUT', '/bucket/new', { body: 'x' });
    expect(other.headers.get('x-amz-expiration')).toBeUndefined();
    for (const method of ['GET', 'HEAD']) {
      expect((await ask(method, '/bucket/old/a')).headers.get('x-amz-expiration')).toBe(told);
    }
    const copy = { headers: { 'x-amz-copy-source': '/bucket/new' } };
    expect((await ask('PUT', '/bucket/old/b', copy)).headers.get('x-amz-expiration')).toBe(told);
    await passDays(2);
    expect(await keysOf()).toEqual(['new', 'old/a', 'old/b']);
    await passDays(1);
    expect(await keysOf()).toEqual(['new']);
  });

  test('that were there before go too, by date, tag and size', async () => {
    const tagged = { headers: { 'x-amz-tagging': 'a%20b=c' } };
    await ask('PUT', '/bucket/tagged', { body: 'x', ...tagged });
    await ask('PUT', '/bucket/plain', { body: 'x' });
    await ask('PUT', '/bucket/large', { body: 'x'.repeat(100) });
    await put(
      rule(`<Filter><Tag><Key>a b</Key><Value>c</Value></Tag></Filter>${days(1)}`, 'tag') +
        rule(
          `<Filter><ObjectSizeGreaterThan>99</ObjectSizeGreaterThan></Filter><Expiration><Date>2026-01-04T00:00:00Z</Date></Expiration>`,
          'size',
        ),
    );
    await harness.keepLifecycle();
    expect(await keysOf()).toEqual(['large', 'plain', 'tagged']);
    await passDays(2);
    expect(await keysOf()).toEqual(['large', 'plain']);
    await passDays(2);
    expect(await keysOf()).toEqual(['plain']);
    await ask('PUT', '/bucket/plain', { body: 'x', ...tagged });
    await ask('DELETE', '/bucket/plain', { query: { tagging: '' } });
    await passDays(3);
    expect(await keysOf()).toEqual(['plain']);
  });

  test('with versions are hidden, then thinned out, and their last marker goes', async () => {
    const versioning =
      '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
    await ask('PUT', '/bucket', { query: { versioning: '' }, body: versioning });
    await put(
      rule(
        `${always}${days(5)}<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays><NewerNoncurrentVersions>1</NewerNoncurrentVersions></NoncurrentVersionExpiration>`,
      ) +
        rule(
          `<Filter></Filter><NoncurrentVersionExpiration><NoncurrentDays>10</NoncurrentDays></NoncurrentVersionExpiration>`,
          'all',
        ),
    );
    for (const body of ['1', '2', '3', '4']) await ask('PUT', '/bucket/k', { body });
    const counts = async () => {
      const { text } = await ask('GET', '/bucket', { query: { versions: '' } });
      return [text.split('<Version>').length - 1, text.split('<DeleteMarker>').length - 1];
    };
    expect(await counts()).toEqual([4, 0]);
    await passDays(2);
    expect(await counts()).toEqual([2, 0]);
    await passDays(4);
    expect(await counts()).toEqual([2, 1]);
    expect(await keysOf()).toEqual([]);
    await passDays(30);
    expect(await counts()).toEqual([0, 0]);
    expect((await ask('DELETE', '/bucket')).status).toBe(204);
  });

  test('under a lock stay until it ends', async () => {
    const lockable = { headers: { 'x-amz-bucket-object-lock-enabled': 'true' } };
    expect((await ask('PUT', '/locked', lockable)).status).toBe(200);
    const body = `<LifecycleConfiguration>${rule(`${always}<NoncurrentVersionExpiration><NoncurrentDays>1</NoncurrentDays></NoncurrentVersionExpiration>`)}</LifecycleConfiguration>`;
    await ask('PUT', '/locked', { ...LIFECYCLE, body });
    const until = new Date(harness.clock.now() + 10 * DAY).toISOString();
    const headers = {
      'content-md5': 'TYtghPPRZ7dsrGaiKpG+Ag==',
      'x-amz-object-lock-mode': 'COMPLIANCE',
      'x-amz-object-lock-retain-until-date': until,
    };
    const kept = await ask('PUT', '/locked/k', { body: 'kept', headers });
    expect([kept.status, kept.text]).toEqual([200, '']);
    await ask('PUT', '/locked/k', { body: 'newer' });
    const versions = async () =>
      (await ask('GET', '/locked', { query: { versions: '' } })).text.split('<Version>').length - 1;
    await passDays(5);
    expect(await versions()).toBe(2);
    await passDays(7);
    expect(await versions()).toBe(1);
  });

  test('that Swift lets expire say so', async () => {
    const principal = { type: 'user', account: 'AUTH_one', user: 'one', role: 'owner' } as const;
    await ask('PUT', '/bucket/k', { body: 'x' });
    const address = { account: undefined, container: 'bucket', key: 'k' };
    const expiresAt = Date.parse('2026-02-03T04:05:06Z');
    await harness.core.updateObject({ principal }, address, { expiresAt });
    expect((await ask('HEAD', '/bucket/k')).headers.get('x-amz-expiration')).toBe(
      'expiry-date="Tue, 03 Feb 2026 04:05:06 GMT", rule-id="X-Delete-At"',
    );
  });
});

test('uploads tell when they are aborted, and are', async () => {
  await put(
    rule(
      `<Filter><Prefix>a</Prefix></Filter><AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation></AbortIncompleteMultipartUpload>`,
      'uploads',
    ),
  );
  const created = await ask('POST', '/bucket/a', { query: { uploads: '' } });
  await ask('POST', '/bucket/b', { query: { uploads: '' } });
  const id = /<UploadId>([^<]+)</.exec(created.text)?.[1] ?? '';
  const listed = await ask('GET', '/bucket/a', { query: { uploadId: id } });
  for (const { headers } of [created, listed]) {
    expect(headers.get('x-amz-abort-date')).toBe('Mon, 05 Jan 2026 00:00:00 GMT');
    expect(headers.get('x-amz-abort-rule-id')).toBe('uploads');
  }
  const open = async () =>
    (await ask('GET', '/bucket', { query: { uploads: '' } })).text.split('<Upload>').length - 1;
  await passDays(3);
  expect(await open()).toBe(2);
  await passDays(1);
  expect(await open()).toBe(1);
  expect((await ask('GET', '/bucket/a', { query: { uploadId: id } })).code).toBe('NoSuchUpload');
});

describe('transitions', () => {
  const large = 'x'.repeat(50_000);
  const move = (when: string, name: string): string =>
    `<Transition>${when}<StorageClass>${name}</StorageClass></Transition>`;

  test('move an object on, and show it as it was', async () => {
    await put(
      rule(
        `${always}${move('<Days>1</Days>', 'REDUCED_REDUNDANCY')}${move('<Days>4</Days>', 'STANDARD_IA')}`,
      ),
    );
    const { headers } = await ask('PUT', '/bucket/k', { body: large });
    const before = await ask('HEAD', '/bucket/k');
    await passDays(2);
    const after = await ask('GET', '/bucket/k');
    expect(after.headers.get('x-amz-storage-class')).toBe('REDUCED_REDUNDANCY');
    expect(after.text).toBe(large);
    expect(after.headers.get('etag')).toBe(headers.get('etag'));
    expect(after.headers.get('last-modified')).toBe(before.headers.get('last-modified'));
    await passDays(3);
    const later = await ask('GET', '/bucket/k');
    expect([later.headers.get('x-amz-storage-class'), later.text]).toEqual(['STANDARD_IA', large]);
  });

  test('leave small objects where the bucket says so', async () => {
    const headers = { 'x-amz-transition-default-minimum-object-size': 'all_storage_classes_128K' };
    const sized = '<Filter><ObjectSizeGreaterThan>3</ObjectSizeGreaterThan></Filter>';
    await put(
      rule(`<Filter><Prefix>s</Prefix></Filter>${move('<Days>0</Days>', 'STANDARD_IA')}`) +
        rule(`${sized}${move('<Days>0</Days>', 'REDUCED_REDUNDANCY')}`, 'sized'),
      { headers },
    );
    await ask('PUT', '/bucket/small', { body: 'abc' });
    await ask('PUT', '/bucket/sized', { body: 'abcd' });
    await ask('PUT', '/bucket/slarge', { body: 'x'.repeat(131_072) });
    await passDays(1);
    const classOf = async (key: string) =>
      (await ask('HEAD', `/bucket/${key}`)).headers.get('x-amz-storage-class');
    expect(await classOf('small')).toBeUndefined();
    expect(await classOf('sized')).toBe('REDUCED_REDUNDANCY');
    expect(await classOf('slarge')).toBe('STANDARD_IA');
  });
});

describe('an archived object', () => {
  const large = 'y'.repeat(50_000);
  const restore = (count: number | string): Ask => ({
    query: { restore: '' },
    body: `<RestoreRequest><Days>${count}</Days></RestoreRequest>`,
  });

  test.each([
    ['of some size', large],
    ['that stands in its row', 'small'],
  ])('%s is read after it was restored, for so many days', async (_, body) => {
    const headers = { 'x-amz-storage-class': 'GLACIER' };
    await ask('PUT', '/bucket/k', { body, headers });
    const refused = await ask('GET', '/bucket/k');
    expect([refused.status, refused.code]).toEqual([403, 'InvalidObjectState']);
    expect(refused.text).toContain('<StorageClass>GLACIER</StorageClass>');
    const copy = { headers: { 'x-amz-copy-source': '/bucket/k' } };
    expect((await ask('PUT', '/bucket/copy', copy)).code).toBe('InvalidObjectState');
    expect((await ask('HEAD', '/bucket/k')).status).toBe(200);

    expect((await ask('POST', '/bucket/k', restore(2))).status).toBe(202);
    if (body === large) {
      const head = await ask('HEAD', '/bucket/k');
      expect(head.headers.get('x-amz-restore')).toBe('ongoing-request="true"');
      const again = await ask('POST', '/bucket/k', restore(1));
      expect([again.status, again.code]).toEqual([409, 'RestoreAlreadyInProgress']);
      expect((await ask('GET', '/bucket/k')).code).toBe('InvalidObjectState');
      await harness.keepLifecycle();
    }
    const restored = await ask('GET', '/bucket/k');
    expect(restored.text).toBe(body);
    expect(restored.headers.get('x-amz-restore')).toBe(
      'ongoing-request="false", expiry-date="Sun, 04 Jan 2026 00:00:00 GMT"',
    );
    expect(restored.headers.get('x-amz-storage-class')).toBe('GLACIER');
    const attributes = { headers: { 'x-amz-optional-object-attributes': 'RestoreStatus' } };
    expect((await ask('GET', '/bucket', attributes)).text).toContain(
      '<RestoreStatus><IsRestoreInProgress>false</IsRestoreInProgress><RestoreExpiryDate>2026-01-04T00:00:00.000Z</RestoreExpiryDate></RestoreStatus>',
    );
    expect((await ask('GET', '/bucket')).text).not.toContain('RestoreStatus');
    expect((await ask('POST', '/bucket/k', restore(4))).status).toBe(200);
    await passDays(4);
    expect((await ask('GET', '/bucket/k')).text).toBe(body);
    await passDays(1);
    expect((await ask('GET', '/bucket/k')).code).toBe('InvalidObjectState');
    expect((await ask('HEAD', '/bucket/k')).headers.get('x-amz-restore')).toBeUndefined();
    expect((await ask('POST', '/bucket/k', restore(1))).status).toBe(202);
  });

  test('in parts is restored part by part', async () => {
    const headers = { 'x-amz-storage-class': 'GLACIER' };
    const { text } = await ask('POST', '/bucket/k', { query: { uploads: '' }, headers });
    const uploadId = /<UploadId>([^<]+)</.exec(text)?.[1] ?? '';
    const pieces = ['a'.repeat(30_000), 'b'.repeat(30_000), 'c'];
    let list = '';
    for (const [place, body] of pieces.entries()) {
      const query = { uploadId, partNumber: `${place + 1}` };
      const etag = (await ask('PUT', '/bucket/k', { query, body })).headers.get('etag');
      list += `<Part><PartNumber>${place + 1}</PartNumber><ETag>${etag}</ETag></Part>`;
    }
    const body = `<CompleteMultipartUpload>${list}</CompleteMultipartUpload>`;
    expect((await ask('POST', '/bucket/k', { query: { uploadId }, body })).status).toBe(200);
    expect((await ask('GET', '/bucket/k')).code).toBe('InvalidObjectState');
    expect((await ask('POST', '/bucket/k', restore(1))).status).toBe(202);
  });

  test('only can be restored', async () => {
    await ask('PUT', '/bucket/k', { body: 'x' });
    const answer = await ask('POST', '/bucket/k', restore(1));
    expect([answer.status, answer.code]).toEqual([403, 'InvalidObjectState']);
    expect((await ask('POST', '/bucket/none', restore(1))).code).toBe('NoSuchKey');
    for (const count of [0, -1]) {
      expect((await ask('POST', '/bucket/k', restore(count))).code).toBe('InvalidArgument');
    }
    expect((await ask('POST', '/bucket/k', restore('x'))).code).toBe('MalformedXML');
    const select = '<RestoreRequest><Type>SELECT</Type><Tier>Bulk</Tier></RestoreRequest>';
    const query = { restore: '' };
    expect((await ask('POST', '/bucket/k', { query, body: select })).status).toBe(501);
  });
});

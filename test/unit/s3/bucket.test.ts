import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Harness, all, createHarness, one, other } from './harness.ts';

async function withKeys(keys: readonly string[]): Promise<Harness> {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  for (const key of keys) await harness.ask('PUT', `/bucket/${key}`, { body: key });
  return harness;
}

const versioned = (status: string): string =>
  `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>${status}</Status></VersioningConfiguration>`;

describe('buckets', () => {
  test('are created, found, listed and deleted', async () => {
    const { ask } = createHarness();
    expect(all((await ask('GET', '/')).text, 'Name')).toEqual([]);
    const made = await ask('PUT', '/bucket-a');
    expect([made.status, made.headers.get('location')]).toEqual([200, '/bucket-a']);
    expect((await ask('PUT', '/bucket-a')).status).toBe(200);
    await ask('PUT', '/bucket-b');
    const taken = await ask('PUT', '/bucket-a', { sign: { key: other } });
    expect([taken.status, taken.code]).toEqual([409, 'BucketAlreadyExists']);
    const list = await ask('GET', '/');
    expect(all(list.text, 'Name')).toEqual(['bucket-a', 'bucket-b']);
    expect(one(list.text, 'ID')).toBe('id-of-AUTH_one');
    const page = await ask('GET', '/', { query: { 'max-buckets': '1' } });
    expect(all(page.text, 'Name')).toEqual(['bucket-a']);
    const token = one(page.text, 'ContinuationToken') ?? '';
    const rest = await ask('GET', '/', { query: { 'continuation-token': token } });
    expect(all(rest.text, 'Name')).toEqual(['bucket-b']);
    const head = await ask('HEAD', '/bucket-a');
    expect([head.status, head.headers.get('x-amz-bucket-region')]).toEqual([200, 'us-east-1']);
    const stranger = await ask('HEAD', '/bucket-a', { anonymous: true });
    expect([stranger.status, stranger.headers.get('x-amz-bucket-region')]).toEqual([
      403,
      'us-east-1',
    ]);
    expect((await ask('HEAD', '/none')).status).toBe(404);
    await ask('PUT', '/bucket-a/k');
    const full = await ask('DELETE', '/bucket-a');
    expect([full.status, full.code]).toEqual([409, 'BucketNotEmpty']);
    await ask('DELETE', '/bucket-a/k');
    expect((await ask('DELETE', '/bucket-a')).status).toBe(204);
    expect((await ask('DELETE', '/bucket-a')).code).toBe('NoSuchBucket');
  });

  test.each([
    'ab',
    'a'.repeat(64),
    'Upper',
    'a_b',
    '-ab',
    'ab-',
    'a..b',
    'a.-b',
    '10.0.0.1',
    'xn--a',
  ])('the name %s is refused', async (name) => {
    const { ask } = createHarness();
    const answer = await ask('PUT', `/${name}`);
    expect([answer.status, answer.code]).toEqual([400, 'InvalidBucketName']);
  });

  const configuration = (location: string): string =>
    `<CreateBucketConfiguration><LocationConstraint>${location}</LocationConstraint></CreateBucketConfiguration>`;
  test.each([
    ['us-east-1', configuration('us-east-1'), 200, undefined],
    ['us-east-1', configuration(''), 200, undefined],
    ['us-east-1', '<CreateBucketConfiguration/>', 200, undefined],
    ['us-east-1', configuration('eu-west-1'), 400, 'IllegalLocationConstraintException'],
    ['us-east-1', configuration('here'), 400, 'InvalidLocationConstraint'],
    ['us-east-1', '<Other/>', 400, 'MalformedXML'],
    [
      'us-east-1',
      '<CreateBucketConfiguration><Bucket/></CreateBucketConfiguration>',
      400,
      'MalformedXML',
    ],
    ['eu-west-1', configuration('eu-west-1'), 200, undefined],
    ['eu-west-1', '', 200, undefined],
  ])('in %s with %s', async (region, body, status, code) => {
    const { ask } = createHarness({ region });
    const answer = await ask('PUT', '/bucket', { body });
    expect([answer.status, answer.code]).toEqual([status, code]);
    if (status !== 200) return;
    const location = await ask('GET', '/bucket', { query: { location: '' } });
    expect(location.text).toContain(region === 'us-east-1' ? '/"></Loc' : '>eu-west-1</Loc');
    const again = await ask('PUT', '/bucket');
    expect(again.code).toBe(region === 'us-east-1' ? undefined : 'BucketAlreadyOwnedByYou');
  });

  test('another name of the region is kept, and signs', async () => {
    const { ask } = createHarness({ regionAliases: ['default'] });
    const made = await ask('PUT', '/bucket', { body: configuration('default') });
    expect(made.status).toBe(200);
    const query = { location: '' };
    expect((await ask('GET', '/bucket', { query })).text).toContain('>default</Loc');
    expect((await ask('GET', '/bucket', { sign: { region: 'default' } })).status).toBe(200);
    const wrong = await ask('GET', '/bucket', { sign: { region: 'other' } });
    expect([wrong.code, wrong.text]).toEqual([
      'AuthorizationHeaderMalformed',
      expect.stringContaining('<Region>us-east-1</Region>'),
    ]);
    await ask('PUT', '/second');
    expect((await ask('GET', '/second', { query })).text).toContain('/"></Loc');
  });

  test('tags that a bucket is made with', async () => {
    const { ask } = createHarness();
    const tagged = (...tags: readonly string[]): string =>
      `<CreateBucketConfiguration><Tags>${tags.map((tag) => `<Tag><Key>${tag}</Key><Value>v</Value></Tag>`).join('')}</Tags></CreateBucketConfiguration>`;
    const make = async (body: string): Promise<unknown> => {
      const answer = await ask('PUT', '/bucket', { body });
      return answer.code ?? answer.status;
    };
    expect(await make(tagged('aws:no'))).toBe('InvalidTag');
    expect(await make(tagged('one', 'two'))).toBe(200);
    const shown = await ask('GET', '/bucket', { query: { tagging: '' } });
    expect(all(shown.text, 'Key')).toEqual(['one', 'two']);
    // A second CreateBucket changes nothing, so what it asks for must be there.
    expect(await make(tagged('one', 'two'))).toBe(200);
    expect(await make('')).toBe(200);
    expect(await make(tagged('three'))).toBe('BucketAlreadyOwnedByYou');
  });

  test('virtual-host style', async () => {
    const { ask } = createHarness({ virtualHostSuffixes: ['s3.example.com'] });
    const headers = { host: 'bucket.s3.example.com:8080' };
    expect((await ask('PUT', '/', { headers })).status).toBe(200);
    expect((await ask('PUT', '//a', { headers, body: 'x' })).status).toBe(200);
    expect((await ask('GET', '/bucket//a')).text).toBe('x');
    const list = await ask('GET', '/', { headers });
    expect(all(list.text, 'Key')).toEqual(['/a']);
    const service = await ask('GET', '/', { headers: { host: 's3.example.com' } });
    expect(all(service.text, 'Name')).toEqual(['bucket']);
  });
});

describe('sub-resources', () => {
  test.each([
    ['cors', 404, 'NoSuchCORSConfiguration'],
    ['policy', 404, 'NoSuchBucketPolicy'],
    ['lifecycle', 404, 'NoSuchLifecycleConfiguration'],
    ['tagging', 404, 'NoSuchTagSet'],
    ['website', 404, 'NoSuchWebsiteConfiguration'],
    ['object-lock', 404, 'ObjectLockConfigurationNotFoundError'],
    ['replication', 404, 'ReplicationConfigurationNotFoundError'],
    ['publicAccessBlock', 200, undefined],
    ['ownershipControls', 200, undefined],
    ['encryption', 404, 'ServerSideEncryptionConfigurationNotFoundError'],
    ['versioning', 200, undefined],
    ['logging', 200, undefined],
    ['accelerate', 200, undefined],
    ['notification', 200, undefined],
    ['requestPayment', 200, undefined],
    ['acl', 200, undefined],
    ['inventory', 200, undefined],
  ])('GET ?%s of a fresh bucket', async (name, status, code) => {
    const { ask } = await withKeys([]);
    const answer = await ask('GET', '/bucket', { query: { [name]: '' } });
    expect([answer.status, answer.code]).toEqual([status, code]);
    expect((await ask('GET', '/none', { query: { [name]: '' } })).code).toBe('NoSuchBucket');
  });

  test.each([
    ['PUT', '/bucket', 'intelligent-tiering'],
    ['PUT', '/bucket/k', 'append'],
    ['PUT', '/bucket/k', 'annotation'],
    ['POST', '/bucket/k', 'select'],
  ])('%s %s?%s is 501 and changes nothing', async (method, path, name) => {
    const { ask } = await withKeys(['k']);
    const answer = await ask(method, path, { query: { [name]: '' }, body: 'zzz' });
    expect([answer.status, answer.code]).toEqual([501, 'NotImplemented']);
    expect((await ask('GET', '/bucket/k')).text).toBe('k');
  });

  test('no object has a torrent', async () => {
    const { ask } = await withKeys(['k']);
    const answer = await ask('GET', '/bucket/k', { query: { torrent: '' } });
    expect([answer.status, answer.code]).toEqual([404, 'NoSuchKey']);
    const absent = await ask('GET', '/none/k', { query: { torrent: '' } });
    expect(absent.code).toBe('NoSuchBucket');
  });

  test('other methods', async () => {
    const { ask } = await withKeys(['k']);
    expect((await ask('PATCH', '/bucket/k')).status).toBe(405);
    expect((await ask('POST', '/bucket/k')).status).toBe(405);
    const origin = { origin: 'http://a', 'access-control-request-method': 'GET' };
    expect((await ask('OPTIONS', '/bucket/k', { headers: origin })).code).toBe('AccessForbidden');
    expect((await ask('OPTIONS', '/bucket/k')).status).toBe(400);
  });
});

describe('listing', () => {
  const keys = ['foo+1/bar', 'foo/bar/xyz', 'foo/baz', 'quux ab/thud', 'asdf+b', 'foo'];

  test('version 1, with delimiter and url encoding', async () => {
    const { ask } = await withKeys(keys);
    const query = { delimiter: '/', 'encoding-type': 'url' };
    const { text } = await ask('GET', '/bucket', { query });
    expect(all(text, 'Key')).toEqual(['asdf%2Bb', 'foo']);
    expect(all(text, 'Prefix').slice(1)).toEqual(['foo%2B1/', 'foo/', 'quux%20ab/']);
    expect(one(text, 'Delimiter')).toBe('/');
    expect(one(text, 'IsTruncated')).toBe('false');
    expect(text).not.toContain('NextMarker');
  });

  test('pages with a delimiter return every prefix once', async () => {
    const { ask } = await withKeys(keys);
    const seen: string[] = [];
    let marker = '';
    for (let page = 0; page < 10; page++) {
      const query = { delimiter: '/', 'max-keys': '1', marker };
      const { text } = await ask('GET', '/bucket', { query });
      seen.push(...all(text, 'Key'), ...all(text, 'Prefix').slice(1));
      if (one(text, 'IsTruncated') === 'false') break;
      marker = one(text, 'NextMarker') ?? '';
    }
    expect(seen).toEqual(['asdf+b', 'foo', 'foo+1/', 'foo/', 'quux ab/']);
  });

  test('version 2', async () => {
    const { ask } = await withKeys(keys);
    const list = (query: Record<string, string>) =>
      ask('GET', '/bucket', { query: { 'list-type': '2', ...query } });
    const first = await list({ 'max-keys': '2', delimiter: '/', 'start-after': 'b' });
    expect([one(first.text, 'KeyCount'), one(first.text, 'StartAfter')]).toEqual(['2', 'b']);
    expect(first.text).not.toContain('<Owner>');
    const token = one(first.text, 'NextContinuationToken') ?? '';
    const second = await list({
      delimiter: '/',
      'start-after': 'zzz',
      'continuation-token': token,
      'fetch-owner': 'true',
    });
    expect(all(second.text, 'Prefix').slice(1)).toEqual(['foo/', 'quux ab/']);
    expect([one(second.text, 'StartAfter'), one(second.text, 'ContinuationToken')]).toEqual([
      'zzz',
      token,
    ]);
    const owned = await list({ 'fetch-owner': 'true' });
    expect(one(owned.text, 'DisplayName')).toBe('AUTH_one');
    expect((await list({ 'continuation-token': 'nonsense' })).code).toBe('InvalidArgument');
  });

  test.each([
    ['max-keys', 'x', 400],
    ['max-keys', '-1', 400],
    ['encoding-type', 'bad', 400],
    ['list-type', '3', 400],
    ['max-keys', '', 200],
  ])('%s=%s', async (name, value, status) => {
    const { ask } = await withKeys(['k']);
    const answer = await ask('GET', '/bucket', { query: { [name]: value } });
    expect([answer.status, answer.code]).toEqual([
      status,
      status === 200 ? undefined : 'InvalidArgument',
    ]);
  });

  test('max-keys 0 and above 1000', async () => {
    const { ask } = await withKeys(['k']);
    const none = await ask('GET', '/bucket', { query: { 'max-keys': '0' } });
    expect([all(none.text, 'Key'), one(none.text, 'IsTruncated')]).toEqual([[], 'false']);
    const many = await ask('GET', '/bucket', { query: { 'max-keys': '5000' } });
    expect(one(many.text, 'MaxKeys')).toBe('1000');
  });

  test('any order will do, unless it is grouped', async () => {
    const { ask } = await withKeys(['b', 'a/1']);
    const query = { 'allow-unordered': 'true' };
    expect(all((await ask('GET', '/bucket', { query })).text, 'Key')).toEqual(['a/1', 'b']);
    for (const type of [{}, { 'list-type': '2' }]) {
      const grouped = { ...query, ...type, delimiter: '/' };
      expect((await ask('GET', '/bucket', { query: grouped })).code).toBe('InvalidArgument');
    }
  });

  test('names that XML must escape', async () => {
    const { ask } = await withKeys(['<&>"\u0001']);
    const { text } = await ask('GET', '/bucket');
    expect(text).toContain('<Key>&lt;&amp;&gt;&quot;&#x1;</Key>');
  });
});

describe('DeleteObjects', () => {
  const md5 = (text: string) => createHash('md5').update(text).digest('base64');
  const post = (harness: Harness, body: string, headers: Record<string, string> = {}) =>
    harness.ask('POST', '/bucket', {
      query: { delete: '' },
      body,
      headers: { 'content-md5': md5(body), ...headers },
    });
  const objects = (keys: readonly string[], more = ''): string =>
    `<Delete>${keys.map((key) => `<Object><Key>${key}</Key></Object>`).join('')}${more}</Delete>`;

  test('deletes what is there and what is not', async () => {
    const harness = await withKeys(['a', 'b', '&\u0001']);
    const answer = await post(harness, objects(['a', 'none', '&amp;&#x1;']));
    expect(all(answer.text, 'Key')).toEqual(['a', 'none', '&amp;&#x1;']);
    expect(all((await harness.ask('GET', '/bucket')).text, 'Key')).toEqual(['b']);
    const quiet = await post(harness, objects(['b'], '<Quiet>true</Quiet>'));
    expect(quiet.text).toMatch(/<DeleteResult[^>]*><\/DeleteResult>$/);
  });

  test('conditions by key', async () => {
    const harness = await withKeys(['a', 'b']);
    const etag = createHash('md5').update('a').digest('hex');
    const body =
      `<Delete><Object><Key>a</Key><ETag>&quot;${etag}&quot;</ETag></Object>` +
      '<Object><Key>b</Key><ETag>x</ETag></Object><Object><Key>c</Key><ETag>x</ETag></Object></Delete>';
    const answer = await post(harness, body);
    expect(all(answer.text, 'Code')).toEqual(['PreconditionFailed', 'NoSuchKey']);
    expect(all((await harness.ask('GET', '/bucket')).text, 'Key')).toEqual(['b']);
    const sized = (size: number): string =>
      `<Delete><Object><Key>b</Key><Size>${size}</Size></Object></Delete>`;
    const wrong = await post(harness, sized(2));
    expect([all(wrong.text, 'Code'), all(wrong.text, 'Key')]).toEqual([
      ['PreconditionFailed'],
      ['b'],
    ]);
    const dated =
      '<Delete><Object><Key>b</Key><LastModifiedTime>2015-01-01T00:00:00Z</LastModifiedTime></Object></Delete>';
    expect(all((await post(harness, dated)).text, 'Code')).toEqual(['PreconditionFailed']);
    expect(all((await post(harness, sized(1))).text, 'Code')).toEqual([]);
  });

  test('limits and digests', async () => {
    const harness = await withKeys([]);
    const many = objects(Array.from({ length: 1001 }, (_, i) => `k${i}`));
    expect((await post(harness, many)).code).toBe('MalformedXML');
    expect((await post(harness, '<Delete></Delete>')).code).toBe('MalformedXML');
    expect((await post(harness, objects(['a'], '<Odd/>'))).code).toBe('MalformedXML');
    expect((await post(harness, objects(['a']).slice(0, -3))).code).toBe('MalformedXML');
    const undigested = await harness.ask('POST', '/bucket', {
      query: { delete: '' },
      body: objects(['a']),
    });
    expect([undigested.status, undigested.code]).toEqual([400, 'InvalidRequest']);
    const wrong = await post(harness, objects(['a']), { 'content-md5': md5('x') });
    expect(wrong.code).toBe('BadDigest');
    const trailer = await harness.ask('POST', '/bucket', {
      query: { delete: '' },
      body: objects(['a']),
      chunked: true,
      sign: {
        mode: 'streaming-unsigned-trailer',
        trailers: { 'x-amz-checksum-crc32': 'AAAAAA==' },
      },
    });
    expect(trailer.code).toBe('BadDigest');
    expect((await post(harness, `<Delete>${' '.repeat(2_100_000)}</Delete>`)).code).toBe(
      'MaxMessageLengthExceeded',
    );
  });
});

describe('versions', () => {
  test('a marker that is no version, and one without its key', async () => {
    const { ask } = createHarness();
    await ask('PUT', '/bucket');
    for (const [marker, keyMarker, sentence] of [
      ['odd', { 'key-marker': '' }, 'Invalid version id specified'],
      ['null', { 'key-marker': '' }, 'cannot be specified without a key marker'],
      ['odd', {}, 'cannot be specified without a key marker'],
    ] as const) {
      const query = { versions: '', ...keyMarker, 'version-id-marker': marker };
      const answer = await ask('GET', '/bucket', { query });
      expect([answer.status, answer.code]).toEqual([400, 'InvalidArgument']);
      expect(answer.text).toContain(sentence);
    }
  });

  async function versionedBucket() {
    const harness = await withKeys(['k']);
    const query = { versioning: '' };
    const put = await harness.ask('PUT', '/bucket', { query, body: versioned('Enabled') });
    expect(put.status).toBe(200);
    return harness;
  }

  test('are kept, hidden by markers, and deleted by id', async () => {
    const { ask } = await versionedBucket();
    const state = await ask('GET', '/bucket', { query: { versioning: '' } });
    expect(one(state.text, 'Status')).toBe('Enabled');
    const put = await ask('PUT', '/bucket/k', { body: 'two' });
    const versionId = put.headers.get('x-amz-version-id') ?? '';
    expect(versionId).toMatch(/^[0-9a-f]{16}$/);
    const old = await ask('GET', '/bucket/k', { query: { versionId: 'null' } });
    expect([old.text, old.headers.get('x-amz-version-id')]).toEqual(['k', 'null']);
    const gone = await ask('DELETE', '/bucket/k');
    const marker = gone.headers.get('x-amz-version-id') ?? '';
    expect([gone.status, gone.headers.get('x-amz-delete-marker')]).toEqual([204, 'true']);
    const get = await ask('GET', '/bucket/k');
    expect([get.status, get.code]).toEqual([404, 'NoSuchKey']);
    expect(get.headers.get('x-amz-delete-marker')).toBe('true');
    expect(get.headers.get('x-amz-version-id')).toBe(marker);
    const byId = await ask('GET', '/bucket/k', { query: { versionId: marker } });
    expect([byId.status, byId.code]).toEqual([405, 'MethodNotAllowed']);
    expect(byId.headers.get('x-amz-delete-marker')).toBe('true');
    const list = await ask('GET', '/bucket', { query: { versions: '' } });
    expect(all(list.text, 'VersionId')).toEqual([marker, versionId, 'null']);
    expect(all(list.text, 'IsLatest')).toEqual(['true', 'false', 'false']);
    const page = await ask('GET', '/bucket', { query: { versions: '', 'max-keys': '2' } });
    const rest = await ask('GET', '/bucket', {
      query: {
        versions: '',
        'key-marker': one(page.text, 'NextKeyMarker') ?? '',
        'version-id-marker': one(page.text, 'NextVersionIdMarker') ?? '',
      },
    });
    expect(all(rest.text, 'VersionId')).toEqual(['null']);
    const full = await ask('DELETE', '/bucket');
    expect(full.text).toContain('You must delete all versions in the bucket.');
    const undo = await ask('DELETE', '/bucket/k', { query: { versionId: marker } });
    expect(undo.headers.get('x-amz-delete-marker')).toBe('true');
    expect((await ask('GET', '/bucket/k')).text).toBe('two');
    const back = await ask('PUT', '/bucket/k', {
      headers: { 'x-amz-copy-source': '/bucket/k?versionId=null' },
    });
    expect(back.status).toBe(200);
    expect((await ask('GET', '/bucket/k')).text).toBe('k');
  });

  test.each([
    ['', 400],
    ['zzz', 400],
    ['0001112223334445', 404],
  ])('version id "%s"', async (versionId, status) => {
    const { ask } = await versionedBucket();
    expect((await ask('GET', '/bucket/k', { query: { versionId } })).status).toBe(status);
  });

  test.each(['<VersioningConfiguration/>', versioned('Odd'), '', 'x'])(
    'refused: %s',
    async (body) => {
      const { ask } = await withKeys([]);
      const answer = await ask('PUT', '/bucket', { query: { versioning: '' }, body });
      expect(answer.status).toBe(400);
    },
  );
});

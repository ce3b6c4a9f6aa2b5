/** Facts 19 to 26: ranges, parts that are read, and listings. */
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { Agent } from 'node:https';
import { expect } from 'vitest';
import {
  type Answer,
  all,
  ask,
  beginUpload,
  endpoint,
  etagOf,
  fact,
  key as credentials,
  newBucket,
  one,
  outcome,
  region,
  useTarget,
} from './target.ts';

useTarget();

const byBytes = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

async function withKeys(keys: readonly string[]): Promise<string> {
  const bucket = await newBucket();
  await Promise.all(keys.map((key) => ask('PUT', `/${bucket}/${key}`, { body: 'x' })));
  return bucket;
}

const list = (bucket: string, query: Record<string, string>): Promise<Answer> =>
  ask('GET', `/${bucket}`, { query });
const list2 = (bucket: string, query: Record<string, string> = {}): Promise<Answer> =>
  list(bucket, { 'list-type': '2', ...query });
const decoded = (texts: readonly string[]): string[] =>
  texts.map((one1) => decodeURIComponent(one1));
const prefixes = (text: string): string[] =>
  [...text.matchAll(/<CommonPrefixes>(.*?)<\/CommonPrefixes>/gs)].flatMap((match) =>
    all(match[1] ?? '', 'Prefix'),
  );

fact(19, 'only one well-formed range is one; the others mean the whole', async () => {
  const bucket = await newBucket();
  const body = '0123456789'.repeat(10);
  await ask('PUT', `/${bucket}/k`, { body });
  const get = (range: string): Promise<Answer> =>
    ask('GET', `/${bucket}/k`, { headers: { range } });
  for (const whole of ['bytes=0-0,1-2', 'bytes=10-5', 'foo=0-1']) {
    const answer = await get(whole);
    expect([whole, answer.status, answer.text]).toEqual([whole, 200, body]);
  }
  expect(outcome(await get('bytes=100-'))).toEqual([416, 'InvalidRange']);
  const suffix = await get('bytes=-101');
  expect([suffix.status, suffix.text]).toEqual([206, body]);
});

fact(
  20,
  'partNumber of an object without parts, beyond its parts, and beside a range',
  async () => {
    const bucket = await newBucket();
    await ask('PUT', `/${bucket}/k`, { body: 'abc' });
    const get = (partNumber: string, headers = {}): Promise<Answer> =>
      ask('GET', `/${bucket}/k`, { query: { partNumber }, headers });
    const first = await get('1');
    expect([first.status, first.text, first.headers.get('content-range')]).toEqual([
      206,
      'abc',
      'bytes 0-2/3',
    ]);
    expect(first.headers.has('x-amz-mp-parts-count')).toBe(false);
    expect(outcome(await get('2'))).toEqual([416, 'InvalidPartNumber']);
    expect(outcome(await get('1', { range: 'bytes=0-1' }))).toEqual([400, 'InvalidRequest']);
    expect(outcome(await get('-1'))).toEqual([400, 'InvalidArgument']);
  },
);

fact(21, 'names are listed in the order of their UTF-8 bytes', async () => {
  const keys = ['foo/', 'foo+1/', '\u{FF5E}', '\u{1F600}', 'Z', 'a'];
  const bucket = await withKeys(keys);
  const sorted = keys.toSorted(byBytes);
  expect(sorted.indexOf('\u{FF5E}')).toBeLessThan(sorted.indexOf('\u{1F600}'));
  expect(all((await list2(bucket)).text, 'Key')).toEqual(sorted);
  expect(all((await list(bucket, {})).text, 'Key')).toEqual(sorted);
  const js = new S3Client({
    endpoint: endpoint().href,
    region,
    credentials,
    forcePathStyle: true,
    requestHandler: { httpsAgent: new Agent({ rejectUnauthorized: false }) },
  });
  const { Contents } = await js.send(new ListObjectsV2Command({ Bucket: bucket }));
  expect(Contents?.map(({ Key }) => Key)).toEqual(sorted);
});

fact(22, 'names that look like paths live side by side, up to 1,024 bytes', async () => {
  const keys = ['a', 'a/', 'a/b', 'a//b', '/a', '../x', '.', 'x'.repeat(1024), '\u00e9', 'e\u0301'];
  const bucket = await newBucket();
  for (const key of keys) await ask('PUT', `/${bucket}/${key}`, { body: `of ${key}` });
  for (const key of keys) {
    expect((await ask('GET', `/${bucket}/${key}`)).text).toBe(`of ${key}`);
  }
  expect(all((await list2(bucket)).text, 'Key')).toEqual(keys.toSorted(byBytes));
  const long = await ask('PUT', `/${bucket}/${'x'.repeat(1025)}`, { body: 'x' });
  expect(outcome(long)).toEqual([400, 'KeyTooLongError']);
});

fact(23, 'encoding-type=url encodes every name of a listing', async () => {
  const controls = Array.from({ length: 31 }, (_, index) => `p/c${String.fromCharCode(index + 1)}`);
  const keys = [...controls, 'p/&<>"', 'p/+', 'p/%', 'p/a b', 'p/g x/y'];
  const bucket = await withKeys(keys);
  const encoding = { 'encoding-type': 'url' };
  const all2 = await list2(bucket, { ...encoding, prefix: 'p/' });
  expect(decoded(all(all2.text, 'Key'))).toEqual(keys.toSorted(byBytes));
  expect(all2.text).toContain('<Key>p/a%20b</Key>');
  const grouped = await list2(bucket, { ...encoding, prefix: 'p/g x', delimiter: ' x' });
  expect(one(grouped.text, 'Delimiter')).toBe('%20x');
  expect(one(grouped.text, 'Prefix')).toBe('p/g%20x');
  const after = await list2(bucket, { ...encoding, 'start-after': 'p/g ' });
  expect(one(after.text, 'StartAfter')).toBe('p/g%20');
  const first = await list(bucket, { ...encoding, delimiter: ' ', 'max-keys': '1', marker: 'p/a' });
  expect(one(first.text, 'Marker')).toBe('p/a');
  expect(prefixes(first.text)).toEqual(['p/a%20']);
  expect(one(first.text, 'NextMarker')).toBe('p/a%20');
  const bad = await list2(bucket, { 'encoding-type': 'base64' });
  expect(outcome(bad)).toEqual([400, 'InvalidArgument']);
});

fact(24, 'pages with a delimiter show each group once and count it', async () => {
  const keys = ['a', 'b/1', 'b/2', 'b/3', 'c', 'd/1', 'd/e/2', 'f'];
  const bucket = await withKeys(keys);
  const expected = ['a', 'b/', 'c', 'd/', 'f'];
  for (const size of ['1', '2', '3']) {
    const seen: string[] = [];
    let token: string | undefined;
    do {
      const query = { delimiter: '/', 'max-keys': size };
      const page = await list2(bucket, { ...query, ...(token && { 'continuation-token': token }) });
      const shown = [...all(page.text, 'Key'), ...prefixes(page.text)];
      expect(shown.length).toBeLessThanOrEqual(Number(size));
      seen.push(...shown);
      token = one(page.text, 'NextContinuationToken');
    } while (token !== undefined);
    expect(seen.toSorted(byBytes)).toEqual(expected);
  }
  const plain = await list(bucket, { 'max-keys': '1' });
  expect([one(plain.text, 'IsTruncated'), one(plain.text, 'NextMarker')]).toEqual([
    'true',
    undefined,
  ]);
  const grouped = await list(bucket, { 'max-keys': '2', delimiter: '/' });
  expect(one(grouped.text, 'NextMarker')).toBe('b/');
  const none = await list2(bucket, { 'max-keys': '0' });
  expect([none.status, all(none.text, 'Key'), one(none.text, 'IsTruncated')]).toEqual([
    200,
    [],
    'false',
  ]);
  expect(one((await list2(bucket, { 'max-keys': '2000' })).text, 'MaxKeys')).toBe('1000');
});

fact(
  25,
  'a token goes before start-after, and both are echoed; owners only when asked for',
  async () => {
    const bucket = await withKeys(['a', 'b', 'c/1', 'c/2']);
    const page = await list2(bucket, { 'max-keys': '2' });
    const token = one(page.text, 'NextContinuationToken') ?? '';
    const query = { 'continuation-token': token, 'start-after': 'zzz', delimiter: '/' };
    const rest = await list2(bucket, query);
    expect(all(rest.text, 'Key')).toEqual([]);
    expect(prefixes(rest.text)).toEqual(['c/']);
    expect(one(rest.text, 'StartAfter')).toBe('zzz');
    expect(one(rest.text, 'ContinuationToken')).toBe(token);
    expect(one(rest.text, 'KeyCount')).toBe('1');
    expect(page.text).not.toContain('<Owner>');
    expect((await list2(bucket, { 'fetch-owner': 'true' })).text).toContain('<Owner>');
  },
);

fact(
  26,
  'uploads that are not complete are never listed; a listing elsewhere is exact at once',
  async () => {
    const bucket = await newBucket();
    const upload = await beginUpload(`/${bucket}/open`);
    const etag = etagOf(await upload.put(1, 'x'));
    expect(all((await list2(bucket)).text, 'Key')).toEqual([]);
    await upload.complete([{ number: 1, etag }]);
    for (let round = 0; round < 20; round++) {
      const name = `k${round}`;
      await ask('PUT', `/${bucket}/${name}`, { body: 'x', second: round % 2 === 0 });
      const query = { 'list-type': '2' };
      const there = await ask('GET', `/${bucket}`, { query, second: round % 2 === 1 });
      expect(all(there.text, 'Key')).toEqual([name, 'open']);
      await ask('DELETE', `/${bucket}/${name}`, { second: round % 2 === 0 });
      const gone = await ask('GET', `/${bucket}`, { query, second: round % 2 === 1 });
      expect(all(gone.text, 'Key')).toEqual(['open']);
    }
  },
);

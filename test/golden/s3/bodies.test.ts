/** Every kind of document that the S3 door sends, byte for byte. A changed file is a change that clients see. */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { type Answer, createHarness, one as first, other, owner } from '../../unit/s3/harness.ts';

/** Status, headers and body as one text. */
function shown(answer: Answer): string {
  const headers = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  return `${answer.status}\n${headers}\n\n${answer.text}\n`;
}

async function scene() {
  const harness = createHarness();
  await harness.ask('PUT', '/bucket');
  const headers = {
    'content-type': 'text/plain',
    'cache-control': 'no-cache',
    'x-amz-meta-name': 'value',
    'x-amz-checksum-crc32': 'NhCmhg==',
  };
  await harness.ask('PUT', '/bucket/a/hello', { body: 'hello', headers });
  await harness.ask('PUT', '/bucket/b <&>', { body: '' });
  return harness;
}

type Case = readonly [
  file: string,
  method: string,
  path: string,
  query?: Readonly<Record<string, string>>,
  headers?: Readonly<Record<string, string>>,
];

const cases: readonly Case[] = [
  ['list-buckets', 'GET', '/'],
  ['list-v1', 'GET', '/bucket', { delimiter: '/', marker: '0', 'encoding-type': 'url' }],
  ['list-v1-page', 'GET', '/bucket', { delimiter: '/', 'max-keys': '1' }],
  ['list-v2', 'GET', '/bucket', { 'list-type': '2', 'fetch-owner': 'true' }],
  ['list-v2-page', 'GET', '/bucket', { 'list-type': '2', 'max-keys': '1', 'start-after': '0' }],
  ['list-versions', 'GET', '/bucket', { versions: '' }],
  ['list-uploads-empty', 'GET', '/bucket', { uploads: '' }],
  ['location', 'GET', '/bucket', { location: '' }],
  ['versioning-unset', 'GET', '/bucket', { versioning: '' }],
  ['bucket-acl', 'GET', '/bucket', { acl: '' }],
  ['object-acl', 'GET', '/bucket/a/hello', { acl: '' }],
  ['object-tagging', 'GET', '/bucket/a/hello', { tagging: '' }],
  ['logging', 'GET', '/bucket', { logging: '' }],
  ['request-payment', 'GET', '/bucket', { requestPayment: '' }],
  ['inventory', 'GET', '/bucket', { inventory: '' }],
  ['head-bucket', 'HEAD', '/bucket'],
  ['get', 'GET', '/bucket/a/hello'],
  ['get-range', 'GET', '/bucket/a/hello', {}, { range: 'bytes=1-2' }],
  ['head', 'HEAD', '/bucket/a/hello', {}, { 'x-amz-checksum-mode': 'ENABLED' }],
  ['not-modified', 'GET', '/bucket/a/hello', {}, { 'if-none-match': '*' }],
  ['error-no-such-key', 'GET', '/bucket/none é'],
  ['error-head', 'HEAD', '/bucket/none'],
  ['error-no-such-bucket', 'GET', '/none'],
  ['error-range', 'GET', '/bucket/a/hello', {}, { range: 'bytes=9-' }],
  ['error-precondition', 'GET', '/bucket/a/hello', {}, { 'if-match': '"x"' }],
  ['error-argument', 'GET', '/bucket', { 'max-keys': 'x' }],
  ['error-header', 'PUT', '/bucket/k', {}, { 'x-amz-create-session-mode': '/b' }],
  ['error-operation', 'PUT', '/bucket', { 'intelligent-tiering': '' }],
  ['error-unset', 'GET', '/bucket', { cors: '' }],
  ['error-method', 'PATCH', '/bucket/k'],
  ['error-not-empty', 'DELETE', '/bucket'],
  ['copy', 'PUT', '/bucket/copy', {}, { 'x-amz-copy-source': '/bucket/a/hello' }],
  ['delete', 'DELETE', '/bucket/a/hello'],
];

test.each(cases.map((one) => ({ file: one[0], one })))('$file', async ({ file, one }) => {
  const [, method, path, query = {}, headers = {}] = one;
  const { ask } = await scene();
  const answer = await ask(method, path, { query, headers });
  await expect(shown(answer)).toMatchFileSnapshot(`./${file}.txt`);
});

test('refused credentials', async () => {
  const { ask } = await scene();
  const wrong = { ...owner, secretAccessKey: other.secretAccessKey };
  const answers = [
    await ask('GET', '/bucket', { sign: { key: wrong } }),
    await ask('GET', '/bucket', { sign: { key: { ...owner, accessKeyId: 'NOBODY' } } }),
    await ask('GET', '/bucket', { sign: { region: 'eu-west-1' } }),
    await ask('GET', '/bucket', { sign: { stamp: '20250101T000000Z' } }),
    await ask('GET', '/bucket', { sign: { unsigned: ['host'] } }),
    await ask('GET', '/bucket', { sign: { key: other } }),
  ];
  await expect(answers.map(shown).join('\n')).toMatchFileSnapshot('./error-credentials.txt');
});

test('multipart', async () => {
  const { ask } = await scene();
  const checksum = { 'x-amz-checksum-algorithm': 'CRC32' };
  const created = await ask('POST', '/bucket/k', { query: { uploads: '' }, headers: checksum });
  const uploadId = first(created.text, 'UploadId') ?? '';
  const part = await ask('PUT', '/bucket/k', { query: { uploadId, partNumber: '1' }, body: 'x' });
  const copied = await ask('PUT', '/bucket/k', {
    query: { uploadId, partNumber: '2' },
    headers: { 'x-amz-copy-source': '/bucket/a/hello' },
  });
  const uploads = await ask('GET', '/bucket', { query: { uploads: '' } });
  const parts = await ask('GET', '/bucket/k', { query: { uploadId } });
  const etag = part.headers.get('etag') ?? '';
  const complete = (number: number) =>
    ask('POST', '/bucket/k', {
      query: { uploadId },
      body: `<CompleteMultipartUpload><Part><PartNumber>${number}</PartNumber><ETag>${etag}</ETag></Part></CompleteMultipartUpload>`,
    });
  const refused = await complete(3);
  const completed = await complete(1);
  const answers = [created, part, copied, uploads, parts, refused, completed];
  await expect(answers.map(shown).join('\n')).toMatchFileSnapshot('./multipart.txt');
});

test('DeleteObjects', async () => {
  const { ask } = await scene();
  const body =
    '<Delete><Object><Key>a/hello</Key><ETag>x</ETag></Object><Object><Key>b &lt;&amp;&gt;</Key></Object></Delete>';
  const md5 = createHash('md5').update(body).digest('base64');
  const headers = { 'content-md5': md5 };
  const answer = await ask('POST', '/bucket', { query: { delete: '' }, body, headers });
  await expect(shown(answer)).toMatchFileSnapshot('./delete-objects.txt');
});

test('versions', async () => {
  const { ask } = await scene();
  const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await ask('PUT', '/bucket', { query: { versioning: '' }, body });
  const deleted = await ask('DELETE', '/bucket/a/hello');
  const hidden = await ask('GET', '/bucket/a/hello');
  const versionId = deleted.headers.get('x-amz-version-id') ?? '';
  const marker = await ask('GET', '/bucket/a/hello', { query: { versionId } });
  const list = await ask('GET', '/bucket', { query: { versions: '', 'max-keys': '1' } });
  const answers = [deleted, hidden, marker, list];
  await expect(answers.map(shown).join('\n')).toMatchFileSnapshot('./versions.txt');
});

/** One object, one history, through both doors. */
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { all, one } from '../s3/harness.ts';
import { createDoors, type Doors } from './doors.ts';

const md5 = (text: string): string => createHash('md5').update(text).digest('hex');

async function withBox(encryptAll: boolean): Promise<Doors> {
  const doors = await createDoors({ encryptAll });
  expect((await doors.swift('owner', 'PUT', '/box')).status).toBe(201);
  return doors;
}

describe.each([
  ['plain', false],
  ['encrypted', true],
] as const)('%s', (_how, encryptAll) => {
  test('what one door writes, the other reads, lists and removes', async () => {
    const { s3, swift } = await withBox(encryptAll);
    const meta = { 'X-Object-Meta-Colour': 'red', 'Content-Type': 'text/x' };
    await swift('owner', 'PUT', '/box/from-swift', { body: 'swift', headers: meta });
    await s3('owner', 'PUT', '/box/from-s3', {
      body: 's3',
      headers: { 'x-amz-meta-colour': 'blue' },
    });
    const read = await s3('owner', 'GET', '/box/from-swift');
    expect([read.text, read.headers.get('x-amz-meta-colour')]).toEqual(['swift', 'red']);
    expect(read.headers.get('etag')).toBe(`"${md5('swift')}"`);
    const back = await swift('owner', 'GET', '/box/from-s3');
    expect([back.text, back.headers.get('x-object-meta-colour')]).toEqual(['s3', 'blue']);
    expect(back.headers.get('etag')).toBe(md5('s3'));
    const names = ['from-s3', 'from-swift'];
    expect((await swift('owner', 'GET', '/box')).text).toBe(`${names.join('\n')}\n`);
    expect(all((await s3('owner', 'GET', '/box')).text, 'Key')).toEqual(names);
    await s3('owner', 'DELETE', '/box/from-swift');
    expect((await swift('owner', 'HEAD', '/box/from-swift')).status).toBe(404);
  });

  test('a static large object of Swift reads and lists whole through S3', async () => {
    const { s3, swift } = await withBox(encryptAll);
    for (const name of ['1', '2']) {
      await swift('owner', 'PUT', `/box/s/${name}`, { body: `part ${name};` });
    }
    const body = JSON.stringify(['1', '2'].map((name) => ({ path: `/box/s/${name}` })));
    const query = { 'multipart-manifest': 'put' };
    expect((await swift('owner', 'PUT', '/box/large', { query, body })).status).toBe(201);
    const whole = 'part 1;part 2;';
    const etag = `"${md5(md5('part 1;') + md5('part 2;'))}-2"`;
    const read = await s3('owner', 'GET', '/box/large');
    expect([read.text, read.headers.get('etag')]).toEqual([whole, etag]);
    const ranged = await s3('owner', 'GET', '/box/large', { headers: { Range: 'bytes=5-8' } });
    expect([ranged.status, ranged.text]).toEqual([206, whole.slice(5, 9)]);
    const part = await s3('owner', 'GET', '/box/large', { query: { partNumber: '2' } });
    expect([part.text, part.headers.get('x-amz-mp-parts-count')]).toEqual(['part 2;', '2']);
    const listed = await s3('owner', 'GET', '/box', { query: { prefix: 'large' } });
    expect(one(listed.text, 'Size')).toBe('14');
    const shown = await swift('owner', 'GET', '/box', {
      query: { format: 'json', prefix: 'large' },
    });
    expect(JSON.parse(shown.text)).toMatchObject([{ bytes: 14, slo_etag: etag.replace('-2', '') }]);
    // Without its first part there is nothing to begin with; a later one would break the body off.
    await s3('owner', 'DELETE', '/box/s/1');
    expect((await s3('owner', 'GET', '/box/large')).status).toBe(409);
    expect((await swift('owner', 'GET', '/box/large')).status).toBe(409);
  });

  test('a multipart object of S3 is a large object in Swift', async () => {
    const { s3, swift } = await withBox(encryptAll);
    const begun = await s3('owner', 'POST', '/box/large', { query: { uploads: '' } });
    const uploadId = one(begun.text, 'UploadId') ?? '';
    const pieces = ['first part;', 'second'];
    for (const [index, body] of pieces.entries()) {
      const query = { uploadId, partNumber: String(index + 1) };
      expect((await s3('owner', 'PUT', '/box/large', { query, body })).status).toBe(200);
    }
    const entries = pieces.map(
      (body, index) =>
        `<Part><PartNumber>${index + 1}</PartNumber><ETag>"${md5(body)}"</ETag></Part>`,
    );
    const body = `<CompleteMultipartUpload>${entries.join('')}</CompleteMultipartUpload>`;
    const done = await s3('owner', 'POST', '/box/large', { query: { uploadId }, body });
    expect(done.status).toBe(200);
    const head = await swift('owner', 'HEAD', '/box/large');
    expect(head.headers.get('x-static-large-object')).toBe('True');
    expect(head.headers.get('content-length')).toBe(String(pieces.join('').length));
    expect((await swift('owner', 'GET', '/box/large')).text).toBe(pieces.join(''));
    const query = { 'multipart-manifest': 'get' };
    const manifest = await swift('owner', 'GET', '/box/large', { query });
    expect(JSON.parse(manifest.text)).toMatchObject(
      pieces.map((piece) => ({ bytes: piece.length, hash: md5(piece) })),
    );
    const second = await swift('owner', 'GET', '/box/large', { query: { 'part-number': '2' } });
    expect([second.status, second.text]).toEqual([206, 'second']);
    const copied = await swift('owner', 'COPY', '/box/large', {
      headers: { Destination: 'box/copy' },
    });
    expect(copied.status).toBe(201);
    expect((await s3('owner', 'GET', '/box/copy')).text).toBe(pieces.join(''));
    expect((await swift('owner', 'DELETE', '/box/large')).status).toBe(204);
    expect((await s3('owner', 'HEAD', '/box/large')).status).toBe(404);
  });
});

interface SwiftVersion {
  readonly name: string;
  readonly version_id: string;
  readonly is_latest: boolean;
  readonly content_type: string;
}

test('versions made in one door are versions in the other, by the same ids', async () => {
  const { s3, swift } = await withBox(false);
  await swift('owner', 'POST', '/box', { headers: { 'X-Versions-Enabled': 'true' } });
  const status = await s3('owner', 'GET', '/box', { query: { versioning: '' } });
  expect(one(status.text, 'Status')).toBe('Enabled');
  const first = await swift('owner', 'PUT', '/box/k', { body: 'from swift' });
  const second = await s3('owner', 'PUT', '/box/k', { body: 'from s3' });
  const firstId = first.headers.get('x-object-version-id') ?? '';
  const secondId = second.headers.get('x-amz-version-id') ?? '';
  const read = await s3('owner', 'GET', '/box/k', { query: { versionId: firstId } });
  expect(read.text).toBe('from swift');
  const back = await swift('owner', 'GET', '/box/k', { query: { 'version-id': secondId } });
  expect(back.text).toBe('from s3');
  const removed = await swift('owner', 'DELETE', '/box/k');
  const markerId = removed.headers.get('x-object-version-id') ?? '';
  const listed = await s3('owner', 'GET', '/box', { query: { versions: '' } });
  expect(all(listed.text, 'VersionId')).toEqual([markerId, secondId, firstId]);
  expect(listed.text.split('<DeleteMarker>')).toHaveLength(2);
  const shown = await swift('owner', 'GET', '/box', { query: { versions: '', format: 'json' } });
  const versions = JSON.parse(shown.text) as SwiftVersion[];
  expect(versions.map((version) => version.version_id)).toEqual([markerId, secondId, firstId]);
  expect(versions[0]).toMatchObject({
    is_latest: true,
    content_type: 'application/x-deleted;swift_versions_deleted=1',
  });
  await s3('owner', 'DELETE', '/box/k', { query: { versionId: markerId } });
  expect((await swift('owner', 'GET', '/box/k')).text).toBe('from s3');
  const suspend = '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>';
  await s3('owner', 'PUT', '/box', { query: { versioning: '' }, body: suspend });
  expect((await swift('owner', 'HEAD', '/box')).headers.get('x-versions-enabled')).toBe('False');
});

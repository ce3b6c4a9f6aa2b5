import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { isStoreError } from '../../../../base/errors.ts';
import type { CompleteUpload, UploadAddress } from '../../../../server/core/api.ts';
import { digestOf } from '../../../../server/core/digest/checksum.ts';
import type { ChecksumAlgorithm, ChecksumType, PartRow } from '../../../../server/core/model.ts';
import {
  type Fixture,
  account,
  bodyOf,
  createContainer,
  createFixture,
  kindOf,
  md5,
  owner,
  pageQuery,
  putCommand,
  readAll,
  reap,
  text,
} from '../fixture.ts';

const at = { account, container: 'c', key: 'big' };
let fixture: Fixture;

beforeEach(async () => {
  fixture = createFixture();
  await createContainer(fixture.core, 'c');
});

async function create(checksum?: {
  algorithm: ChecksumAlgorithm;
  type: ChecksumType;
}): Promise<UploadAddress> {
  const about = { contentType: 'a/b', system: {}, user: { x: 'y' } };
  const { uploadId } = await fixture.core.createUpload(owner, { ...at, ...about, checksum });
  return { ...at, uploadId };
}

function put(upload: UploadAddress, partNumber: number, bytes: Uint8Array): Promise<PartRow> {
  return fixture.core.putPart(owner, { ...upload, partNumber, body: bodyOf(bytes) });
}

function listed(parts: readonly PartRow[]): CompleteUpload['parts'] {
  return parts.map(({ partNumber, etag }) => ({ partNumber, etag }));
}

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

test('parts with gaps become one object with the etag of S3', async () => {
  const upload = await create();
  const bytes = [Buffer.alloc(20, 1), Buffer.alloc(20, 2), Buffer.alloc(3, 3)];
  const parts: PartRow[] = [];
  for (const [index, piece] of bytes.entries()) parts.push(await put(upload, index * 4 + 1, piece));
  const command = { ...upload, parts: listed(parts), condition: {}, size: 43 };
  const { row } = await fixture.core.completeUpload(owner, command);
  const whole = createHash('md5');
  for (const piece of bytes) whole.update(Buffer.from(md5(piece), 'hex'));
  expect(row).toMatchObject({ size: 43, etag: `${whole.digest('hex')}-3`, user: { x: 'y' } });
  expect(row.body).toMatchObject({
    runs: [
      { first: 1, count: 1, size: 20 },
      { first: 5, count: 1, size: 20 },
      { first: 9, count: 1, size: 3 },
    ],
  });
  const reader = await fixture.core.openObject(owner, { ...at, condition: {} });
  expect(await readAll(reader)).toEqual(Buffer.concat(bytes));
});

describe('refused', () => {
  test.each([
    ['invalid-part-order', [2, 1]],
    ['invalid-part-order', [1, 1]],
    ['invalid-part', [1, 7]],
    ['part-too-small', [1, 2, 3]],
    ['invalid-argument', []],
  ] as const)('%s: %j', async (kind, numbers) => {
    const upload = await create();
    const parts = [
      await put(upload, 1, Buffer.alloc(9)),
      await put(upload, 2, Buffer.alloc(5)),
      await put(upload, 3, Buffer.alloc(9)),
    ];
    const etagOf = (partNumber: number): string => parts[partNumber - 1]?.etag ?? 'none';
    const list = numbers.map((partNumber) => ({ partNumber, etag: etagOf(partNumber) }));
    const call = fixture.core.completeUpload(owner, { ...upload, parts: list, condition: {} });
    expect(await kindOf(call)).toBe(kind);
    const good = { ...upload, parts: listed(parts.slice(0, 2)), condition: {} };
    expect(await kindOf(fixture.core.completeUpload(owner, good))).toBe('fulfilled');
  });

  test('a small part is named', async () => {
    const upload = await create();
    const parts = [await put(upload, 4, Buffer.alloc(5)), await put(upload, 6, Buffer.alloc(5))];
    const call = fixture.core.completeUpload(owner, {
      ...upload,
      parts: listed(parts),
      condition: {},
    });
    const error = await call.catch((caught: unknown) => caught);
    expect(isStoreError(error) && error.detail).toMatchObject({ partNumber: 4, minPartBytes: 8 });
  });

  test('a wrong total size, and the upload stays usable', async () => {
    const upload = await create();
    const parts = listed([await put(upload, 1, Buffer.alloc(9))]);
    const wrong = { ...upload, parts, size: 10, condition: {} };
    expect(await kindOf(fixture.core.completeUpload(owner, wrong))).toBe('invalid-argument');
    const right = { ...wrong, size: 9 };
    expect(await kindOf(fixture.core.completeUpload(owner, right))).toBe('fulfilled');
  });

  test('part numbers out of 1 to 10,000', async () => {
    const upload = await create();
    for (const number of [0, -1, 10_001, 1.5]) {
      expect(await kindOf(put(upload, number, Buffer.alloc(1)))).toBe('invalid-argument');
    }
  });
});

describe('checksums', () => {
  const pieces = [Buffer.alloc(20, 5), Buffer.alloc(11, 6)];
  const whole = Buffer.concat(pieces);

  async function complete(
    checksum: { algorithm: ChecksumAlgorithm; type: ChecksumType },
    stated?: string,
  ): ReturnType<Fixture['core']['completeUpload']> {
    const upload = await create(checksum);
    const parts: PartRow[] = [];
    for (const [index, piece] of pieces.entries()) parts.push(await put(upload, index + 1, piece));
    return fixture.core.completeUpload(owner, {
      ...upload,
      parts: listed(parts),
      condition: {},
      checksum: stated === undefined ? undefined : { ...checksum, value: stated },
    });
  }

  test.each(['crc32', 'crc32c', 'crc64nvme'] as const)('full-object %s', async (algorithm) => {
    const checksum = { algorithm, type: 'full-object' } as const;
    const value = base64(digestOf(algorithm, whole));
    const { row } = await complete(checksum, value);
    expect(row.checksums).toEqual([{ ...checksum, value }]);
  });

  test.each(['crc32', 'crc32c', 'sha1', 'sha256'] as const)('composite %s', async (algorithm) => {
    const digests = pieces.map((piece) => digestOf(algorithm, piece));
    const value = base64(digestOf(algorithm, Buffer.concat(digests)));
    const checksum = { algorithm, type: 'composite' } as const;
    expect((await complete(checksum)).row.checksums).toEqual([{ ...checksum, value }]);
  });

  test('a wrong one is a digest mismatch', async () => {
    const call = complete({ algorithm: 'crc32', type: 'full-object' }, 'AAAAAA==');
    expect(await kindOf(call)).toBe('digest-mismatch');
  });

  test('one that the parts do not have cannot be checked', async () => {
    const upload = await create();
    const part = await put(upload, 1, whole);
    const checksum = { algorithm: 'sha256', type: 'composite', value: 'x' } as const;
    const command = { ...upload, parts: listed([part]), condition: {}, checksum };
    expect(await kindOf(fixture.core.completeUpload(owner, command))).toBe('invalid-argument');
  });

  test("a part's own must be the one that was uploaded", async () => {
    const upload = await create({ algorithm: 'crc32', type: 'composite' });
    const { partNumber, etag, checksums } = await put(upload, 1, whole);
    const value = checksums[0]?.value ?? '';
    const withChecksum = (stated: string): CompleteUpload => ({
      ...upload,
      parts: [{ partNumber, etag, checksum: { algorithm: 'crc32', value: stated } }],
      condition: {},
    });
    const { core } = fixture;
    const wrong = withChecksum('AAAAAA==');
    expect(await kindOf(core.completeUpload(owner, wrong))).toBe('invalid-part');
    const right = withChecksum(value);
    expect(await kindOf(core.completeUpload(owner, right))).toBe('fulfilled');
  });
});

test('a repeated Complete answers the same, even when the object was replaced since', async () => {
  const { core } = fixture;
  const upload = await create();
  const command = {
    ...upload,
    parts: listed([await put(upload, 1, Buffer.alloc(9))]),
    condition: {},
  };
  const first = await core.completeUpload(owner, command);
  await core.putObject(owner, putCommand('c', 'big', text('other')));
  const again = await core.completeUpload(owner, { ...command, condition: { ifNoneMatch: '*' } });
  const { etag, version, size } = first.row;
  expect(again.row).toMatchObject({ etag, version, size });
  expect(await kindOf(put(upload, 2, Buffer.alloc(9)))).toBe('no-such-upload');
  const uploads = await core.listUploads(owner, at, pageQuery());
  expect(uploads.items).toEqual([]);
});

test('parts that were not listed go, those of the object stay until it goes', async () => {
  const { core, bodies, rows, clock } = fixture;
  const upload = await create();
  const parts: PartRow[] = [];
  for (let n = 1; n <= 3; n++) parts.push(await put(upload, n, Buffer.alloc(20, n)));
  const chosen = parts.filter((part) => part.partNumber !== 2);
  await core.completeUpload(owner, { ...upload, parts: listed(chosen), condition: {} });
  expect(bodies.stored.size).toBe(3);
  clock.advance(60_000);
  await reap(fixture);
  expect(bodies.stored.size).toBe(2);
  expect(rows.rowsOf('part').map(({ key }) => key.partNumber)).toEqual([1, 3]);
  await core.deleteObject(owner, { ...at, condition: {} });
  clock.advance(60_000);
  await reap(fixture);
  expect(bodies.stored.size).toBe(0);
  clock.advance(24 * 3600 * 1000);
  await reap(fixture);
  expect(rows.rowsOf('upload')).toEqual([]);
  expect(rows.rowsOf('claim')).toEqual([]);
});

test('the last finished upload of a part wins, and an abort frees all', async () => {
  const { core, bodies, clock } = fixture;
  const upload = await create();
  await put(upload, 1, Buffer.alloc(20, 1));
  await put(upload, 1, Buffer.alloc(21, 2));
  const { parts } = await core.listParts(owner, upload, 0, 10);
  expect(parts.map((part) => part.size)).toEqual([21]);
  await core.abortUpload(owner, upload);
  expect(await kindOf(core.abortUpload(owner, upload))).toBe('no-such-upload');
  clock.advance(60_000);
  await reap(fixture);
  expect(bodies.stored.size).toBe(0);
});

test('a container is not deleted while an upload is open: who deletes it aborts that first', async () => {
  const upload = await create();
  const containerId = fixture.rows.rowsOf('upload')[0]?.key.containerId ?? '';
  const deletion = { type: 'container.delete', containerId } as const;
  expect(await kindOf(fixture.rows.execute(deletion))).toBe('container-not-empty');
  await fixture.core.abortUpload(owner, upload);
  expect(await kindOf(fixture.rows.execute(deletion))).toBe('fulfilled');
});

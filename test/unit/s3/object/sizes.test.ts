/** Objects of many terabytes, of parts whose bytes are made up where they are read: only the arithmetic is real. */
import { expect, test, vi } from 'vitest';
import type { StoredBody } from '../../../../server/core/model.ts';
import { all, createHarness, type Harness, one } from '../harness.ts';

const GiB = 1024 ** 3;
const PART = 5 * GiB;
const PARTS = 10_000;
const SIZE = PART * PARTS;

const etag = 'd41d8cd98f00b204e9800998ecf8427e';
const crc = 'AAAAAAAAAAA=';

/** Bytes of a body depend on its name and the place, so that a wrong place shows. */
function byteAt(objectId: string, place: number): number {
  return (
    (Number.parseInt(objectId.slice(-4), 16) * 7 + (place % 251) + Math.floor(place / 2 ** 31)) %
    256
  );
}

function idOf(partNumber: number): string {
  return partNumber.toString(16).padStart(32, '0');
}

async function* sparse(stored: StoredBody, start: number, end: number): AsyncGenerator<Uint8Array> {
  expect(end).toBeLessThanOrEqual(stored.size);
  expect(end - start).toBeLessThan(1000);
  const bytes = Array.from({ length: end - start }, (_, at) => byteAt(stored.objectId, start + at));
  yield await Promise.resolve(Uint8Array.from(bytes));
}

/** An upload of 10,000 parts of 5 GiB under `/bucket/k`, complete. */
async function huge(headers: Record<string, string> = {}): Promise<Harness & { done: string }> {
  const harness = createHarness();
  const { ask, rows, bodies } = harness;
  vi.spyOn(bodies, 'read').mockImplementation(sparse);
  await ask('PUT', '/bucket');
  const created = await ask('POST', '/bucket/k', { query: { uploads: '' } });
  const uploadId = one(created.text, 'UploadId') ?? '';
  const [upload] = rows.rowsOf('upload');
  if (upload === undefined) throw new Error('no upload');
  const at = upload.key;
  let listed = '';
  for (let partNumber = 1; partNumber <= PARTS; partNumber++) {
    const stored = {
      ...{ objectId: idOf(partNumber), policy: 'ec:4+2', partition: 0, size: PART },
      ...{ stripeBytes: 1024 ** 2, missing: [] },
    };
    const checksum = { algorithm: 'crc64nvme', type: 'full-object', value: crc } as const;
    const part = { partNumber, size: PART, etag, checksums: [checksum] };
    const body = { type: 'stored', stored } as const;
    await rows.execute({ type: 'upload.put-part', ...at, part: { ...part, body } });
    listed += `<Part><PartNumber>${partNumber}</PartNumber><ETag>${etag}</ETag></Part>`;
  }
  const body = `<CompleteMultipartUpload>${listed}</CompleteMultipartUpload>`;
  const wrong = { 'x-amz-mp-object-size': String(SIZE + 1) };
  const refused = await ask('POST', '/bucket/k', { query: { uploadId }, body, headers: wrong });
  expect(refused.code).toBe('InvalidRequest');
  const right = { 'x-amz-mp-object-size': String(SIZE), ...headers };
  const done = await ask('POST', '/bucket/k', { query: { uploadId }, body, headers: right });
  expect(done.status).toBe(200);
  return { ...harness, done: done.text };
}

test('50 TiB are listed, shown and read to the byte', async () => {
  expect(SIZE).toBe(53_687_091_200_000);
  const { ask, core, done } = await huge();
  expect(one(done, 'ChecksumCRC64NVME')).toBe(crc);
  const head = await ask('HEAD', '/bucket/k');
  expect(head.headers.get('content-length')).toBe('53687091200000');
  expect(head.headers.get('etag')).toMatch(/-10000"$/);
  expect(all((await ask('GET', '/bucket')).text, 'Size')).toEqual(['53687091200000']);
  const attributes = await ask('GET', '/bucket/k', {
    query: { attributes: '' },
    headers: { 'x-amz-object-attributes': 'ObjectSize,ObjectParts', 'x-amz-max-parts': '1' },
  });
  expect(one(attributes.text, 'ObjectSize')).toBe('53687091200000');
  expect(one(attributes.text, 'PartsCount')).toBe('10000');
  const address = { account: undefined, container: 'bucket' };
  const principal = { type: 'user', account: 'AUTH_one', user: 'root', role: 'owner' } as const;
  const { usage } = await core.headContainer({ principal }, address);
  expect([usage.bytes, usage.versionBytes]).toEqual([SIZE, SIZE]);

  const places = [0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, PART - 1, PART, 2 ** 41, 2 ** 45, SIZE - 2];
  for (const first of places) {
    const headers = { range: `bytes=${first}-${first + 1}` };
    const { status, bytes, headers: shown } = await ask('GET', '/bucket/k', { headers });
    expect([status, shown.get('content-range')]).toEqual([
      206,
      `bytes ${first}-${first + 1}/${SIZE}`,
    ]);
    const expected = [first, first + 1].map((place) =>
      byteAt(idOf(Math.floor(place / PART) + 1), place % PART),
    );
    expect([...bytes]).toEqual(expected);
  }
  const suffix = await ask('GET', '/bucket/k', { headers: { range: 'bytes=-3' } });
  expect(suffix.headers.get('content-range')).toBe(
    `bytes 53687091199997-53687091199999/53687091200000`,
  );
  const beyond = await ask('GET', '/bucket/k', { headers: { range: `bytes=${SIZE}-` } });
  expect([beyond.status, one(beyond.text, 'ActualObjectSize')]).toEqual([416, String(SIZE)]);
  const last = await ask('HEAD', '/bucket/k', { query: { partNumber: '10000' } });
  expect(last.headers.get('content-range')).toBe(`bytes ${SIZE - PART}-${SIZE - 1}/53687091200000`);
});

test('a copy of a part beyond 2^32, and no copy of more than 5 GiB at once', async () => {
  const { ask } = await huge();
  const source = { 'x-amz-copy-source': 'bucket/k' };
  const whole = await ask('PUT', '/bucket/copy', { headers: source });
  expect([whole.status, whole.code]).toEqual([400, 'InvalidRequest']);
  const created = await ask('POST', '/bucket/copy', { query: { uploads: '' } });
  const uploadId = one(created.text, 'UploadId') ?? '';
  const copyPart = (range: string): Promise<{ status: number; code: string | undefined }> =>
    ask('PUT', '/bucket/copy', {
      query: { uploadId, partNumber: '1' },
      headers: { ...source, 'x-amz-copy-source-range': range },
    });
  const first = SIZE - 500;
  expect((await copyPart(`bytes=${first}-${SIZE - 1}`)).status).toBe(200);
  expect((await copyPart(`bytes=${first}-${SIZE}`)).code).toBe('InvalidRange');
  expect((await copyPart(`bytes=0-${5 * GiB}`)).status).toBe(400);
});

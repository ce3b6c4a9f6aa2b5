/** Facts 1 to 8: uploads in parts. */
import { createHash } from 'node:crypto';
import { expect } from 'vitest';
import {
  type Part,
  type Upload,
  ask,
  beginUpload,
  dial,
  etagOf,
  fact,
  headOf,
  md5,
  newBucket,
  one,
  outcome,
  signed,
  useTarget,
} from './target.ts';

useTarget();

const MIN_PART = 5 * 1024 * 1024;
const full = (fill: number): Buffer => Buffer.alloc(MIN_PART, fill);

async function partOf(upload: Upload, number: number, body: Uint8Array): Promise<Part> {
  const answer = await upload.put(number, body);
  expect(answer.status).toBe(200);
  return { number, etag: etagOf(answer) };
}

fact(
  1,
  'the ETag of parts is the MD5 of MD5s and their count, that of one PUT its MD5',
  async () => {
    const bucket = await newBucket();
    const bodies = [full(1), full(2), Buffer.from('end')];
    const upload = await beginUpload(`/${bucket}/parts`);
    const parts: Part[] = [];
    for (const [index, body] of bodies.entries()) parts.push(await partOf(upload, index + 1, body));
    const done = await upload.complete(parts);
    const sums = bodies.map((body) => createHash('md5').update(body).digest());
    expect(one(done.text, 'ETag')).toBe(`"${md5(Buffer.concat(sums))}-3"`);
    const large = Buffer.alloc(100_000_000, 'x');
    const put = await ask('PUT', `/${bucket}/large`, { body: large });
    expect(etagOf(put)).toBe(`"${md5(large)}"`);
  },
);

fact(2, 'parts are listed in ascending order and by their ETags; gaps are fine', async () => {
  const bucket = await newBucket();
  const upload = await beginUpload(`/${bucket}/k`);
  const parts: Part[] = [];
  for (const number of [1, 5, 9]) parts.push(await partOf(upload, number, full(number)));
  const [first, second, third] = parts;
  if (first === undefined || second === undefined || third === undefined) throw new Error('parts');
  expect(outcome(await upload.complete([second, first, third]))).toEqual([400, 'InvalidPartOrder']);
  const wrongTag = { ...second, etag: `"${md5('other')}"` };
  expect(outcome(await upload.complete([first, wrongTag, third]))).toEqual([400, 'InvalidPart']);
  const wrongNumber = { ...second, number: 6 };
  expect(outcome(await upload.complete([first, wrongNumber]))).toEqual([400, 'InvalidPart']);
  expect((await upload.complete(parts)).status).toBe(200);
  const head = await ask('HEAD', `/${bucket}/k`);
  expect(head.headers.get('content-length')).toBe(String(3 * MIN_PART));
});

fact(3, 'a part that is too small and not the last is found at Complete', async () => {
  const bucket = await newBucket();
  const upload = await beginUpload(`/${bucket}/k`);
  const parts = [
    await partOf(upload, 1, Buffer.alloc(MIN_PART - 1)),
    await partOf(upload, 2, Buffer.from('end')),
  ];
  expect(outcome(await upload.complete(parts))).toEqual([400, 'EntityTooSmall']);
});

fact(4, 'a second Complete of the same upload answers as the first', async () => {
  const bucket = await newBucket();
  const upload = await beginUpload(`/${bucket}/k`);
  const parts = [await partOf(upload, 1, Buffer.from('only'))];
  const first = await upload.complete(parts);
  const second = await upload.complete(parts);
  expect([first.status, second.status]).toEqual([200, 200]);
  expect(one(second.text, 'ETag')).toBe(one(first.text, 'ETag'));
});

fact(
  5,
  'a Complete that fails is seen as an error, whether its status or its body says so',
  async () => {
    const bucket = await newBucket();
    const upload = await beginUpload(`/${bucket}/k`);
    await partOf(upload, 1, Buffer.from('only'));
    const failed = await upload.complete([{ number: 1, etag: `"${md5('other')}"` }]);
    expect([200, 400]).toContain(failed.status);
    expect(failed.text.trimStart()).toMatch(/^<\?xml [^>]*>\s*<Error>/);
    expect(failed.code).toBe('InvalidPart');
    expect((await ask('HEAD', `/${bucket}/k`)).status).toBe(404);
  },
);

fact(6, 'a wrong x-amz-mp-object-size is refused, and the upload stays usable', async () => {
  const bucket = await newBucket();
  const upload = await beginUpload(`/${bucket}/k`);
  const parts = [await partOf(upload, 1, Buffer.from('four'))];
  const size = (text: string) => ({ headers: { 'x-amz-mp-object-size': text } });
  expect(outcome(await upload.complete(parts, size('5')))).toEqual([400, 'InvalidRequest']);
  expect((await upload.complete(parts, size('4'))).status).toBe(200);
});

fact(7, 'part numbers go from 1 to 10,000', async () => {
  const bucket = await newBucket();
  const upload = await beginUpload(`/${bucket}/k`);
  for (const number of ['0', '10001', '-1', 'one']) {
    const answer = await upload.put(number, 'x');
    expect([number, ...outcome(answer)]).toEqual([number, 400, 'InvalidArgument']);
  }
  const parts = [
    await partOf(upload, 1, full(1)),
    await partOf(upload, 10_000, Buffer.from('last')),
  ];
  expect((await upload.complete(parts)).status).toBe(200);
  // Of the object it is the second.
  const last = await ask('GET', `/${bucket}/k`, { query: { partNumber: '2' } });
  expect([last.status, last.text]).toEqual([206, 'last']);
});

fact(
  8,
  'of one part sent twice the last that finished counts; completes of one key do not mix',
  async () => {
    const bucket = await newBucket();
    const upload = await beginUpload(`/${bucket}/k`);
    const query = { partNumber: '1', uploadId: upload.uploadId };
    const slow = signed('PUT', upload.path, { query, body: 'first' });
    const wire = await dial();
    wire.send(headOf(slow, 5));
    wire.send('fi');
    await partOf(upload, 1, Buffer.from('other'));
    wire.send('rst');
    expect((await wire.reply()).status).toBe(200);
    wire.socket.destroy();
    const stale = { number: 1, etag: `"${md5('other')}"` };
    expect(outcome(await upload.complete([stale]))).toEqual([400, 'InvalidPart']);
    expect((await upload.complete([{ number: 1, etag: `"${md5('first')}"` }])).status).toBe(200);
    expect((await ask('GET', upload.path)).text).toBe('first');

    const uploads = await Promise.all([1, 2, 3, 4].map(() => beginUpload(`/${bucket}/same`)));
    const bodies = uploads.map(
      (_, index) => [full(index + 1), Buffer.from(`end ${index}`)] as const,
    );
    const parts = await Promise.all(
      uploads.map(async (one1, index) => {
        const [start, end] = bodies[index] ?? [full(0), full(0)];
        return [await partOf(one1, 1, start), await partOf(one1, 2, end)];
      }),
    );
    await Promise.all(uploads.map((one1, index) => one1.complete(parts[index] ?? [])));
    const { bytes } = await ask('GET', `/${bucket}/same`);
    const whole = bodies.map(([start, end]) => Buffer.concat([start, end]));
    expect(whole.filter((candidate) => candidate.equals(bytes))).toHaveLength(1);
  },
);

/** Facts 9 to 12: conditional writes, and races between them. */
import { expect } from 'vitest';
import {
  type Answer,
  type Ask,
  ask,
  beginUpload,
  etagOf,
  fact,
  newBucket,
  outcome,
  setVersioning,
  useTarget,
} from './target.ts';

useTarget();

const RACERS = 32;
const create = { 'if-none-match': '*' };

/** The index of the one that won; all others were told so. */
function winnerOf(answers: readonly Answer[]): number {
  const winners = answers.flatMap((answer, index) => (answer.status === 200 ? [index] : []));
  for (const { status } of answers) expect([200, 409, 412]).toContain(status);
  expect(winners).toHaveLength(1);
  return winners[0] ?? -1;
}

function race(run: (index: number) => Promise<Answer>): Promise<readonly Answer[]> {
  return Promise.all(Array.from({ length: RACERS }, (_, index) => run(index)));
}

fact(9, 'of 32 racing creations exactly one wins, and its body is there', async () => {
  const bucket = await newBucket();
  for (const filler of [0, 40_000]) {
    const path = `/${bucket}/k${filler}`;
    const bodyOf = (index: number): string => `${index}${'.'.repeat(filler)}`;
    const answers = await race((index) =>
      ask('PUT', path, { body: bodyOf(index), headers: create, second: index % 2 === 1 }),
    );
    expect((await ask('GET', path)).text).toBe(bodyOf(winnerOf(answers)));
  }
});

fact(10, 'so of completes and of copies; a chain of 1,000 swaps loses none', async () => {
  const bucket = await newBucket();
  const path = `/${bucket}/complete`;
  const uploads = await Promise.all(
    Array.from({ length: RACERS }, async (_, index) => {
      const upload = await beginUpload(path);
      const etag = etagOf(await upload.put(1, `part ${index}`));
      return { upload, parts: [{ number: 1, etag }] };
    }),
  );
  const completed = await Promise.all(
    uploads.map(({ upload, parts }) => upload.complete(parts, { headers: create })),
  );
  expect((await ask('GET', path)).text).toBe(`part ${winnerOf(completed)}`);

  for (let index = 0; index < RACERS; index++) {
    await ask('PUT', `/${bucket}/source-${index}`, { body: `source ${index}` });
  }
  const copied = await race((index) => {
    const headers = { ...create, 'x-amz-copy-source': `${bucket}/source-${index}` };
    return ask('PUT', `/${bucket}/copy`, { headers, second: index % 2 === 1 });
  });
  expect((await ask('GET', `/${bucket}/copy`)).text).toBe(`source ${winnerOf(copied)}`);

  const counter = `/${bucket}/counter`;
  await ask('PUT', counter, { body: '0' });
  const swaps = 1000;
  const writers = 8;
  await Promise.all(
    Array.from({ length: writers }, async (_, writer) => {
      const second = writer % 2 === 1;
      for (let done = 0; done < swaps / writers; ) {
        const seen = await ask('GET', counter, { second });
        const headers = { 'if-match': etagOf(seen) };
        const body = String(Number(seen.text) + 1);
        const { status } = await ask('PUT', counter, { body, headers, second });
        expect([200, 409, 412]).toContain(status);
        if (status === 200) done++;
      }
    }),
  );
  expect((await ask('GET', counter)).text).toBe(String(swaps));
});

fact(
  11,
  'If-None-Match takes only the star, If-Match wants an object, quotes do not matter',
  async () => {
    const bucket = await newBucket();
    const put = (key: string, headers: Record<string, string>): Promise<Answer> =>
      ask('PUT', `/${bucket}/${key}`, { body: 'x', headers });
    expect(outcome(await put('k', { 'if-none-match': '"abc"' }))).toEqual([501, 'NotImplemented']);
    expect(outcome(await put('k', { 'if-match': '"abc"' }))).toEqual([404, 'NoSuchKey']);
    const made = await put('k', {});
    const quoted = etagOf(made);
    expect((await put('k', { 'if-match': quoted })).status).toBe(200);
    expect((await put('k', { 'if-match': quoted.replaceAll('"', '') })).status).toBe(200);
    expect(outcome(await put('k', { 'if-match': '"abc"' }))).toEqual([412, 'PreconditionFailed']);
  },
);

fact(
  12,
  'a delete marker is no object, and a conditional deletion looks at the current version',
  async () => {
    const bucket = await newBucket();
    await setVersioning(bucket, 'Enabled');
    const path = `/${bucket}/k`;
    const put = (body: string, headers: Record<string, string> = {}): Promise<Answer> =>
      ask('PUT', path, { body, headers });
    const first = await put('one');
    await ask('DELETE', path);
    const second = await put('two', create);
    expect(second.status).toBe(200);
    const remove = (asked: Ask): Promise<Answer> => ask('DELETE', path, asked);
    const old = { headers: { 'if-match': etagOf(first) } };
    expect(outcome(await remove(old))).toEqual([412, 'PreconditionFailed']);
    expect((await remove({ headers: { 'if-match': etagOf(second) } })).status).toBe(204);
  },
);

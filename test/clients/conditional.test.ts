/** Compare-and-set over many connections: no increment is lost, one creation wins. */
import type { Client } from 'minio';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { minioOf } from '../process/minio-client.ts';
import { ServerProcess } from '../process/server.ts';

const server = new ServerProcess();
const bucket = 'compare-and-set';
let client: Client;
beforeAll(async () => {
  await server.start();
  client = minioOf(server);
  await client.makeBucket(bucket, 'us-east-1');
});
afterAll(() => server.remove());

const WRITERS = 8;
const INCREMENTS = 1000;

it('loses none of 1,000 increments by 8 writers', { timeout: 120_000 }, async () => {
  const putUrl = await client.presignedPutObject(bucket, 'counter');
  const getUrl = await client.presignedGetObject(bucket, 'counter');
  const read = async (): Promise<{ value: number; etag: string }> => {
    const reply = await fetch(getUrl);
    return { value: Number(await reply.text()), etag: reply.headers.get('etag') ?? '' };
  };
  await fetch(putUrl, { method: 'PUT', body: '0', headers: { 'If-None-Match': '*' } });
  let refused = 0;
  const writers = Array.from({ length: WRITERS }, async () => {
    for (let done = 0; done < INCREMENTS / WRITERS; ) {
      const { value, etag } = await read();
      const headers = { 'If-Match': etag };
      const reply = await fetch(putUrl, { method: 'PUT', body: String(value + 1), headers });
      await reply.arrayBuffer();
      if (reply.status === 200) done++;
      else {
        // 409 is AWS's answer where the conflict shows only at the commit.
        expect([409, 412]).toContain(reply.status);
        refused++;
      }
    }
  });
  await Promise.all(writers);
  expect((await read()).value).toBe(INCREMENTS);
  // Were there no refusals, the writers never met and nothing was proved.
  expect(refused).toBeGreaterThan(WRITERS);
});

it('lets one of 32 creations win, each on a connection of its own', async () => {
  for (let round = 0; round < 10; round++) {
    const url = await client.presignedPutObject(bucket, `race-${round}`);
    // Large bodies are written before the commit decides; small ones are decided with their row.
    const filler = '.'.repeat(round % 2 === 0 ? 0 : 40_000);
    const statuses = await Promise.all(
      Array.from({ length: 32 }, async (_, i) => {
        const headers = { 'If-None-Match': '*', Connection: 'close' };
        const reply = await fetch(url, { method: 'PUT', body: `${i}${filler}`, headers });
        await reply.arrayBuffer();
        return reply.status;
      }),
    );
    const winners = statuses.flatMap((status, i) => (status === 200 ? [i] : []));
    expect(winners).toHaveLength(1);
    for (const status of statuses) expect([200, 409, 412]).toContain(status);
    const reply = await fetch(await client.presignedGetObject(bucket, `race-${round}`));
    expect(await reply.text()).toBe(`${winners[0]}${filler}`);
  }
});

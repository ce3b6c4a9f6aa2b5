import { expect } from 'vitest';
import { digestOf, generatedBody } from '../generated-body.ts';
import type { StreamingClient } from './piped-command.ts';

const seed = 5;

/** Writes so many bytes and reads them back with the same client, and says how long each took. Resolves with what they are known by. */
export async function roundTrip(
  name: string,
  size: number,
  client: StreamingClient,
): ReturnType<typeof digestOf> {
  const started = performance.now();
  await client.put(() => generatedBody(seed, size));
  const written = performance.now();
  const expected = await digestOf(generatedBody(seed, size));
  expect(expected.size).toBe(size);
  expect(await digestOf(await client.get())).toEqual(expected);
  const read = performance.now();
  const seconds = [written - started, read - written].map((millis) => Math.round(millis / 1000));
  process.stdout.write(`${name}: written in ${seconds[0]} s, read in ${seconds[1]} s\n`);
  return expected;
}

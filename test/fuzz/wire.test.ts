/** Whatever bytes another machine sends: a frame, an error that ends the connection, never anything else. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isStoreError } from '../../base/errors.ts';
import {
  encodeFrame,
  type Frame,
  FrameReader,
  frameTypes,
} from '../../server/storage-node/wire/frame.ts';
import {
  decodeHello,
  decodeWelcome,
  encodeHello,
  type Hello,
} from '../../server/storage-node/wire/greeting.ts';
import { decodeFailure, decodeHead, encodeHead } from '../../server/storage-node/wire/head.ts';

const limit = 100_000;

/** What a reader makes of these chunks: frames, and 'broken' at the first error. */
function read(chunks: readonly Uint8Array[]): (Frame | 'broken')[] {
  const seen: (Frame | 'broken')[] = [];
  const reader = new FrameReader(limit, (frame) => seen.push(frame));
  try {
    for (const chunk of chunks) reader.push(chunk);
  } catch (error) {
    if (!isStoreError(error, 'invalid-argument')) throw error;
    seen.push('broken');
  }
  return seen;
}

function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) break;
    chunks.push(bytes.slice(at, at + size));
    at += size;
  }
  if (at < bytes.length) chunks.push(bytes.slice(at));
  return chunks;
}

const frames = fc.array(
  fc.record({
    type: fc.constantFrom(...Object.values(frameTypes)),
    method: fc.integer({ min: 0, max: 255 }),
    call: fc.integer({ min: 0, max: 0xffff_ffff }),
    head: fc.uint8Array({ maxLength: 60 }),
    bytes: fc.uint8Array({ maxLength: 300 }),
  }),
  { maxLength: 6 },
);
const sizes = fc.array(fc.integer({ min: 1, max: 200 }), { maxLength: 40 });

test('frames are read as they were written, however they are cut', () => {
  fc.assert(
    fc.property(frames, sizes, (given, pieces) => {
      const all = Buffer.concat(
        given.flatMap(({ bytes, ...rest }) => encodeFrame({ ...rest, bytes: [bytes] }).pieces),
      );
      const seen = read(cut(all, pieces)).map((frame) =>
        frame === 'broken'
          ? frame
          : { ...frame, head: new Uint8Array(frame.head), bytes: new Uint8Array(frame.bytes) },
      );
      expect(seen).toEqual(given.map((frame) => ({ ...frame, patienceMillis: 0 })));
    }),
    { numRuns: 500 },
  );
});

test('broken frames end the stream and nothing else', () => {
  fc.assert(
    fc.property(
      frames,
      fc.array(fc.tuple(fc.nat(), fc.nat(255))),
      sizes,
      (given, flips, pieces) => {
        const all = Buffer.concat(
          given.flatMap(({ bytes, ...rest }) => encodeFrame({ ...rest, bytes: [bytes] }).pieces),
        );
        for (const [at, value] of flips) if (all.length > 0) all[at % all.length] = value;
        const seen = read(cut(all, pieces));
        expect(seen.slice(0, -1)).not.toContain('broken');
      },
    ),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), sizes, (bytes, pieces) => {
      read(cut(bytes, pieces));
    }),
    { numRuns: 500 },
  );
});

test('heads, greetings and failures of any bytes and any JSON', () => {
  const decoders = [decodeHead, decodeHello, decodeWelcome];
  const texts = fc.oneof(
    fc.uint8Array({ maxLength: 80 }),
    fc.json().map((text) => new TextEncoder().encode(text)),
    fc
      .dictionary(
        fc.constantFrom('oldest', 'newest', 'node', 'lane', 'turn', '__proto__', 'instance'),
        fc.jsonValue(),
      )
      .map((head) => encodeHead(head)),
  );
  fc.assert(
    fc.property(texts, (bytes) => {
      for (const decode of decoders) {
        try {
          decode(bytes);
        } catch (error) {
          if (!isStoreError(error)) throw error;
        }
      }
      expect(isStoreError(decodeFailure(bytes))).toBe(true);
    }),
    { numRuns: 1000 },
  );
  const hello: Hello = {
    ...{ oldest: 1, newest: 2, cluster: 'c', node: 'n', to: 't', instance: 'i' },
    ...{ toInstance: 'j', lane: 'bytes', turn: 9, release: 'r' },
  };
  expect(decodeHello(encodeHello(hello))).toEqual(hello);
});

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isStoreError } from '../../../../base/errors.ts';
import {
  framePlainBytes,
  openBody,
  sealBody,
  sealedSize,
  sealSmall,
} from '../../../../server/core/encryption/sealed-body.ts';
import { keyOf } from '../../../../server/core/encryption/wrapped-key.ts';
import { collect } from '../fixture.ts';

const FRAME = 65_536;
const key = keyOf(Buffer.alloc(32, 7));

function bytes(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => (at * 7 + (at >>> 8)) & 0xff);
}

async function* cut(whole: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (let turn = 0; at < whole.length; turn++) {
    await Promise.resolve();
    const size = sizes[turn % sizes.length] ?? whole.length;
    yield whole.slice(at, at + size);
    at += size;
  }
}

function seal(plain: Uint8Array, sizes: readonly number[] = [4999]): Promise<Uint8Array> {
  return collect(sealBody(key, cut(plain, sizes)));
}

interface Asked {
  readonly start?: number;
  readonly end?: number;
  readonly plainSize?: number;
  readonly sizes?: readonly number[];
}

async function open(sealed: Uint8Array, plainSize: number, asked: Asked = {}): Promise<Uint8Array> {
  const { start = 0, end = plainSize, sizes = [FRAME] } = asked;
  const read = (from: number, to: number): AsyncIterable<Uint8Array> =>
    cut(sealed.subarray(from, to), sizes);
  return collect(openBody(key, { plainSize, start, end, read }));
}

async function refusal(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
    return 'opened';
  } catch (error) {
    return isStoreError(error) ? error.kind : 'foreign';
  }
}

/** Sizes at and around the borders of frames. */
const size = fc.oneof(
  fc.nat(300),
  fc
    .record({ frames: fc.integer({ min: 1, max: 4 }), off: fc.integer({ min: -2, max: 2 }) })
    .map(({ frames, off }) => frames * framePlainBytes + off),
  fc.nat(4 * framePlainBytes),
);
const sizes = fc.array(fc.oneof(fc.integer({ min: 1, max: 200_000 }), fc.constant(FRAME)), {
  minLength: 1,
  maxLength: 4,
});

describe('a sealed body', () => {
  test('opens to what was sealed, however both were cut, and has the size that is told', async () => {
    await fc.assert(
      fc.asyncProperty(size, sizes, sizes, async (length, cutIn, cutOut) => {
        const plain = bytes(length);
        const sealed = await seal(plain, cutIn);
        expect(sealed.length).toBe(sealedSize(length));
        const opened = await open(sealed, length, { sizes: cutOut });
        expect(Buffer.compare(opened, plain)).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('gives any range, and reads no frame that the range does not touch', async () => {
    const plain = bytes(3 * framePlainBytes + 100);
    const sealed = await seal(plain);
    const border = fc
      .record({ frame: fc.nat(3), off: fc.integer({ min: -2, max: 2 }) })
      .map(({ frame, off }) => Math.max(0, frame * framePlainBytes + off));
    const place = fc.oneof(border, fc.nat(plain.length));
    await fc.assert(
      fc.asyncProperty(place, place, sizes, async (a, b, cutOut) => {
        const start = Math.min(a, b);
        const end = Math.max(a, b);
        const asked: number[] = [];
        const read = (from: number, to: number): AsyncIterable<Uint8Array> => {
          asked.push(from, to);
          return cut(sealed.subarray(from, to), cutOut);
        };
        const opened = await collect(openBody(key, { plainSize: plain.length, start, end, read }));
        expect(Buffer.compare(opened, plain.subarray(start, end))).toBe(0);
        const first = Math.floor(start / framePlainBytes) * FRAME;
        const last = (Math.floor((end - 1) / framePlainBytes) + 1) * FRAME;
        const touched = [first, Math.min(sealed.length, last)];
        expect(asked).toEqual(start === end ? [] : touched);
      }),
      { numRuns: 100 },
    );
  });

  test('does not open when any one bit is another', async () => {
    const plain = bytes(framePlainBytes + 50);
    const sealed = await seal(plain);
    await fc.assert(
      fc.asyncProperty(fc.nat(sealed.length - 1), fc.nat(7), async (at, bit) => {
        const bad = Uint8Array.from(sealed);
        bad[at] = (bad[at] ?? 0) ^ (1 << bit);
        expect(await refusal(open(bad, plain.length))).toBe('corrupt');
      }),
      { numRuns: 60 },
    );
  });

  test('does not open shortened, lengthened, reordered, or as another body', async () => {
    const plain = bytes(3 * framePlainBytes);
    const sealed = await seal(plain);
    const frames = [0, 1, 2].map((n) => sealed.subarray(n * FRAME, (n + 1) * FRAME));
    const [a = sealed, b = sealed, c = sealed] = frames;
    // Cut at a frame's border, with a row that says so.
    const short = { bytes: Buffer.concat([a, b]), size: 2 * framePlainBytes };
    expect(await refusal(open(short.bytes, short.size))).toBe('corrupt');
    expect(await refusal(open(Buffer.concat([b, a, c]), plain.length))).toBe('corrupt');
    expect(await refusal(open(Buffer.concat([a, a, c]), plain.length))).toBe('corrupt');
    expect(await refusal(open(Buffer.concat([a, b, c, c]), 4 * framePlainBytes))).toBe('corrupt');
    // The store gives less than it was asked for.
    expect(await refusal(open(sealed.subarray(0, sealed.length - 1), plain.length))).toBe(
      'corrupt',
    );
    expect(await refusal(open(Buffer.concat([a, b]), plain.length))).toBe('corrupt');
    const read = (from: number, to: number): readonly Uint8Array[] => [sealed.slice(from, to)];
    const wrong = openBody(keyOf(Buffer.alloc(32, 8)), {
      ...{ plainSize: plain.length, start: 0, end: plain.length, read },
    });
    expect(await refusal(collect(wrong))).toBe('corrupt');
  });

  test('shows nothing of a frame before its tag was right', async () => {
    const plain = bytes(2 * framePlainBytes);
    const sealed = await seal(plain);
    sealed[2 * FRAME - 1] = (sealed[2 * FRAME - 1] ?? 0) ^ 1;
    const read = (from: number, to: number): AsyncIterable<Uint8Array> =>
      cut(sealed.subarray(from, to), [1000]);
    const body = openBody(key, { plainSize: plain.length, start: 0, end: plain.length, read });
    let shown = 0;
    const reading = (async () => {
      for await (const piece of body) shown += piece.length;
    })();
    expect(await refusal(reading)).toBe('corrupt');
    expect(shown).toBe(framePlainBytes);
  });

  test('of one frame is what the stream makes of it', async () => {
    for (const length of [1, 17, 16_384, framePlainBytes]) {
      const small = sealSmall(key, bytes(length));
      expect(Buffer.compare(small, await seal(bytes(length)))).toBe(0);
    }
    expect((await seal(new Uint8Array(0))).length).toBe(0);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invariant } from '../../../../base/invariant.ts';
import { isStoreError } from '../../../../base/errors.ts';
import type { Codec } from '../../../../storage/erasure/codec.ts';
import { createCodec } from '../../../../storage/erasure/create-codec.ts';
import { loadKernelModule } from '../../../../storage/erasure/kernel/kernel.ts';
import { createLrcCodec } from '../../../../storage/erasure/lrc-codec.ts';
import {
  kernelMultiply,
  type Multiply,
  plainMultiply,
} from '../../../../storage/erasure/multiplier.ts';
import { encodeAll, expectSame, sampleUnits, subsets } from '../../../contract/codec-contract.ts';

async function kernel(file: string): Promise<Multiply> {
  const loaded = await loadKernelModule(file);
  invariant(loaded !== undefined, 'the pinned runtime has SIMD, plain and relaxed');
  return kernelMultiply(loaded);
}

const without = (all: readonly Uint8Array[], lost: readonly number[]) =>
  all.map((unit, index) => (lost.includes(index) ? undefined : unit));

/**
 * What no code with these halves can do better: each half mends one loss by its own parity, and the
 * parities of the whole mend two more.
 */
function isSolvable(k: number, lost: readonly number[]): boolean {
  const inHalf = (half: number): number =>
    lost.filter((index) => (index < k ? Math.floor((2 * index) / k) === half : index === k + half))
      .length;
  const global = lost.filter((index) => index >= k + 2).length;
  return Math.max(0, inHalf(0) - 1) + Math.max(0, inHalf(1) - 1) + global <= 2;
}

async function outcome(codec: Codec, all: readonly Uint8Array[], lost: readonly number[]) {
  try {
    return await codec.reconstruct(without(all, lost), lost);
  } catch (error) {
    if (!isStoreError(error, 'corrupt')) throw error;
    return undefined;
  }
}

describe('lrc:8+2+2', () => {
  it('gives back every loss that any such code can, counted', async () => {
    const codec = createLrcCodec(8, plainMultiply);
    const all = await encodeAll(codec, sampleUnits(8, 32));
    const solved = Array.from({ length: 6 }, () => 0);
    const counted = Array.from({ length: 6 }, () => 0);
    for (const lost of subsets(12, 5)) {
      const found = await outcome(codec, all, lost);
      expect(found !== undefined).toBe(isSolvable(8, lost));
      counted[lost.length] = (counted[lost.length] ?? 0) + 1;
      if (found === undefined) continue;
      solved[lost.length] = (solved[lost.length] ?? 0) + 1;
      expectSame(
        found,
        lost.flatMap((index) => all[index] ?? []),
      );
    }
    expect(counted).toEqual([1, 12, 66, 220, 495, 792]);
    // All of up to three; of four those but 70; never five.
    expect(solved).toEqual([1, 12, 66, 220, 425, 0]);
  });

  it('plans one loss with the four others of its half, a parity of the whole with the data', async () => {
    const codec = await createCodec({ kind: 'lrc', k: 8, m: 4 });
    const everything = Array.from({ length: 12 }, (_, index) => index);
    const planFor = (...lost: readonly number[]) =>
      codec.plan(
        everything.filter((index) => !lost.includes(index)),
        lost,
      );
    expect(planFor(0)).toEqual([1, 2, 3, 8]);
    expect(planFor(5)).toEqual([4, 6, 7, 9]);
    expect(planFor(8)).toEqual([0, 1, 2, 3]);
    expect(planFor(9)).toEqual([4, 5, 6, 7]);
    expect(planFor(10)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(planFor(1, 6)).toEqual([0, 2, 3, 4, 5, 7, 8, 9]);
    expect(planFor(0, 1)).toHaveLength(8);
    expect(planFor()).toEqual([]);
    expect(planFor(0, 1, 2, 3)).toBeUndefined();
    // What is not wanted may be lost beyond repair.
    expect(codec.plan([1, 2, 3, 8], [0])).toEqual([1, 2, 3, 8]);
  });

  it('computes the same by every arithmetic', async () => {
    const data = sampleUnits(8, 70_001);
    const plain = await createLrcCodec(8, plainMultiply).encode(data);
    for (const file of ['kernel-relaxed.wasm', 'kernel.wasm']) {
      const codec = createLrcCodec(8, await kernel(file));
      expectSame(await codec.encode(data), plain);
      expect(await codec.verify([...data, ...plain])).toBe(true);
      const room = plain.map((unit) => new Uint8Array(unit.length).fill(0xee));
      await codec.encodeInto(data, room);
      expectSame(room, plain);
    }
    const half = data.slice(0, 4);
    const xor = half.reduce((sum, unit) => sum.map((byte, i) => byte ^ (unit[i] ?? 0)));
    expectSame(plain.slice(0, 1), [xor]);
  });

  it('finds one changed bit anywhere', async () => {
    const codec = await createCodec({ kind: 'lrc', k: 8, m: 4 });
    const all = await encodeAll(codec, sampleUnits(8, 1000));
    for (const place of all.keys()) {
      const changed = all.map((unit) => unit.slice());
      const unit = changed[place] ?? new Uint8Array(1);
      unit[77] = (unit[77] ?? 0) ^ 4;
      expect(await codec.verify(changed)).toBe(false);
    }
    expect(await codec.verify(all.map((unit, i) => (i === 3 ? unit.subarray(1) : unit)))).toBe(
      false,
    );
  });
});

it('every lrc:k+2+2 mends what its halves allow, also only what is wanted', async () => {
  const arbitrary = fc.constantFrom(4, 6, 8, 10, 12, 14, 16).chain((k) =>
    fc.tuple(
      fc.constant(k),
      fc.subarray(
        Array.from({ length: k + 4 }, (_, index) => index),
        { maxLength: 5 },
      ),
      fc.nat(200),
    ),
  );
  await fc.assert(
    fc.asyncProperty(arbitrary, async ([k, lost, length]) => {
      const codec = await createCodec({ kind: 'lrc', k, m: 4 });
      const all = await encodeAll(codec, sampleUnits(k, length, k));
      const found = await outcome(codec, all, lost);
      expect(found !== undefined).toBe(isSolvable(k, lost));
      if (found !== undefined)
        expectSame(
          found,
          lost.flatMap((index) => all[index] ?? []),
        );
      const present = [...all.keys()].filter((index) => !lost.includes(index));
      for (const index of lost) {
        const plan = codec.plan(present, [index]);
        if (plan === undefined) continue;
        const places = all.map((unit, at) => (plan.includes(at) ? unit : undefined));
        expectSame(await codec.reconstruct(places, [index]), [all[index] ?? new Uint8Array(0)]);
      }
    }),
    { numRuns: 300, seed: 3 },
  );
});

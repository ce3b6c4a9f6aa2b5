import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isStoreError } from '../../base/errors.ts';
import type { Codec } from '../../storage/erasure/codec.ts';

export type MakeCodec = (shape: { k: number; m: number }) => Promise<Codec>;

/** Bytes that differ from unit to unit and from place to place, the same in every run. */
export function sampleUnits(count: number, length: number, seed = 1): Uint8Array[] {
  let state = seed * 2654435761 + 1;
  return Array.from({ length: count }, () => {
    const unit = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      unit[i] = state >>> 24;
    }
    return unit;
  });
}

/** Every set of at most `most` of the numbers below `n`, the empty one first. */
export function subsets(n: number, most: number): number[][] {
  const all: number[][] = [];
  for (let bits = 0; bits < 2 ** n; bits++) {
    const set = Array.from({ length: n }, (_, i) => i).filter((i) => (bits >> i) & 1);
    if (set.length <= most) all.push(set);
  }
  return all;
}

export async function encodeAll(codec: Codec, data: readonly Uint8Array[]): Promise<Uint8Array[]> {
  return [...data, ...(await codec.encode(data))];
}

const without = (all: readonly Uint8Array[], lost: readonly number[]) =>
  all.map((unit, index) => (lost.includes(index) ? undefined : unit));

/** Equal bytes; vitest's own comparison takes seconds for megabytes. */
export function expectSame(got: readonly Uint8Array[], wanted: readonly Uint8Array[]): void {
  expect(got.map((unit) => unit.length)).toEqual(wanted.map((unit) => unit.length));
  got.forEach((unit, i) => expect(Buffer.compare(unit, wanted[i] ?? unit)).toBe(0));
}

/** n, k and m small enough to lose every set. */
const smallShapes = [1, 2, 3, 4, 5].flatMap((k) => [0, 1, 2, 3].map((m) => ({ k, m })));
const lengths = [0, 1, 15, 16, 17, 63, 64, 65, 1000, 4096];
const arbitraryShape = fc.record({
  k: fc.integer({ min: 1, max: 16 }),
  m: fc.integer({ min: 0, max: 6 }),
});

export function codecContract(name: string, make: MakeCodec): void {
  describe(`Codec contract: ${name}`, () => {
    it('gives back every lost set of small codes', async () => {
      for (const shape of smallShapes) {
        const codec = await make(shape);
        const n = shape.k + shape.m;
        const all = await encodeAll(codec, sampleUnits(shape.k, 37, n));
        for (const lost of subsets(n, shape.m)) {
          const found = await codec.reconstruct(without(all, lost), lost);
          const wanted = lost.flatMap((index) => all[index] ?? []);
          expectSame(found, wanted);
        }
      }
    });

    it('gives back random lost sets of any code and length', async () => {
      const arbitrary = fc.tuple(
        arbitraryShape,
        fc.oneof(fc.constantFrom(...lengths), fc.integer({ min: 0, max: 70_000 })),
        fc.infiniteStream(fc.double({ min: 0, max: 1, noNaN: true })),
        fc.integer({ min: 1, max: 1000 }),
      );
      await fc.assert(
        fc.asyncProperty(arbitrary, async ([shape, length, chances, seed]) => {
          const codec = await make(shape);
          const all = await encodeAll(codec, sampleUnits(shape.k, length, seed));
          const chance = () => chances.next().value ?? 0;
          const order = all.map((_, index) => ({ index, at: chance() }));
          order.sort((a, b) => a.at - b.at);
          const lost = order.slice(0, Math.round(chance() * shape.m)).map(({ index }) => index);
          const wanted = order.map(({ index }) => index).filter(() => chance() > 0.5);
          const found = await codec.reconstruct(without(all, lost), wanted);
          expectSame(
            found,
            wanted.flatMap((index) => all[index] ?? []),
          );
          expect(await codec.verify(all)).toBe(true);
        }),
        { numRuns: 60, seed: 7 },
      );
    });

    it('finds one changed bit anywhere', async () => {
      for (const shape of [
        { k: 1, m: 2 },
        { k: 4, m: 2 },
        { k: 16, m: 6 },
      ]) {
        const codec = await make(shape);
        const all = await encodeAll(codec, sampleUnits(shape.k, 50_001));
        for (let i = 0; i < all.length; i++) {
          const changed = all.map((unit) => unit.slice());
          const unit = changed[i] ?? new Uint8Array(0);
          const at = (i * 9973) % unit.length;
          unit[at] = (unit[at] ?? 0) ^ (1 << (i % 8));
          expect(await codec.verify(changed)).toBe(false);
        }
        const short = all.map((unit, i) => (i === 0 ? unit.subarray(1) : unit));
        expect(await codec.verify(short)).toBe(false);
      }
    });

    it('answers corrupt when too few units are left, or their lengths differ', async () => {
      const codec = await make({ k: 3, m: 2 });
      const all = await encodeAll(codec, sampleUnits(3, 100));
      const isCorrupt = (error: unknown): boolean => isStoreError(error, 'corrupt');
      await expect(codec.reconstruct(without(all, [0, 1, 4]), [0])).rejects.toSatisfy(isCorrupt);
      const short = all.map((unit, i) => (i === 0 ? undefined : unit.subarray(i === 1 ? 1 : 0)));
      await expect(codec.reconstruct(short, [0])).rejects.toSatisfy(isCorrupt);
    });

    it('refuses shapes beyond 16 + 6', async () => {
      const shapes = [
        { k: 0, m: 1 },
        { k: 17, m: 1 },
        { k: 4, m: 7 },
        { k: 4, m: -1 },
        { k: 1.5, m: 1 },
      ];
      const isInvalid = (error: unknown): boolean => isStoreError(error, 'invalid-argument');
      for (const shape of shapes) await expect(make(shape)).rejects.toSatisfy(isInvalid);
    });

    it('encodes into the memory of the caller, and nowhere else', async () => {
      for (const shape of [
        { k: 1, m: 2 },
        { k: 4, m: 2 },
        { k: 6, m: 0 },
      ]) {
        const codec = await make(shape);
        const data = sampleUnits(shape.k, 1001);
        const room = new Uint8Array(shape.m * 1003).fill(0xee);
        const parity = Array.from({ length: shape.m }, (_, i) => {
          return room.subarray(i * 1003 + 1, i * 1003 + 1002);
        });
        await codec.encodeInto(data, parity);
        expectSame(parity, await codec.encode(data));
        for (let i = 0; i < shape.m; i++) {
          expect([room[i * 1003], room[i * 1003 + 1002]]).toEqual([0xee, 0xee]);
        }
      }
    });

    it('returns memory of the caller: later calls and the inputs leave it alone', async () => {
      for (const shape of [
        { k: 1, m: 1 },
        { k: 3, m: 2 },
      ]) {
        const codec = await make(shape);
        const data = sampleUnits(shape.k, 200);
        const before = data.map((unit) => unit.slice());
        const first = await codec.encode(data);
        const kept = first.map((unit) => unit.slice());
        expectSame(data, before);
        const all = [...data, ...first];
        const found = await codec.reconstruct(without(all, [0]), [0, 1]);
        await codec.encode(sampleUnits(shape.k, 200, 9));
        for (const unit of data) unit.fill(0);
        expectSame(first, kept);
        expectSame(found, [...before, ...kept].slice(0, 2));
      }
    });

    it('serves calls that overlap', async () => {
      const codec = await make({ k: 4, m: 2 });
      const stripes = Array.from({ length: 8 }, (_, i) => sampleUnits(4, 20_000 + i, i + 1));
      const together = await Promise.all(stripes.map((data) => codec.encode(data)));
      for (const [i, data] of stripes.entries()) {
        expectSame(together[i] ?? [], await codec.encode(data));
      }
    });
  });
}

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { invariant } from '../../../../base/invariant.ts';
import { createCrateCodec } from '../../../../storage/erasure/crate-codec.ts';
import { type Kernel, loadKernelModule } from '../../../../storage/erasure/kernel/kernel.ts';
import { createKernelCodec } from '../../../../storage/erasure/simd-codec.ts';
import { encodeAll, expectSame, sampleUnits, subsets } from '../../../contract/codec-contract.ts';

async function kernels(): Promise<Kernel[]> {
  const files = ['kernel-relaxed.wasm', 'kernel.wasm'];
  const loaded = await Promise.all(files.map(loadKernelModule));
  return loaded.map((kernel) => {
    invariant(kernel !== undefined, 'the pinned runtime has SIMD, plain and relaxed');
    return kernel;
  });
}

describe('our kernel against the crate', () => {
  it('gives the same parity for every k and m', async () => {
    for (const kernel of await kernels()) {
      for (let k = 1; k <= 16; k++) {
        for (let m = 0; m <= 6; m++) {
          const data = sampleUnits(k, 150 + k + m, k * 7 + m);
          const crate = await createCrateCodec({ k, m });
          expectSame(
            await createKernelCodec({ k, m }, kernel).encode(data),
            await crate.encode(data),
          );
        }
      }
    }
  });

  it('gives the same parity for any length, beyond one slice of the arena too', async () => {
    const [kernel] = await kernels();
    invariant(kernel !== undefined, 'a kernel was loaded');
    const shape = fc.record({
      k: fc.integer({ min: 1, max: 16 }),
      m: fc.integer({ min: 0, max: 6 }),
    });
    const length = fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 150_000 }));
    await fc.assert(
      fc.asyncProperty(shape, length, fc.integer({ min: 1, max: 99 }), async (of, bytes, seed) => {
        const data = sampleUnits(of.k, bytes, seed);
        const crate = await createCrateCodec(of);
        expectSame(await createKernelCodec(of, kernel).encode(data), await crate.encode(data));
      }),
      { numRuns: 60, seed: 11 },
    );
  });

  it('rebuilds what the crate rebuilds, for every lost set of 4+2 and 5+3', async () => {
    const [kernel] = await kernels();
    invariant(kernel !== undefined, 'a kernel was loaded');
    for (const shape of [
      { k: 4, m: 2 },
      { k: 5, m: 3 },
    ]) {
      const simd = createKernelCodec(shape, kernel);
      const crate = await createCrateCodec(shape);
      const all = await encodeAll(crate, sampleUnits(shape.k, 77));
      for (const lost of subsets(shape.k + shape.m, shape.m)) {
        const units = all.map((unit, i) => (lost.includes(i) ? undefined : unit));
        expectSame(await simd.reconstruct(units, lost), await crate.reconstruct(units, lost));
      }
    }
  });

  it('keeps rebuilding when there are more ways to lose than products it keeps', async () => {
    const [kernel] = await kernels();
    invariant(kernel !== undefined, 'a kernel was loaded');
    const codec = createKernelCodec({ k: 8, m: 6 }, kernel);
    const all = await encodeAll(codec, sampleUnits(8, 5));
    const sets = subsets(14, 6)
      .filter((lost) => lost.length >= 4)
      .slice(0, 1500);
    expect(sets.length).toBeGreaterThan(1024);
    for (const lost of [...sets, ...sets.slice(0, 10)]) {
      const units = all.map((unit, i) => (lost.includes(i) ? undefined : unit));
      expectSame(
        await codec.reconstruct(units, lost),
        lost.flatMap((i) => all[i] ?? []),
      );
    }
  });
});

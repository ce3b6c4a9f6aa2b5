import { describe, expect, it } from 'vitest';
import { createCrateCodec } from '../../../../storage/erasure/crate-codec.ts';
import { createCodec } from '../../../../storage/erasure/create-codec.ts';
import { splitStripe } from '../../../../storage/erasure/stripe.ts';
import {
  createStripeMemory,
  type StripeBuffer,
} from '../../../../storage/erasure/stripe-memory.ts';
import { expectSame, sampleUnits } from '../../../contract/codec-contract.ts';

function lent(buffer: StripeBuffer | undefined): StripeBuffer {
  if (buffer === undefined) expect.fail('a buffer is free');
  return buffer;
}

describe('stripe memory', () => {
  it('encodes in place what the crate encodes, for whole and short stripes', async () => {
    for (const [k, m] of [
      [1, 2],
      [2, 1],
      [4, 2],
      [8, 4],
      [16, 6],
      [3, 0],
    ] as const) {
      const codec = await createCodec({ k, m });
      const crate = await createCrateCodec({ k, m });
      const memory = await createStripeMemory({ k, m }, { stripeBytes: 65_536, most: 2 });
      for (const length of [65_536, 65_535, 4096, 64 * k, 64 * k - 1, 100, 1, 0]) {
        const [stripe = new Uint8Array(0)] = sampleUnits(1, length, k + length);
        const buffer = lent(memory.lease());
        buffer.bytes.fill(0xee);
        buffer.bytes.set(stripe);
        const { data, parity } = buffer.cut(length);
        await codec.encodeInto(data, parity);
        expectSame(data, splitStripe(stripe, k));
        expectSame(parity, await crate.encode(splitStripe(stripe, k)));
        const all = [...data, ...parity];
        expect(await codec.verify(all)).toBe(true);
        const lost = Math.min(m, 1);
        const units = all.map((unit, i) => (i < lost ? undefined : unit));
        expectSame(await codec.reconstruct(units, [0]), all.slice(0, 1));
        buffer.release();
      }
    }
  });

  it('lends no more than its limit, and each room once', async () => {
    const memory = await createStripeMemory({ k: 4, m: 2 }, { stripeBytes: 4096, most: 2 });
    const first = lent(memory.lease());
    const second = lent(memory.lease());
    expect(memory.lease()).toBeUndefined();
    first.bytes.fill(1);
    second.bytes.fill(2);
    expect(first.bytes.every((byte) => byte === 1)).toBe(true);
    second.release();
    expect(() => second.release()).toThrow('released once');
    expect(() => second.cut(1)).toThrow('while its buffer is lent');
    lent(memory.lease()).bytes.fill(3);
    expect(first.bytes.every((byte) => byte === 1)).toBe(true);
  });

  it('goes on in plain memory when the kernel has no more', async () => {
    const shape = { k: 2, m: 1 };
    const stripeBytes = 64 * 1024 * 1024;
    const memory = await createStripeMemory(shape, { stripeBytes, most: 3 });
    const buffers = [lent(memory.lease()), lent(memory.lease()), lent(memory.lease())];
    expect(new Set(buffers.map(({ bytes }) => bytes.buffer)).size).toBeGreaterThan(1);
    const codec = await createCodec(shape);
    for (const buffer of buffers) {
      buffer.bytes[0] = 7;
      const { data, parity } = buffer.cut(1);
      await codec.encodeInto(data, parity);
      expect(await codec.verify([...data, ...parity])).toBe(true);
    }
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  defaultStripeBytes,
  locateRange,
  splitStripe,
  unitLength,
} from '../../../../storage/erasure/stripe.ts';
import { sampleUnits } from '../../../contract/codec-contract.ts';

describe('stripe', () => {
  it('cuts the default stripe into whole units', () => {
    expect(unitLength(defaultStripeBytes, 4)).toBe(256 * 1024);
    expect(unitLength(defaultStripeBytes, 8)).toBe(128 * 1024);
    expect(unitLength(0, 4)).toBe(0);
    expect(unitLength(1, 4)).toBe(16);
    expect(unitLength(65, 4)).toBe(32);
  });

  it('copies nothing of full units', () => {
    const [stripe = new Uint8Array(0)] = sampleUnits(1, 100);
    const units = splitStripe(stripe, 4);
    expect(units.map((unit) => unit.buffer === stripe.buffer)).toEqual([true, true, true, false]);
    expect(units.map((unit) => unit.length)).toEqual([32, 32, 32, 32]);
  });

  it('locates every range of any stripe', () => {
    const arbitrary = fc.record({
      bytes: fc.integer({ min: 0, max: 3000 }),
      k: fc.integer({ min: 1, max: 16 }),
      from: fc.double({ min: 0, max: 1, noNaN: true }),
      to: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(arbitrary, ({ bytes, k, from, to }) => {
        const [stripe = new Uint8Array(0)] = sampleUnits(1, bytes, k);
        const units = splitStripe(stripe, k);
        const length = unitLength(bytes, k);
        expect(units.map((unit) => unit.length)).toEqual(Array(k).fill(length));
        const padded = Buffer.concat(units);
        expect(padded.subarray(0, bytes).equals(stripe)).toBe(true);
        expect(padded.subarray(bytes).every((byte) => byte === 0)).toBe(true);
        const start = Math.floor(from * bytes);
        const size = Math.floor(to * (bytes - start));
        const pieces = locateRange(length, start, size);
        const found = pieces.map((piece) => {
          expect(piece.length).toBeGreaterThan(0);
          return units[piece.unit]?.subarray(piece.offset, piece.offset + piece.length);
        });
        expect(new Set(pieces.map((piece) => piece.unit)).size).toBe(pieces.length);
        const bytesFound = Buffer.concat(found.flatMap((piece) => piece ?? []));
        expect(bytesFound.equals(stripe.subarray(start, start + size))).toBe(true);
      }),
      { numRuns: 300, seed: 3 },
    );
  });
});

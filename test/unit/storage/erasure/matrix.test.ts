import { describe, expect, it } from 'vitest';
import { inverse, multiply, power } from '../../../../storage/erasure/galois.ts';
import {
  invertMatrix,
  multiplyMatrices,
  pickRows,
  systematicMatrix,
} from '../../../../storage/erasure/matrix.ts';
import { subsets } from '../../../contract/codec-contract.ts';

/** By the book: shift, add, reduce by 0x11d. */
function multiplySlowly(a: number, b: number): number {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product <<= 1;
    if (product & 0x100) product ^= 0x11d;
    if ((b >> bit) & 1) product ^= a;
  }
  return product;
}

const rowsOf = (cells: Uint8Array, columns: number): number[][] => {
  const rows: number[][] = [];
  for (let at = 0; at < cells.length; at += columns)
    rows.push(Array.from(cells.subarray(at, at + columns)));
  return rows;
};

describe('GF(2^8)', () => {
  it('multiplies and inverts as the polynomial 0x11d says', () => {
    for (let a = 0; a < 256; a++) {
      for (let b = 0; b < 256; b++) {
        if (multiply(a, b) !== multiplySlowly(a, b)) expect.fail(`${a} x ${b}`);
      }
      if (a > 0) expect(multiply(a, inverse(a))).toBe(1);
    }
  });

  it('raises to powers', () => {
    expect(power(0, 0)).toBe(1);
    expect(power(0, 3)).toBe(0);
    for (let base = 1; base < 22; base++) {
      let product = 1;
      for (let exponent = 0; exponent < 16; exponent++) {
        expect(power(base, exponent)).toBe(product);
        product = multiply(product, base);
      }
    }
  });
});

describe('systematicMatrix', () => {
  it('is the one of the crate and of klauspost/reedsolomon: parity of 4+2 and copies of 1+2', () => {
    expect(rowsOf(systematicMatrix(4, 2).cells, 4).slice(4)).toEqual([
      [27, 28, 18, 20],
      [28, 27, 20, 18],
    ]);
    expect([...systematicMatrix(1, 2).cells]).toEqual([1, 1, 1]);
  });

  it('has the identity on top, and any k of its rows can be inverted', () => {
    for (const [k, m] of [
      [1, 6],
      [2, 6],
      [4, 2],
      [5, 4],
      [8, 4],
    ] as const) {
      const whole = systematicMatrix(k, m);
      const identity = pickRows(whole, [...Array(k).keys()]);
      expect(invertMatrix(identity).cells).toEqual(identity.cells);
      for (const rows of subsets(k + m, k).filter((set) => set.length === k)) {
        const picked = pickRows(whole, rows);
        expect(multiplyMatrices(picked, invertMatrix(picked)).cells).toEqual(identity.cells);
      }
    }
  });
});

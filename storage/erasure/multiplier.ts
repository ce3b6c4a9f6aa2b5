import { multiply } from './galois.ts';
import { type Kernel, makeProduct, type Product } from './kernel/kernel.ts';
import { cell, type Matrix } from './matrix.ts';

/**
 * outputs = matrix x inputs, byte by byte over GF(2^8). All units have one length; outputs are
 * filled, and may not overlap inputs. At most 6 rows and 16 columns.
 */
export type Multiply = (
  by: Matrix,
  inputs: readonly Uint8Array[],
  outputs: readonly Uint8Array[],
) => void;

/** By our kernel. What it makes of a matrix is kept as long as the matrix is. */
export function kernelMultiply(kernel: Kernel): Multiply {
  const products = new WeakMap<Matrix, Product>();
  return (by, inputs, outputs) => {
    let product = products.get(by);
    if (product === undefined) {
      product = makeProduct(by);
      products.set(by, product);
    }
    kernel.multiply(product, inputs, outputs);
  };
}

/** For engines without SIMD, and the oracle of the other: some 0.2 GB/s a row. */
export const plainMultiply: Multiply = (by, inputs, outputs) => {
  for (const [row, output] of outputs.entries()) {
    output.fill(0);
    for (const [column, input] of inputs.entries()) {
      const factor = cell(by, row, column);
      if (factor === 0) continue;
      const products = Uint8Array.from({ length: 256 }, (_, byte) => multiply(byte, factor));
      for (let i = 0; i < output.length; i++) {
        output[i] = (output[i] ?? 0) ^ (products[input[i] ?? 0] ?? 0);
      }
    }
  }
};

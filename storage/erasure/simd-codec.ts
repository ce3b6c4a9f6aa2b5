import { StoreError } from '../../base/errors.ts';
import type { Codec } from './codec.ts';
import { createCopyCodec } from './copy-codec.ts';
import { type Kernel, makeProduct, type Product, sharedKernel } from './kernel/kernel.ts';
import {
  invertMatrix,
  type Matrix,
  multiplyMatrices,
  pickRows,
  systematicMatrix,
} from './matrix.ts';
import { allocateUnits, assessLoss, checkShape, haveOneLength, lengthOfData } from './units.ts';
import { lengthOfStripe, type Loss, pickUnits, planOfAny, type Shape } from './units.ts';

/**
 * Products kept for reconstruction. 8+4 with every way to lose and want one to four units has
 * some 800; 1024 of the largest (16+6: 3 KiB) are 3 MiB.
 */
const maxRepairs = 1024;

/** The codec over our own kernel; StoreError `not-implemented` where the engine has no SIMD. */
export async function createSimdCodec(shape: Shape): Promise<Codec> {
  checkShape(shape);
  const kernel = await sharedKernel();
  if (kernel === undefined) {
    throw new StoreError('not-implemented', 'codec.create', 'this engine has no SIMD');
  }
  return createKernelCodec(shape, kernel);
}

/** As `createSimdCodec`, over a kernel given. */
export function createKernelCodec(shape: Shape, kernel: Kernel): Codec {
  checkShape(shape);
  return shape.k === 1 ? createCopyCodec(shape.m) : new KernelCodec(shape, kernel);
}

class KernelCodec implements Codec {
  readonly k: number;
  readonly m: number;
  readonly #kernel: Kernel;
  readonly #matrix: Matrix;
  readonly #encoding: Product | undefined;
  /** By which units are the sources and which are computed; in order of first use. */
  readonly #repairs = new Map<number, Product>();

  constructor({ k, m }: Shape, kernel: Kernel) {
    this.k = k;
    this.m = m;
    this.#kernel = kernel;
    this.#matrix = systematicMatrix(k, m);
    const parity = Array.from({ length: m }, (_, row) => k + row);
    this.#encoding = m === 0 ? undefined : makeProduct(pickRows(this.#matrix, parity));
  }

  async encode(data: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const parity = allocateUnits(this.m, lengthOfData(data, this));
    if (this.#encoding !== undefined) this.#kernel.multiply(this.#encoding, data, parity);
    return parity;
  }

  async encodeInto(data: readonly Uint8Array[], parity: readonly Uint8Array[]): Promise<void> {
    lengthOfStripe(data, parity, this);
    if (this.#encoding !== undefined) this.#kernel.multiply(this.#encoding, data, parity);
  }

  plan(present: readonly number[], wanted: readonly number[]): readonly number[] | undefined {
    return planOfAny(present, wanted, this);
  }

  async reconstruct(
    units: readonly (Uint8Array | undefined)[],
    wanted: readonly number[],
  ): Promise<readonly Uint8Array[]> {
    const loss = assessLoss(units, wanted, this);
    const made = allocateUnits(wanted.length, loss.length);
    const outputs = loss.lost.flatMap((index) => made[wanted.indexOf(index)] ?? []);
    if (outputs.length > 0) {
      const sources = pickUnits(units, loss.sources);
      this.#kernel.multiply(this.#repair(loss), sources, outputs);
    }
    wanted.forEach((index, at) => {
      const unit = units[index];
      if (unit !== undefined) made[at]?.set(unit);
    });
    return made;
  }

  async verify(units: readonly Uint8Array[]): Promise<boolean> {
    if (!haveOneLength(units, this)) return false;
    if (this.#encoding === undefined) return true;
    const { k } = this;
    return this.#kernel.matches(this.#encoding, units.slice(0, k), units.slice(k));
  }

  /** Lost units from the sources: rows of the lost times the inverse of the sources' rows. */
  #repair({ sources, lost }: Loss): Product {
    // Two sets of at most 22 units make a number of at most 44 bits, which is exact.
    const key = bitmap(sources) * 2 ** (this.k + this.m) + bitmap(lost);
    const known = this.#repairs.get(key);
    if (known !== undefined) return known;
    const decode = invertMatrix(pickRows(this.#matrix, sources));
    const product = makeProduct(multiplyMatrices(pickRows(this.#matrix, lost), decode));
    // The oldest goes first: losses change over hours, while a miss costs microseconds.
    const [oldest] = this.#repairs.keys();
    if (this.#repairs.size >= maxRepairs && oldest !== undefined) this.#repairs.delete(oldest);
    this.#repairs.set(key, product);
    return product;
  }
}

function bitmap(indexes: readonly number[]): number {
  return indexes.reduce((bits, index) => bits + 2 ** index, 0);
}

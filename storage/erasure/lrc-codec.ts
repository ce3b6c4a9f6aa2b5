/**
 * A locally repairable code, k + 2 + 2 (decision 0020): the parity of each half of the data is its
 * XOR, so one lost unit is rebuilt from the k / 2 others of its half. Two parities of the whole make it
 * survive any three losses, and every larger one that any code with such halves can.
 */
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { type Combination, combine } from './combination.ts';
import type { Codec } from './codec.ts';
import { multiply } from './galois.ts';
import { type Matrix, pickRows } from './matrix.ts';
import type { Multiply } from './multiplier.ts';
import { allocateUnits, commonLength, haveOneLength, lengthOfData } from './units.ts';
import { lengthOfStripe, pickUnits } from './units.ts';

const parityUnits = 4;
/** Combinations kept: every way to lose up to two of 20 units, and more. */
const maxRepairs = 1024;

/**
 * k + 4 rows: the data as they are; the XOR of each half; the sums a_i x_i and a_i² x_i, where a_i is
 * i + 1 in the first half and 16 (i + 1) in the second. With factors that differ, and never the same
 * sum in both halves (the low four bits against the high four), every pattern of losses that leaves
 * k independent equations can be solved.
 */
export function locallyRepairableMatrix(k: number): Matrix {
  const half = k / 2;
  invariant(Number.isInteger(half) && half >= 2 && half <= 8, 'two halves of two to eight units');
  const cells = new Uint8Array((k + parityUnits) * k);
  const set = (row: number, column: number, value: number): void => {
    cells[row * k + column] = value;
  };
  for (let unit = 0; unit < k; unit++) {
    const isSecond = unit >= half;
    const factor = isSecond ? (unit - half + 1) << 4 : unit + 1;
    set(unit, unit, 1);
    set(k + (isSecond ? 1 : 0), unit, 1);
    set(k + 2, unit, factor);
    set(k + 3, unit, multiply(factor, factor));
  }
  return { rows: k + parityUnits, columns: k, cells };
}

/** k even, from 4 to 16; `multiplyBy` decides what computes. */
export function createLrcCodec(k: number, multiplyBy: Multiply): Codec {
  return new LrcCodec(k, multiplyBy);
}

class LrcCodec implements Codec {
  readonly k: number;
  readonly m: number = parityUnits;
  readonly #multiply: Multiply;
  readonly #matrix: Matrix;
  readonly #encoding: Matrix;
  /** By which units are there and which are wanted; in order of first use. */
  readonly #repairs = new Map<number, Combination | undefined>();

  constructor(k: number, multiplyBy: Multiply) {
    this.k = k;
    this.#multiply = multiplyBy;
    this.#matrix = locallyRepairableMatrix(k);
    const parity = Array.from({ length: parityUnits }, (_, row) => k + row);
    this.#encoding = pickRows(this.#matrix, parity);
  }

  async encode(data: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    const parity = allocateUnits(this.m, lengthOfData(data, this));
    this.#multiply(this.#encoding, data, parity);
    return parity;
  }

  async encodeInto(data: readonly Uint8Array[], parity: readonly Uint8Array[]): Promise<void> {
    lengthOfStripe(data, parity, this);
    this.#multiply(this.#encoding, data, parity);
  }

  plan(present: readonly number[], wanted: readonly number[]): readonly number[] | undefined {
    const lost = wanted.filter((index) => !present.includes(index));
    return lost.length === 0 ? [] : this.#combination(present, lost)?.sources;
  }

  async reconstruct(
    units: readonly (Uint8Array | undefined)[],
    wanted: readonly number[],
  ): Promise<readonly Uint8Array[]> {
    const length = commonLength(units, wanted, this);
    const present = units.flatMap((unit, index) => (unit === undefined ? [] : [index]));
    const lost = wanted.filter((index) => units[index] === undefined);
    const made = allocateUnits(wanted.length, length);
    if (lost.length > 0) {
      const found = this.#combination(present, lost);
      if (found === undefined) {
        const detail = { present: present.length, k: this.k, m: this.m };
        throw new StoreError('corrupt', 'codec.reconstruct', 'too few units are left', { detail });
      }
      const outputs = lost.flatMap((index) => made[wanted.indexOf(index)] ?? []);
      this.#multiply(found.factors, pickUnits(units, found.sources), outputs);
    }
    wanted.forEach((index, at) => {
      const unit = units[index];
      if (unit !== undefined) made[at]?.set(unit);
    });
    return made;
  }

  async verify(units: readonly Uint8Array[]): Promise<boolean> {
    if (!haveOneLength(units, this)) return false;
    const parity = await this.encode(units.slice(0, this.k));
    return parity.every((unit, row) => Buffer.compare(unit, units[this.k + row] ?? unit) === 0);
  }

  /** Data and parities of halves are offered first, so that one loss is repaired within its half. */
  #combination(present: readonly number[], lost: readonly number[]): Combination | undefined {
    // Two sets of at most 20 units make a number of at most 40 bits; the order of the lost ones is theirs.
    const inOrder = lost.every((index, at) => at === 0 || index > (lost[at - 1] ?? 0));
    const key = inOrder ? bitmap(present) * 2 ** (this.k + this.m) + bitmap(lost) : -1;
    if (this.#repairs.has(key)) return this.#repairs.get(key);
    const offered = present.toSorted((a, b) => a - b);
    const found = combine(this.#matrix, offered, lost);
    if (!inOrder) return found;
    const [oldest] = this.#repairs.keys();
    if (this.#repairs.size >= maxRepairs && oldest !== undefined) this.#repairs.delete(oldest);
    this.#repairs.set(key, found);
    return found;
  }
}

function bitmap(indexes: readonly number[]): number {
  return indexes.reduce((bits, index) => bits + 2 ** index, 0);
}

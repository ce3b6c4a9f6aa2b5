import type { Codec } from './codec.ts';
import { type Crate, sharedCrate } from './crate.ts';
import { allocateUnits, assessLoss, checkShape, haveOneLength, lengthOfStripe } from './units.ts';
import { lengthOfData, pickUnits, planOfAny, type Shape } from './units.ts';

/**
 * The codec over the npm build of the Rust crate `reed-solomon-erasure`: some ten times slower
 * than our kernel, for engines without SIMD, and the oracle that our kernel is tested against.
 */
export async function createCrateCodec(shape: Shape): Promise<Codec> {
  checkShape(shape);
  return new CrateCodec(shape, await sharedCrate());
}

class CrateCodec implements Codec {
  readonly k: number;
  readonly m: number;
  readonly #crate: Crate;

  constructor({ k, m }: Shape, crate: Crate) {
    this.k = k;
    this.m = m;
    this.#crate = crate;
  }

  async encode(data: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    return this.#parity(data, lengthOfData(data, this));
  }

  async encodeInto(data: readonly Uint8Array[], parity: readonly Uint8Array[]): Promise<void> {
    this.#fill(data, parity, lengthOfStripe(data, parity, this));
  }

  plan(present: readonly number[], wanted: readonly number[]): readonly number[] | undefined {
    return planOfAny(present, wanted, this);
  }

  async reconstruct(
    units: readonly (Uint8Array | undefined)[],
    wanted: readonly number[],
  ): Promise<readonly Uint8Array[]> {
    const { lost, length } = assessLoss(units, wanted, this);
    const made = allocateUnits(wanted.length, length);
    const whole = lost.length === 0 ? units : this.#restore(units, length);
    pickUnits(whole, wanted).forEach((unit, at) => made[at]?.set(unit));
    return made;
  }

  async verify(units: readonly Uint8Array[]): Promise<boolean> {
    if (!haveOneLength(units, this)) return false;
    const parity = this.#parity(units.slice(0, this.k), units[0]?.length ?? 0);
    return parity.every((unit, row) => Buffer.compare(unit, units[this.k + row] ?? unit) === 0);
  }

  #parity(data: readonly Uint8Array[], length: number): readonly Uint8Array[] {
    const parity = allocateUnits(this.m, length);
    this.#fill(data, parity, length);
    return parity;
  }

  #fill(data: readonly Uint8Array[], parity: readonly Uint8Array[], length: number): void {
    // The crate refuses what needs no work: no parity, and empty units.
    if (this.m > 0 && length > 0) this.#crate.encode(data, parity, this);
  }

  /** All k + m units. The crate gives back data units only; lost parity is encoded from them. */
  #restore(
    units: readonly (Uint8Array | undefined)[],
    length: number,
  ): readonly (Uint8Array | undefined)[] {
    const data = allocateUnits(this.k, length);
    if (length > 0) this.#crate.reconstruct(units, data, this);
    const parity = units.slice(this.k);
    return [...data, ...(parity.includes(undefined) ? this.#parity(data, length) : parity)];
  }
}

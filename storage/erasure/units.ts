import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';

/** k data and m parity units. */
export interface Shape {
  readonly k: number;
  readonly m: number;
}

export const maxDataUnits = 16;
export const maxParityUnits = 6;

/** Throws StoreError `invalid-argument`: a shape comes from a policy that an operator wrote. */
export function checkShape({ k, m }: Shape): void {
  const fits = Number.isInteger(k) && k >= 1 && k <= maxDataUnits && Number.isInteger(m) && m >= 0;
  if (fits && m <= maxParityUnits) return;
  const limits = `${maxDataUnits} data and ${maxParityUnits} parity units`;
  throw new StoreError('invalid-argument', 'codec.create', `${k}+${m} is not within ${limits}`);
}

/** `count` units of `length` bytes, not zeroed, in one allocation that belongs to the caller. */
export function allocateUnits(count: number, length: number): readonly Uint8Array[] {
  // Not zeroed, because every caller fills them, and zeroing would cost as much as encoding.
  const { buffer, byteOffset } = Buffer.allocUnsafeSlow(count * length);
  return Array.from({ length: count }, (_, i) => {
    return new Uint8Array(buffer, byteOffset + i * length, length);
  });
}

/** The one length of the k data units handed to `encode`: the caller cut them, so it knows. */
export function lengthOfData(data: readonly Uint8Array[], { k }: Shape): number {
  invariant(data.length === k, 'encode takes k units');
  const length = data[0]?.length ?? 0;
  invariant(
    data.every((unit) => unit.length === length),
    'units have one length',
  );
  return length;
}

/** As `lengthOfData`, where the caller brings the m parity units too. */
export function lengthOfStripe(
  data: readonly Uint8Array[],
  parity: readonly Uint8Array[],
  shape: Shape,
): number {
  const length = lengthOfData(data, shape);
  invariant(parity.length === shape.m, 'encode fills m units');
  invariant(
    parity.every((unit) => unit.length === length),
    'parity units are as long as data units',
  );
  return length;
}

/** Whether all units have one length: `verify` takes what devices gave. */
export function haveOneLength(units: readonly Uint8Array[], { k, m }: Shape): boolean {
  invariant(units.length === k + m, 'verify takes k + m units');
  return units.every((unit) => unit.length === units[0]?.length);
}

/** Where the bytes of a reconstruction come from, and which it must compute. */
export interface Loss {
  /** The first k units present: data before parity. */
  readonly sources: readonly number[];
  /** Wanted and lost, ascending. */
  readonly lost: readonly number[];
  readonly length: number;
}

/** `Codec.plan` where any k units do: data before parity. */
export function planOfAny(
  present: readonly number[],
  wanted: readonly number[],
  { k }: Shape,
): readonly number[] | undefined {
  if (wanted.every((index) => present.includes(index))) return [];
  return present.length < k ? undefined : present.toSorted((a, b) => a - b).slice(0, k);
}

/** Throws StoreError `corrupt` when fewer than k units are left, or when their lengths differ. */
export function assessLoss(
  units: readonly (Uint8Array | undefined)[],
  wanted: readonly number[],
  shape: Shape,
): Loss {
  const { k, m } = shape;
  const present = units.flatMap((unit, index) => (unit === undefined ? [] : [index]));
  if (present.length < k) {
    const detail = { present: present.length, k, m };
    throw new StoreError('corrupt', 'codec.reconstruct', 'fewer than k units are left', { detail });
  }
  const length = commonLength(units, wanted, shape);
  const lost = wanted.filter((index) => units[index] === undefined).sort((a, b) => a - b);
  return { sources: present.slice(0, k), lost, length };
}

/** The one length of the units that are there. Throws StoreError `corrupt` when they differ, or there is none. */
export function commonLength(
  units: readonly (Uint8Array | undefined)[],
  wanted: readonly number[],
  { k, m }: Shape,
): number {
  invariant(units.length === k + m, 'reconstruct takes k + m places');
  invariant(new Set(wanted).size === wanted.length, 'a unit is wanted once');
  invariant(
    wanted.every((index) => Number.isInteger(index) && index >= 0 && index < k + m),
    'wanted units are units of the stripe',
  );
  const lengths = new Set(units.flatMap((unit) => (unit === undefined ? [] : [unit.length])));
  if (lengths.size !== 1) {
    throw new StoreError('corrupt', 'codec.reconstruct', 'units of one stripe differ in length');
  }
  const [length = 0] = lengths;
  return length;
}

/** The units at `indexes`, which are all present. */
export function pickUnits(
  units: readonly (Uint8Array | undefined)[],
  indexes: readonly number[],
): readonly Uint8Array[] {
  return indexes.map((index) => {
    const unit = units[index];
    invariant(unit !== undefined, 'a picked unit is present');
    return unit;
  });
}

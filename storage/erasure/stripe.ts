import { invariant } from '../../base/invariant.ts';
import { MiB } from '../../base/units.ts';

/** Bytes of data in every stripe of an object but its last, unless a policy says otherwise. */
export const defaultStripeBytes: number = MiB;

/** Units are whole 16-byte lanes, so that a device or kernel never meets an odd one. */
const laneBytes = 16;

/**
 * Bytes of each unit of a stripe of `stripeBytes` bytes of data: an equal share, rounded up to 16.
 * An empty stripe has empty units.
 */
export function unitLength(stripeBytes: number, k: number): number {
  invariant(Number.isSafeInteger(stripeBytes) && stripeBytes >= 0, 'a stripe has a length');
  invariant(Number.isInteger(k) && k >= 1, 'a stripe has data units');
  return Math.ceil(Math.ceil(stripeBytes / k) / laneBytes) * laneBytes;
}

/**
 * The k data units of a stripe: unit i holds its bytes from i * u to (i + 1) * u, where u is
 * `unitLength`. Full units are views of `stripeView`; what lies beyond its end is zero, so that a
 * short stripe may have several units of padding alone.
 */
export function splitStripe(stripeView: Uint8Array, k: number): readonly Uint8Array[] {
  const length = unitLength(stripeView.length, k);
  return Array.from({ length: k }, (_, unit) => {
    const view = stripeView.subarray(unit * length, (unit + 1) * length);
    if (view.length === length) return view;
    const padded = new Uint8Array(length);
    padded.set(view);
    return padded;
  });
}

/** A piece of one data unit. */
export interface UnitRange {
  readonly unit: number;
  readonly offset: number;
  readonly length: number;
}

/**
 * The pieces of data units, in the order of their bytes, that hold bytes `offset` to
 * `offset + length` of a stripe; none for an empty range. `unitBytes` is the stripe's `unitLength`.
 */
export function locateRange(
  unitBytes: number,
  offset: number,
  length: number,
): readonly UnitRange[] {
  invariant(offset >= 0 && length >= 0, 'a range lies inside its stripe');
  invariant(unitBytes > 0 || length === 0, 'an empty stripe has no bytes to locate');
  const pieces: UnitRange[] = [];
  const end = offset + length;
  for (let at = offset; at < end; ) {
    const unit = Math.floor(at / unitBytes);
    const piece = Math.min(end, (unit + 1) * unitBytes) - at;
    pieces.push({ unit, offset: at - unit * unitBytes, length: piece });
    at += piece;
  }
  return pieces;
}

/** Ranges of row keys by what they hold. */
import { concatBytes, fromHex } from '../../../base/bytes.ts';
import { rowAreas } from '../row-key.ts';
import type { Extent } from './extent.ts';

export interface KeyRange {
  /** Inclusive. */
  readonly gte: Uint8Array;
  /** Exclusive. */
  readonly lt: Uint8Array;
}

/** Rows whose keys do not say whose they are. */
export const localRows: KeyRange = {
  gte: Uint8Array.of(rowAreas.local),
  lt: Uint8Array.of(rowAreas.local + 1),
};

function keyAt(id: string | undefined): Uint8Array {
  if (id === undefined) return Uint8Array.of(rowAreas.container + 1);
  return concatBytes([Uint8Array.of(rowAreas.container), fromHex(id)]);
}

export function rowsOfIds({ start, end }: Extent): KeyRange {
  return { gte: keyAt(start), lt: keyAt(end) };
}

/** Rows of all ids but these. */
export function rowsOfOtherIds({ start, end }: Extent): readonly KeyRange[] {
  const before = { gte: keyAt(''), lt: keyAt(start) };
  return end === undefined ? [before] : [before, { gte: keyAt(end), lt: keyAt(undefined) }];
}

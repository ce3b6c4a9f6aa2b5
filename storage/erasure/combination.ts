import { invariant } from '../../base/invariant.ts';
import { inverse, multiply } from './galois.ts';
import { cell, type Matrix } from './matrix.ts';

/** Rows of a matrix as sums of multiples of other rows. */
export interface Combination {
  /** The rows that take part, in the order in which they were offered. */
  readonly sources: readonly number[];
  /** A row for each wanted row, a column for each source. */
  readonly factors: Matrix;
}

/** A row that was offered, reduced by those before it; `from` says of which offered rows it is made. */
interface Reduced {
  readonly pivot: number;
  readonly row: Uint8Array;
  readonly from: Uint8Array;
}

/**
 * Each of `wanted` as a combination of rows that are `offered`; undefined when one of them is not. Rows
 * that earlier ones span already are passed over, so what is offered first is used first.
 */
export function combine(
  of: Matrix,
  offered: readonly number[],
  wanted: readonly number[],
): Combination | undefined {
  const basis: Reduced[] = [];
  for (const [place, index] of offered.entries()) {
    if (basis.length === of.columns) break;
    const from = new Uint8Array(offered.length);
    from[place] = 1;
    const rest = reduce(basis, { row: rowOf(of, index), from });
    const pivot = rest.row.findIndex((element) => element !== 0);
    if (pivot < 0) continue;
    const factor = inverse(rest.row[pivot] ?? 0);
    const scaled = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => multiply(byte, factor));
    basis.push({ pivot, row: scaled(rest.row), from: scaled(rest.from) });
  }
  const made: Uint8Array[] = [];
  for (const index of wanted) {
    const rest = reduce(basis, { row: rowOf(of, index), from: new Uint8Array(offered.length) });
    if (rest.row.some((element) => element !== 0)) return undefined;
    made.push(rest.from);
  }
  return pickSources(offered, made);
}

/** What is left of a row after the basis is taken out of it, and what was added to it for that. */
function reduce(
  basis: readonly Reduced[],
  of: { readonly row: Uint8Array; readonly from: Uint8Array },
): { readonly row: Uint8Array; readonly from: Uint8Array } {
  const row = of.row.slice();
  const from = of.from.slice();
  for (const known of basis) {
    const factor = row[known.pivot] ?? 0;
    if (factor === 0) continue;
    addTimes(row, known.row, factor);
    addTimes(from, known.from, factor);
  }
  return { row, from };
}

function addTimes(to: Uint8Array, what: Uint8Array, factor: number): void {
  for (const [i, element] of what.entries()) to[i] = (to[i] ?? 0) ^ multiply(element, factor);
}

function rowOf(of: Matrix, index: number): Uint8Array {
  invariant(index >= 0 && index < of.rows, 'a row lies inside the matrix');
  return Uint8Array.from({ length: of.columns }, (_, column) => cell(of, index, column));
}

function pickSources(offered: readonly number[], made: readonly Uint8Array[]): Combination {
  const places = offered.flatMap((_, place) =>
    made.some((from) => from[place] !== 0) ? [place] : [],
  );
  const cells = new Uint8Array(made.length * places.length);
  for (const [row, from] of made.entries()) {
    for (const [column, place] of places.entries()) {
      cells[row * places.length + column] = from[place] ?? 0;
    }
  }
  return {
    sources: places.flatMap((place) => offered[place] ?? []),
    factors: { rows: made.length, columns: places.length, cells },
  };
}

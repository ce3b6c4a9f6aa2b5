import { invariant } from '../../base/invariant.ts';
import { inverse, multiply, power } from './galois.ts';

/** Over GF(2^8), row by row. */
export interface Matrix {
  readonly rows: number;
  readonly columns: number;
  readonly cells: Uint8Array;
}

function matrix(rows: number, columns: number): Matrix {
  return { rows, columns, cells: new Uint8Array(rows * columns) };
}

/** The element at (row, column), both inside the matrix. */
export function cell(of: Matrix, row: number, column: number): number {
  return of.cells[row * of.columns + column] ?? 0;
}

/** The named rows in the order given. */
export function pickRows(of: Matrix, rows: readonly number[]): Matrix {
  const picked = matrix(rows.length, of.columns);
  rows.forEach((row, at) => {
    invariant(row >= 0 && row < of.rows, 'a picked row lies inside the matrix');
    const start = row * of.columns;
    picked.cells.set(of.cells.subarray(start, start + of.columns), at * of.columns);
  });
  return picked;
}

export function multiplyMatrices(left: Matrix, right: Matrix): Matrix {
  invariant(left.columns === right.rows, 'columns of the left are rows of the right');
  const product = matrix(left.rows, right.columns);
  for (let row = 0; row < left.rows; row++) {
    for (let column = 0; column < right.columns; column++) {
      let sum = 0;
      for (let i = 0; i < left.columns; i++) {
        sum ^= multiply(cell(left, row, i), cell(right, i, column));
      }
      product.cells[row * right.columns + column] = sum;
    }
  }
  return product;
}

function swapRows(of: Matrix, a: number, b: number): void {
  const { columns, cells } = of;
  const kept = cells.slice(a * columns, (a + 1) * columns);
  cells.copyWithin(a * columns, b * columns, (b + 1) * columns);
  cells.set(kept, b * columns);
}

/** row of `of` times `factor`. */
function scaleRow(of: Matrix, row: number, factor: number): void {
  for (let at = row * of.columns; at < (row + 1) * of.columns; at++) {
    of.cells[at] = multiply(of.cells[at] ?? 0, factor);
  }
}

/** row `to` of `of` plus row `from` times `factor`. */
function addRow(of: Matrix, to: number, from: number, factor: number): void {
  for (let column = 0; column < of.columns; column++) {
    const at = to * of.columns + column;
    of.cells[at] = (of.cells[at] ?? 0) ^ multiply(cell(of, from, column), factor);
  }
}

/** By Gauss and Jordan. What codes invert is never singular, so a singular matrix is a bug. */
export function invertMatrix(square: Matrix): Matrix {
  const size = square.rows;
  invariant(square.columns === size, 'only a square matrix has an inverse');
  const left: Matrix = { rows: size, columns: size, cells: square.cells.slice() };
  const right = matrix(size, size);
  for (let i = 0; i < size; i++) right.cells[i * size + i] = 1;
  for (let i = 0; i < size; i++) {
    let pivot = i;
    while (pivot < size && cell(left, pivot, i) === 0) pivot++;
    invariant(pivot < size, 'the matrix is singular');
    if (pivot !== i) {
      swapRows(left, i, pivot);
      swapRows(right, i, pivot);
    }
    const factor = inverse(cell(left, i, i));
    scaleRow(left, i, factor);
    scaleRow(right, i, factor);
    for (let row = 0; row < size; row++) {
      const excess = row === i ? 0 : cell(left, row, i);
      if (excess === 0) continue;
      addRow(left, row, i, excess);
      addRow(right, row, i, excess);
    }
  }
  return right;
}

/**
 * The (k + m) x k matrix that turns k data units into all k + m: a Vandermonde matrix (row r,
 * column c: r^c) times the inverse of its own top square, which makes the top the identity, so
 * data units stay as they are. Every k rows of it are independent: any k units give back all.
 */
export function systematicMatrix(k: number, m: number): Matrix {
  const vandermonde = matrix(k + m, k);
  for (let row = 0; row < k + m; row++) {
    for (let column = 0; column < k; column++) {
      vandermonde.cells[row * k + column] = power(row, column);
    }
  }
  const top: Matrix = { rows: k, columns: k, cells: vandermonde.cells.slice(0, k * k) };
  return multiplyMatrices(vandermonde, invertMatrix(top));
}

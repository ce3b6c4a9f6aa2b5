/**
 * The field GF(2^8) with polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d) and generator 2: the one of
 * the crate `reed-solomon-erasure` and of klauspost/reedsolomon. Addition is XOR.
 */
const polynomial = 0x11d;

/** exponents[i] = 2^i, twice around so that a sum of two logarithms needs no modulo. */
const exponents = new Uint8Array(510);
const logarithms = new Uint8Array(256);

for (let i = 0, power = 1; i < 255; i++) {
  exponents[i] = power;
  exponents[i + 255] = power;
  logarithms[power] = i;
  power <<= 1;
  if (power > 255) power ^= polynomial;
}

const exponentOf = (logarithm: number): number => exponents[logarithm] ?? 0;
const logarithmOf = (element: number): number => logarithms[element] ?? 0;

/** a and b from 0 to 255. */
export function multiply(a: number, b: number): number {
  return a === 0 || b === 0 ? 0 : exponentOf(logarithmOf(a) + logarithmOf(b));
}

/** Of any element but 0. */
export function inverse(a: number): number {
  return exponentOf(255 - logarithmOf(a));
}

/** base^exponent; 0^0 is 1, as both libraries have it. */
export function power(base: number, exponent: number): number {
  if (exponent === 0) return 1;
  return base === 0 ? 0 : exponentOf((logarithmOf(base) * exponent) % 255);
}

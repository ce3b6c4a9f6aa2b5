/**
 * Draws that look random and are the same on every machine: the builder may not roll dice, since
 * equal input must give equal rings. This is the finaliser of MurmurHash3 over up to three numbers.
 */
function mix(value: number): number {
  let h = value;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** A whole number from 0 to 2^32 - 1. */
export function tieHash(a: number, b: number, c = 0): number {
  return mix(mix(mix(a ^ 0x9e3779b9) + b) + c) >>> 0;
}

/** From 0 up to, never reaching, 1. */
export function tieDraw(a: number, b: number, c = 0): number {
  return tieHash(a, b, c) / 0x1_0000_0000;
}

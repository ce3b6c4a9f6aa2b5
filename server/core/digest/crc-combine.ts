/**
 * CRC of A followed by B from the CRCs of A and of B and B's length (the method of zlib's
 * crc32_combine): with equal initial and final values, crc(AB) = crc(A)·x^(8|B|) + crc(B) modulo
 * the polynomial. All polynomials here are reflected: the top bit is the coefficient of x^0.
 */
import { invariant } from '../../../base/invariant.ts';
import type { ChecksumAlgorithm } from '../model.ts';

interface Field {
  readonly width: bigint;
  readonly polynomial: bigint;
}

const fields: ReadonlyMap<ChecksumAlgorithm, Field> = new Map([
  ['crc32', { width: 32n, polynomial: 0xedb88320n }],
  ['crc32c', { width: 32n, polynomial: 0x82f63b78n }],
  ['crc64nvme', { width: 64n, polynomial: 0x9a6c9329ac4bc9b5n }],
]);

/** Whether the checksum of a whole can be computed from those of its parts. */
export function isCrc(algorithm: ChecksumAlgorithm): boolean {
  return fields.has(algorithm);
}

/** The CRC of all pieces one after the other: raw digests (big-endian) in and out. At least one piece. */
export function combineCrcs(
  algorithm: ChecksumAlgorithm,
  pieces: readonly { readonly digest: Uint8Array; readonly size: number }[],
): Uint8Array {
  const field = fields.get(algorithm);
  invariant(field !== undefined, 'only CRCs can be combined');
  // Most parts of an upload have one size, and its power is the costly half.
  const powers = new Map<number, bigint>();
  let whole = 0n;
  for (const { digest, size } of pieces) {
    const power = powers.get(size) ?? powerOfX(field, size);
    powers.set(size, power);
    whole = multiply(field, whole, power) ^ toNumber(digest);
  }
  return Buffer.from(whole.toString(16).padStart(Number(field.width) / 4, '0'), 'hex');
}

function toNumber(digest: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(digest).toString('hex')}`);
}

/** x^(8·bytes) modulo the polynomial, by squaring. */
function powerOfX(field: Field, bytes: number): bigint {
  const one = 1n << (field.width - 1n);
  // x^8 is the top bit moved down eight places.
  let square = one >> 8n;
  let product = one;
  for (let exponent = BigInt(bytes); exponent > 0n; exponent >>= 1n) {
    if ((exponent & 1n) === 1n) product = multiply(field, product, square);
    square = multiply(field, square, square);
  }
  return product;
}

function multiply(field: Field, a: bigint, b: bigint): bigint {
  let product = 0n;
  let shifted = b;
  for (let bit = 1n << (field.width - 1n); bit > 0n && a !== 0n; bit >>= 1n) {
    if ((a & bit) !== 0n) product ^= shifted;
    shifted = (shifted & 1n) === 1n ? (shifted >> 1n) ^ field.polynomial : shifted >> 1n;
  }
  return product;
}

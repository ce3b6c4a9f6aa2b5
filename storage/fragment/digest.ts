/** The digests of what lies on devices: xxh64 for bytes, CRC32C for headers. */
import { crc32c } from '@node-rs/crc32';
import xxhash from 'xxhash-wasm';

const hasher = await xxhash();

/** Bytes of a unit that one digest covers: what the smallest verified read touches. */
export const subBlockBytes = 65_536;

/** xxh64, seed 0. */
export function xxh64(bytes: Uint8Array): bigint {
  return hasher.h64Raw(bytes);
}

/** CRC32C over several pieces as one. */
export function crc32cOf(...pieces: readonly Uint8Array[]): number {
  let crc = 0;
  for (const piece of pieces) crc = crc32c(piece, crc);
  return crc;
}

/** The digest of each sub-block of a unit, in order. */
export function digestSubBlocks(unit: Uint8Array): BigUint64Array {
  const digests = new BigUint64Array(Math.ceil(unit.length / subBlockBytes));
  for (let i = 0; i < digests.length; i++) {
    digests[i] = hasher.h64Raw(unit.subarray(i * subBlockBytes, (i + 1) * subBlockBytes));
  }
  return digests;
}

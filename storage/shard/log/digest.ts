import xxhash from 'xxhash-wasm';

// Loaded once, before any module that hashes can run: the functions are then synchronous.
const loaded = await xxhash();

/** xxh64 of payloads and inline bodies. */
export const xxh64: (bytes: Uint8Array) => bigint = (bytes) => loaded.h64Raw(bytes);

/** xxh32 with a seed, for the check that every index row carries. */
export const xxh32: (bytes: Uint8Array, seed?: number) => number = (bytes, seed = 0) =>
  loaded.h32Raw(bytes, seed);

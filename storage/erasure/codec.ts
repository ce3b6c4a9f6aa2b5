/**
 * Erasure coding of one stripe, as an asynchronous port. Reed-Solomon over GF(2^8), polynomial
 * 0x11d, systematic Vandermonde matrix (the one of the crate `reed-solomon-erasure` and of
 * klauspost/reedsolomon). k from 1 to 16, m from 0 to 6.
 */
export interface Codec {
  readonly k: number;
  readonly m: number;
  /** `data`: k units of one equal length (borrowed until it resolves). Returns m parity units of that length, owned by the caller. */
  encode(data: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  /** `units`: k + m places, undefined where lost; at least k present, else StoreError `corrupt`. Returns the units named in `wanted`, owned by the caller. */
  reconstruct(
    units: readonly (Uint8Array | undefined)[],
    wanted: readonly number[],
  ): Promise<readonly Uint8Array[]>;
  /** Whether the m parity units are those of the k data units. All k + m present. */
  verify(units: readonly Uint8Array[]): Promise<boolean>;
}

/** How a policy stores bytes. `replica:n` is k = 1, m = n - 1: every fragment is a copy. */
export interface Scheme {
  readonly kind: 'ec' | 'replica';
  readonly k: number;
  readonly m: number;
}

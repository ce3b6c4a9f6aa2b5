/**
 * Erasure coding of one stripe, as an asynchronous port. Reed-Solomon over GF(2^8), polynomial
 * 0x11d, systematic Vandermonde matrix (the one of the crate `reed-solomon-erasure` and of
 * klauspost/reedsolomon): any k units give the others; or the locally repairable code of
 * lrc-codec.ts over the same field. k from 1 to 16, m from 0 to 6. Units may have any length, also 0.
 *
 * Units that are returned lie side by side in one allocation of their own, never in a pool:
 * keeping one of them keeps its sisters, and none may be transferred to another thread alone.
 */
export interface Codec {
  readonly k: number;
  readonly m: number;
  /**
   * `data`: k units of one equal length (borrowed until it resolves). Returns m parity units of
   * that length, owned by the caller.
   */
  encode(data: readonly Uint8Array[]): Promise<readonly Uint8Array[]>;
  /**
   * As `encode`, into m units of the caller, which may not overlap the data (both borrowed until
   * it resolves). Memory used again and again saves large units a third of the time and more:
   * pages that the system gives afresh are what `encode` pays for.
   */
  encodeInto(data: readonly Uint8Array[], parity: readonly Uint8Array[]): Promise<void>;
  /**
   * The units of `present` that give those of `wanted` that are not among them: as few as the code
   * allows, none when all are there, undefined when they do not suffice.
   */
  plan(present: readonly number[], wanted: readonly number[]): readonly number[] | undefined;
  /**
   * `units`: k + m places, undefined where lost (borrowed until it resolves); as many present as a
   * plan asks for and of one length, else StoreError `corrupt`. Returns the units named in `wanted` (indexes
   * without repetition), in that order, owned by the caller; those not lost are copies.
   */
  reconstruct(
    units: readonly (Uint8Array | undefined)[],
    wanted: readonly number[],
  ): Promise<readonly Uint8Array[]>;
  /**
   * Whether the m parity units are those of the k data units. All k + m present; units that differ
   * in length do not match.
   */
  verify(units: readonly Uint8Array[]): Promise<boolean>;
}

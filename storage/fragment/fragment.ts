/** Types of the fragment layer; the bytes on disk are in docs/format/fragment.md. */
import type { FragmentIndex } from '../../base/units.ts';

/** Which fragment: one of the k + m pieces of one stripe of one object's bytes. */
export interface FragmentId {
  /** 16 random bytes, as 32 hex digits: names one stored body (an object version's, or a part's). */
  readonly objectId: string;
  /** 0, 1, 2, … */
  readonly stripe: number;
  readonly index: FragmentIndex;
}

/** What a record says of itself besides its bytes: enough to audit a device and rebuild an index. */
export interface FragmentHeader extends FragmentId {
  readonly k: number;
  readonly m: number;
  /** The code that the k + m are units of; undefined: Reed-Solomon, of which copies are a case. */
  readonly code?: 'lrc';
  /** Bytes of object data in this stripe (before padding to k units). */
  readonly stripeLength: number;
  /** Bytes of this unit, without record padding. */
  readonly unitLength: number;
  /** Who it was written for, so that rows can be found (and rebuilt) from fragments alone. */
  readonly containerId: string;
  readonly key: string;
  /** Milliseconds since 1970 when the write began; the sweeper leaves young orphans alone. */
  readonly createdAt: number;
}

/** A unit to write: header, and its bytes in consecutive pieces (borrowed until the append resolves). */
export interface FragmentWrite {
  readonly header: FragmentHeader;
  readonly unit: Uint8Array;
}

/**
 * The fragments of one device. Implemented by storage/device; errors: `full`, `corrupt`,
 * `unavailable` (closed; or a write or sync failed: then changes are refused and reads go on).
 */
export interface FragmentStore {
  /** Appends records to a volume; resolves when written, NOT yet durable. */
  append(fragments: readonly FragmentWrite[]): Promise<void>;
  /** Makes everything appended before the call durable (one fdatasync shared by all waiters) and findable by `read`. */
  commit(): Promise<void>;
  /**
   * Reads `length` bytes of a unit from `offset`, verifying header CRC and the xxh64 of each
   * 64 KiB sub-block touched. Undefined when the device does not hold it; `corrupt` when it does
   * but bytes are bad. The caller owns the bytes, and may give large ones back to base/memory/reused-memory.ts. Returns whole unit when range is
   * omitted, only the header when its length is 0; a range beyond the unit is `invalid-argument`.
   */
  read(
    id: FragmentId,
    range?: { offset: number; length: number },
  ): Promise<FragmentRead | undefined>;
  /** Which of these the device's index knows (no bytes are read). */
  has(ids: readonly FragmentId[]): Promise<readonly boolean[]>;
  /** Forgets all fragments of an object on this device; their space is reclaimed by the compactor. Returns how many there were. */
  remove(objectId: string): Promise<number>;
  /** Removes one fragment (a corrupt or misplaced one). */
  removeOne(id: FragmentId): Promise<void>;
  /** All fragments on the device in index order (objectId, stripe, index), from after `after`; at most `limit` ids. For auditor and sweeper. */
  scan(after: FragmentId | undefined, limit: number): Promise<readonly FragmentId[]>;
}

export interface FragmentRead {
  readonly header: FragmentHeader;
  readonly bytes: Uint8Array;
}

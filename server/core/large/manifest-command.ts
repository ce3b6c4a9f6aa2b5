/** What `Core.putManifest` takes and gives. */
import type { StoreError } from '../../../base/errors.ts';
import type { ObjectAddress, RangeRequest } from '../request.ts';
import type { PutOutcome, WriteCondition } from '../commands.ts';
import type { Metadata } from '../model.ts';

/** One part of a static large object, as a client names it. */
export type PartClaim =
  | {
      readonly type: 'object';
      readonly container: string;
      readonly key: string;
      /** What the object must have. */
      readonly etag?: string | undefined;
      readonly size?: number | undefined;
      /** Only these bytes of it. */
      readonly range?: RangeRequest | undefined;
    }
  /** These bytes, kept in the manifest itself. */
  | { readonly type: 'data'; readonly bytes: Uint8Array };

export interface PutManifest extends ObjectAddress {
  /** Objects of the same account, and bytes between them. */
  readonly parts: readonly PartClaim[];
  /** The manifest as another store has it, which names these parts: kept byte for byte, so that both show the same hash of it. */
  readonly document?: Uint8Array | undefined;
  /** Hex MD5 of the parts' etags that the whole must have: `digest-mismatch` otherwise. */
  readonly etag?: string | undefined;
  readonly contentType: string;
  readonly system: Metadata;
  readonly user: Metadata;
  readonly expiresAt?: number | undefined;
  readonly condition: WriteCondition;
}

/** Why a part cannot be one; `index` is its place in the command. */
export interface PartProblem {
  readonly index: number;
  readonly reason:
    | 'unsatisfiable-range'
    | 'too-small'
    | 'size-mismatch'
    | 'etag-mismatch'
    /** It could not be opened. */
    | StoreError;
}

export type ManifestOutcome =
  | { readonly type: 'stored'; readonly outcome: PutOutcome }
  | { readonly type: 'rejected'; readonly problems: readonly PartProblem[] };

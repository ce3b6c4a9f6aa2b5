/** What a shard's rows say of its metadata backup (decision 0044). */
import type { Micros } from '../../../base/units.ts';
import type { StoredBody } from '../model.ts';

/** Of its pieces' fragments. No object has this name. */
export const backupKey = '';

/** One piece. Local to the shard, by the order in which the pieces were stored. */
export interface BackupRow {
  /** Of all pieces from one copy of all rows to the next. */
  readonly chain: string;
  /** Its number in the chain. */
  readonly number: number;
  /** All rows are there with this piece: what follows are commits. */
  readonly isWhole: boolean;
  readonly stored: StoredBody;
  /** Where a replica stands that was made of the chain up to here. */
  readonly status: BackupStatus;
}

/** As storage/shard/peer.ts has it. */
export interface BackupStatus {
  readonly epoch: number;
  readonly sequence: number;
  readonly time: Micros;
  readonly history: readonly { readonly epoch: number; readonly start: number }[];
}

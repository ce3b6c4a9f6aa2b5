/** How a shard's primary speaks with its replicas: the port that a network can stand behind. */
import type { DeviceId, Epoch, Micros, Sequence, ShardId } from '../../base/units.ts';
import type { BodyDigest, EncodedRecord } from './log/record.ts';

/** From `start` on, commits were ordered under `epoch`. */
export interface EpochStart {
  readonly epoch: Epoch;
  readonly start: Sequence;
}

/**
 * `absent`: the device has never had the replica, or lost it. `ready`: a prefix of the shard's
 * order, complete. `learning`: being copied. `damaged`: bytes are bad; only good to be wiped.
 */
export type ReplicaCondition = 'absent' | 'ready' | 'learning' | 'damaged';

export interface ReplicaStatus {
  readonly condition: ReplicaCondition;
  /** The highest epoch that it follows. */
  readonly epoch: Epoch;
  /** Of the last commit that is durable in its log. */
  readonly sequence: Sequence;
  readonly time: Micros;
  /** Ascending. The oldest entries may be forgotten. */
  readonly history: readonly EpochStart[];
}

/** Commits in order, without gaps. `epoch` is the sender's; the commits may have been ordered under older ones. */
export interface Shipment {
  readonly epoch: Epoch;
  readonly commits: readonly EncodedRecord[];
}

export interface CopiedRow {
  readonly key: Uint8Array;
  readonly meta: Uint8Array;
  readonly sequence: Sequence;
  readonly body: Uint8Array | undefined;
  /** What the body is, when no replica has its bytes whole. */
  readonly lost: BodyDigest | undefined;
}

/**
 * One replica: a shard on a device. Every promise resolves when what was asked is synced on the
 * device. Calls take effect in the order in which they are made. A peer on another machine is bound
 * to one run of the process there: when that ends, or the connection to it, every later call fails.
 * Errors: `stale-epoch` for the epoch of a primary that has been replaced; `conflict` for commits
 * that do not follow the replica's last; `unavailable` and `full` from the device.
 */
export interface ReplicaPeer {
  readonly device: DeviceId;
  readonly shard: ShardId;
  /** Waits for what is on its way to the log. With an epoch, lower ones are refused from now on (until the process ends). */
  status(epoch?: Epoch): Promise<ReplicaStatus>;
  append(shipment: Shipment): Promise<void>;
  /** From `start` on commits of `epoch` follow; lower epochs are refused from now on. */
  begin(epoch: Epoch, start: Sequence): Promise<void>;
  /** Makes an empty replica that counts as complete: for a shard that nobody has ever opened. */
  initialise(epoch: Epoch): Promise<void>;
  /** Wipes it; from now on it learns: commits from any place on, without gaps, and copied rows. */
  reset(epoch: Epoch): Promise<void>;
  /** Rows of the primary, for a learner; those it has newer are passed over. */
  copy(epoch: Epoch, rows: readonly CopiedRow[]): Promise<void>;
  /** Keys of rows whose inline bodies it should have and has not. */
  missing(limit: number): Promise<readonly Uint8Array[]>;
  /** All rows are copied: the learner is complete up to its last commit, or `base` when it got none, with this history. */
  level(epoch: Epoch, base: Sequence, history: readonly EpochStart[]): Promise<void>;
  /** The inline body of a row, verified; undefined when it has none like it. The caller owns the bytes. */
  readBody(key: Uint8Array, digest: BodyDigest): Promise<Uint8Array | undefined>;
  /** The device gives the replica up: its rows go. */
  remove(epoch: Epoch): Promise<void>;
}

/** Epochs that have commits, given that the last commit is `last`. */
function epochsWithCommits(status: ReplicaStatus): EpochStart[] {
  const { history, sequence } = status;
  return history.filter((entry, place) => {
    const next = history[place + 1];
    return entry.start <= sequence && (next === undefined || next.start > entry.start);
  });
}

/** The epoch that the last commit was ordered under; 0 when there is none. */
export function lastCommitEpoch(status: ReplicaStatus): number {
  return epochsWithCommits(status).at(-1)?.epoch ?? 0;
}

/** Positive when `a` has seen later commits than `b`. */
export function compareProgress(a: ReplicaStatus, b: ReplicaStatus): number {
  return lastCommitEpoch(a) - lastCommitEpoch(b) || a.sequence - b.sequence;
}

/** Whether everything that `behind` holds was also ordered so by `ahead`: it can be brought level by later commits. */
export function isPrefix(behind: ReplicaStatus, ahead: ReplicaStatus): boolean {
  if (behind.sequence === 0) return true;
  const last = epochsWithCommits(behind).at(-1);
  if (last === undefined) return false;
  const epochs = epochsWithCommits(ahead);
  const place = epochs.findIndex((entry) => entry.epoch === last.epoch);
  const found = epochs[place];
  if (found === undefined) return false;
  const end = (epochs[place + 1]?.start ?? ahead.sequence + 1) - 1;
  return behind.sequence >= found.start && behind.sequence <= end;
}

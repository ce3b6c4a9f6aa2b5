/** What a device remembers of one shard replica: its place in the shard's order. Bytes: docs/format/shard-log.md. */
import { crc32c } from '@node-rs/crc32';
import { fromUtf8, utf8 } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import { type Epoch, type ShardId, epoch, micros, sequence, shardId } from '../../../base/units.ts';
import type { LogPlace } from '../log/batch.ts';
import { asBuffer } from '../log/record.ts';
import type { EpochStart, ReplicaCondition, ReplicaStatus } from '../peer.ts';
import { indexPrefixes } from '../row.ts';

/** A place in the log at or before which the commit after `sequence` begins. */
export interface Mark {
  readonly sequence: number;
  readonly place: LogPlace;
}

export interface ReplicaState extends ReplicaStatus {
  readonly shard: ShardId;
  /** Ascending, the newest few: where a replica that fell behind is brought level from. */
  readonly marks: readonly Mark[];
}

/** Older epochs are forgotten; a replica that knows only those is copied anew. */
export const historyMax = 64;

const kinds = { checkpoint: 0, replica: 1, segment: 2, alias: 3, tombstone: 4 } as const;

function stateKey(kind: number, words: readonly number[], tail?: Uint8Array): Uint8Array {
  const key = Buffer.alloc(2 + 4 * words.length + (tail?.length ?? 0));
  key[0] = indexPrefixes.state;
  key[1] = kind;
  words.forEach((word, place) => key.writeUInt32BE(word, 2 + 4 * place));
  if (tail !== undefined) key.set(tail, 2 + 4 * words.length);
  return key;
}

export const checkpointKey: Uint8Array = stateKey(kinds.checkpoint, []);
export const replicaStatesPrefix: Uint8Array = stateKey(kinds.replica, []);
export const segmentsPrefix: Uint8Array = stateKey(kinds.segment, []);
export const replicaKey = (shard: ShardId): Uint8Array => stateKey(kinds.replica, [shard]);
export const segmentKey = (segment: number): Uint8Array => stateKey(kinds.segment, [segment]);

/** Rows that took over the inline body of another row: the segment's own records do not name them. */
export function aliasKey(
  place: { readonly segment: number; readonly offset: number },
  shard: ShardId,
  key: Uint8Array,
): Uint8Array {
  return stateKey(kinds.alias, [place.segment, place.offset, shard], key);
}
export const aliasPrefix = (segment: number): Uint8Array => stateKey(kinds.alias, [segment]);
export function decodeAliasKey(key: Uint8Array): {
  offset: number;
  shard: ShardId;
  key: Uint8Array;
} {
  const buffer = asBuffer(key);
  const shard = shardId(buffer.readUInt32BE(10));
  return { offset: buffer.readUInt32BE(6), shard, key: key.subarray(14) };
}

/** Deletions that a learner has seen, so that an older copied row does not come back. */
export const tombstoneKey = (shard: ShardId, key: Uint8Array): Uint8Array =>
  stateKey(kinds.tombstone, [shard], key);
export const tombstonePrefix = (shard: ShardId): Uint8Array => stateKey(kinds.tombstone, [shard]);

/** JSON behind its CRC32C. */
function seal(value: unknown): Uint8Array {
  const text = utf8(JSON.stringify(value));
  const sealed = Buffer.alloc(4 + text.length);
  sealed.writeUInt32LE(crc32c(text), 0);
  sealed.set(text, 4);
  return sealed;
}

function unseal(bytes: Uint8Array): unknown {
  const text = bytes.subarray(4);
  if (bytes.length < 4 || asBuffer(bytes).readUInt32LE(0) !== crc32c(text)) {
    throw new StoreError('corrupt', 'shardState.decode', 'a state row in the index is damaged');
  }
  return JSON.parse(fromUtf8(text));
}

/** The fields of a sealed row are what this module sealed: the CRC vouches for them. */
export interface Checkpoint {
  readonly format: 1;
  /** Where a replay begins. */
  readonly place: LogPlace;
}

export function encodeCheckpoint(place: LogPlace): Uint8Array {
  const checkpoint: Checkpoint = { format: 1, place };
  return seal(checkpoint);
}

export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const checkpoint = unseal(bytes) as Checkpoint;
  if (checkpoint.format !== 1) {
    throw new StoreError('corrupt', 'shardState.decode', 'the checkpoint is of a newer format');
  }
  return checkpoint;
}

export function encodeReplicaState(state: ReplicaState): Uint8Array {
  return seal({
    shard: state.shard,
    condition: state.condition,
    epoch: state.epoch,
    sequence: state.sequence,
    time: state.time,
    history: state.history.map((entry) => [entry.epoch, entry.start]),
    marks: state.marks,
  });
}

interface SealedState {
  readonly shard: number;
  readonly condition: ReplicaCondition;
  readonly epoch: number;
  readonly sequence: number;
  readonly time: number;
  readonly history: readonly (readonly [number, number])[];
  readonly marks: readonly Mark[];
}

export function decodeReplicaState(bytes: Uint8Array): ReplicaState {
  const sealed = unseal(bytes) as SealedState;
  return {
    shard: shardId(sealed.shard),
    condition: sealed.condition,
    epoch: epoch(sealed.epoch),
    sequence: sequence(sealed.sequence),
    time: micros(sealed.time),
    history: sealed.history.map(([first, start]) => ({
      epoch: epoch(first),
      start: sequence(start),
    })),
    marks: sealed.marks,
  };
}

/** What the compactor knows of a segment. */
export interface SegmentInfo {
  /** Inline bodies ever written to it. */
  readonly bodyBytes: number;
}

export const encodeSegmentInfo = (info: SegmentInfo): Uint8Array => seal(info);
export const decodeSegmentInfo = (bytes: Uint8Array): SegmentInfo => unseal(bytes) as SegmentInfo;

export function emptyState(shard: ShardId): ReplicaState {
  return {
    shard,
    condition: 'absent',
    epoch: epoch(0),
    sequence: sequence(0),
    time: micros(0),
    history: [],
    marks: [],
  };
}

const epochStartBytes = 12;

/** For the `extra` bytes of records. */
export function encodeHistory(history: readonly EpochStart[]): Uint8Array {
  const bytes = Buffer.alloc(history.length * epochStartBytes);
  history.forEach((entry, place) => {
    bytes.writeUInt32LE(entry.epoch, place * epochStartBytes);
    bytes.writeBigUInt64LE(BigInt(entry.start), place * epochStartBytes + 4);
  });
  return bytes;
}

export function decodeHistory(bytes: Uint8Array): EpochStart[] {
  const buffer = asBuffer(bytes);
  const history: EpochStart[] = [];
  for (let at = 0; at + epochStartBytes <= buffer.length; at += epochStartBytes) {
    const start = sequence(Number(buffer.readBigUInt64LE(at + 4)));
    history.push({ epoch: epoch(buffer.readUInt32LE(at)), start });
  }
  return history;
}

/** The history after a commit (or the beginning) of `first` at `start`. */
export function extendHistory(
  history: readonly EpochStart[],
  first: Epoch,
  start: number,
): readonly EpochStart[] {
  const last = history.at(-1);
  if (last !== undefined && first <= last.epoch) return history;
  const kept = history.filter((entry) => entry.epoch < first && entry.start <= start);
  return [...kept, { epoch: first, start: sequence(start) }].slice(-historyMax);
}

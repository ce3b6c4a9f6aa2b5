/**
 * What one device holds of the metadata plane: its log, its share of the index, its replicas.
 *
 * Invariants:
 * - A replay begins at the checkpoint, never at what the index happens to hold. LevelDB may lose
 *   unsynced writes from the middle when the power goes (its older log file is not synced when a
 *   newer one is begun), so only what an explicit flush covered counts; replay may do things twice.
 * - A segment is deleted only when a durable checkpoint lies behind it and no body in it is live.
 */
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { StoreError, isStoreError } from '../../base/errors.ts';
import { type Logger, silentLogger } from '../../base/log.ts';
import { type DeviceId, type ShardId, shardId } from '../../base/units.ts';
import { Applier } from './replica/applier.ts';
import type { DecodedBatch, LogPlace } from './log/batch.ts';
import { DeviceLog, type LogSettings, defaultLogSettings } from './log/log.ts';
import { asBuffer } from './log/record.ts';
import { type ScanOutcome, type Visit, scanLog } from './log/scan.ts';
import { LocalReplica, type ReplicaHost } from './replica/replica.ts';
import {
  type ReplicaState,
  type SegmentInfo,
  aliasPrefix,
  checkpointKey,
  decodeCheckpoint,
  decodeReplicaState,
  decodeSegmentInfo,
  emptyState,
  encodeCheckpoint,
  encodeReplicaState,
  encodeSegmentInfo,
  replicaKey,
  replicaStatesPrefix,
  segmentKey,
  segmentsPrefix,
} from './replica/replica-state.ts';
import { deleteRange, digestOf, type Index, prefixRange } from './row.ts';

export interface ShardDeviceOptions {
  readonly id: DeviceId;
  readonly disk: Disk;
  readonly clock: Clock;
  /** Open, keys and values in `view` encoding; stays the caller's to close, after this device. */
  readonly index: Index;
  readonly logger?: Logger;
  readonly settings?: Partial<LogSettings>;
}

const beginning: LogPlace = { segment: 0, offset: 0, number: 1 };

interface CompactableIndex {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
}

function isCompactable(index: object): index is CompactableIndex {
  return 'compactRange' in index && typeof index.compactRange === 'function';
}

/**
 * Makes everything written to the index before the call durable. For LevelDB a compaction of a
 * range behind all keys: it writes out the whole memory table, synced, and compacts nothing.
 */
async function flushIndex(index: Index): Promise<void> {
  const behindAll = new Uint8Array([0xff, 0xff]);
  if (isCompactable(index)) await index.compactRange(behindAll, behindAll);
}

export class ShardDevice implements ReplicaHost {
  readonly id: DeviceId;
  readonly disk: Disk;
  readonly index: Index;
  readonly applier: Applier;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #settings: LogSettings;
  #log: DeviceLog | undefined;
  #failure: StoreError | undefined;
  readonly #listeners = new Set<(error: StoreError) => void>();
  readonly #replicas = new Map<ShardId, LocalReplica>();
  readonly #segments = new Map<number, SegmentInfo>();
  #checkpointed: LogPlace = beginning;
  #checkpointing: Promise<void> | undefined;

  private constructor(options: ShardDeviceOptions) {
    this.id = options.id;
    this.disk = options.disk;
    this.index = options.index;
    this.#clock = options.clock;
    this.#logger = options.logger ?? silentLogger;
    this.#settings = { ...defaultLogSettings, ...options.settings };
    this.applier = new Applier(options.index, (error) => this.fail(error));
  }

  /** Opens the log, replays it into the index, and knows what replicas it holds. Rejects when the disk or the index does. */
  static async open(options: ShardDeviceOptions): Promise<ShardDevice> {
    const device = new ShardDevice(options);
    await device.#open();
    return device;
  }

  get log(): DeviceLog {
    if (this.#log === undefined) {
      throw new StoreError('unavailable', 'shardDevice.log', 'the device is not open');
    }
    return this.#log;
  }

  /** Set for good by the first failure of the log or the index. */
  get failure(): StoreError | undefined {
    return this.#failure;
  }

  get replicas(): ReadonlyMap<ShardId, LocalReplica> {
    return this.#replicas;
  }

  /** What is known of the segments that hold, or held, inline bodies. */
  get segments(): ReadonlyMap<number, SegmentInfo> {
    return this.#segments;
  }

  /** A replay would begin here. */
  get checkpointed(): LogPlace {
    return this.#checkpointed;
  }

  /** The shard's replica on this device; an absent one when there is none. */
  replica(shard: ShardId): LocalReplica {
    let replica = this.#replicas.get(shard);
    if (replica === undefined) {
      replica = new LocalReplica(this, shard);
      this.#replicas.set(shard, replica);
    }
    return replica;
  }

  /** Calls back once, when the device fails; returns the unsubscriber. */
  onFailure(listener: (error: StoreError) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  fail(error: StoreError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    const fields = { event: 'shard.device-failed', device: this.id, reason: String(error.cause) };
    this.#logger.warn(
      fields,
      'A device takes no metadata any more; its replicas leave the in-sync sets.',
    );
    this.#log?.fail(error);
    for (const listener of this.#listeners) listener(error);
  }

  async #open(): Promise<void> {
    const from = await this.#readStates();
    const outcome = await this.#replay(from);
    for (const replica of this.#replicas.values()) replica.settle();
    await this.applier.flush();
    const { disk } = this;
    this.#log = await DeviceLog.open({
      disk,
      clock: this.#clock,
      settings: this.#settings,
      end: outcome.end,
      onFailure: (error) => this.fail(error),
      onSegment: () => this.#checkpointSoon(),
    });
    this.#checkpointed = from;
    // A hole must not be met again: the damage is known now.
    if (outcome.damaged || outcome.end.number !== from.number) await this.checkpoint();
  }

  async #readStates(): Promise<LogPlace> {
    for (const [key, value] of await this.index.iterator(prefixRange(replicaStatesPrefix)).all()) {
      const shard = shardId(asBuffer(key).readUInt32BE(2));
      this.#replicas.set(shard, new LocalReplica(this, shard, readState(shard, value)));
    }
    for (const [key, value] of await this.index.iterator(prefixRange(segmentsPrefix)).all()) {
      const info = orUndefined(() => decodeSegmentInfo(value));
      // An unreadable line counts as a segment full of bodies: only the compactor may judge it.
      const segment = asBuffer(key).readUInt32BE(2);
      this.#segments.set(segment, info ?? { bodyBytes: this.#settings.segmentBytes });
    }
    const sealed = await this.index.get(checkpointKey);
    if (sealed === undefined) return beginning;
    return orUndefined(() => decodeCheckpoint(sealed))?.place ?? beginning;
  }

  async #replay(from: LogPlace): Promise<ScanOutcome> {
    const outcome = await scanLog(this.disk, from, {
      hole: () => {
        for (const replica of this.#replicas.values()) replica.suspect();
      },
      batch: (batch) => this.#replayBatch(batch),
    });
    if (outcome.damaged) {
      const fields = { event: 'shard.log-damaged', device: this.id, segment: outcome.end.segment };
      this.#logger.warn(
        fields,
        "Synced batches of the device's log are unreadable; replicas are refetched.",
      );
    }
    return outcome;
  }

  async #replayBatch(batch: DecodedBatch): Promise<Visit> {
    let bodyBytes = 0;
    for (const found of batch.records) {
      await this.replica(found.record.shard).replay(found, batch.place);
      for (const entry of found.record.entries) {
        if (entry.bodyOffset !== undefined) bodyBytes += digestOf(entry.value)?.length ?? 0;
      }
    }
    this.#addBodyBytes(batch.place.segment, bodyBytes);
    await this.applier.flushLazily();
    return 'go on';
  }

  #addBodyBytes(segment: number, bodyBytes: number): void {
    const known = this.#segments.get(segment)?.bodyBytes ?? 0;
    this.#segments.set(segment, { bodyBytes: known + bodyBytes });
  }

  #checkpointSoon(): void {
    // A failure has been reported to `fail`; nobody waits for this checkpoint.
    this.checkpoint().catch(() => undefined);
  }

  /** Moves the place where a replay begins as far as the index allows, and deletes segments that nothing needs. */
  checkpoint(): Promise<void> {
    this.#checkpointing ??= this.#checkpoint().finally(() => {
      this.#checkpointing = undefined;
    });
    return this.#checkpointing;
  }

  async #checkpoint(): Promise<void> {
    const { log } = this;
    const place = log.released;
    const states: ReplicaState[] = [];
    for (const replica of this.#replicas.values()) states.push(replica.state);
    for (const [segment, bodyBytes] of log.takeBodyBytes()) this.#addBodyBytes(segment, bodyBytes);
    await this.applier.flush();
    try {
      await flushIndex(this.index);
      await this.index.batch(this.#checkpointRows(place, states), syncedWrite);
    } catch (cause) {
      const error = new StoreError('unavailable', 'index.checkpoint', 'the index failed', {
        cause,
      });
      this.fail(error);
      throw error;
    }
    this.#checkpointed = place;
    await this.#removeEmptySegments(place.segment);
  }

  #checkpointRows(place: LogPlace, states: readonly ReplicaState[]): IndexWrite[] {
    const rows: IndexWrite[] = states.map((state) =>
      state.condition === 'absent'
        ? { type: 'del', key: replicaKey(state.shard) }
        : { type: 'put', key: replicaKey(state.shard), value: encodeReplicaState(state) },
    );
    for (const [segment, info] of this.#segments) {
      rows.push({ type: 'put', key: segmentKey(segment), value: encodeSegmentInfo(info) });
    }
    rows.push({ type: 'put', key: checkpointKey, value: encodeCheckpoint(place) });
    return rows;
  }

  async #removeEmptySegments(before: number): Promise<void> {
    for (const segment of await this.log.segments()) {
      if (segment >= before) return;
      if (this.#segments.get(segment)?.bodyBytes === 0) await this.removeSegment(segment);
    }
  }

  /** Deletes a segment behind the checkpoint. That no row needs its bodies is for the caller to know. */
  async removeSegment(segment: number): Promise<void> {
    await this.log.removeSegment(segment);
    await this.index.del(segmentKey(segment));
    await deleteRange(this.index, prefixRange(aliasPrefix(segment)));
    this.#segments.delete(segment);
  }

  /** A last checkpoint, so that the next open has nothing to replay; then closes the log's files. */
  async close(): Promise<void> {
    if (this.#log === undefined) return;
    await this.#log.drain();
    if (this.#failure === undefined) await this.checkpoint();
    await this.#log.close();
  }
}

type IndexWrite =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array };

// Not in the type of all levels, and ignored by those that need no sync.
const syncedWrite: object = { sync: true };

function readState(shard: ShardId, value: Uint8Array): ReplicaState {
  return (
    orUndefined(() => decodeReplicaState(value)) ?? { ...emptyState(shard), condition: 'damaged' }
  );
}

function orUndefined<Value>(read: () => Value): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (isStoreError(error, 'corrupt')) return undefined;
    throw error;
  }
}

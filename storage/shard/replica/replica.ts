/** One replica on a local device: its place in the shard's order, and its rows. */
import type { Disk } from '../../../base/disk.ts';
import { isStoreError, StoreError, toStoreError } from '../../../base/errors.ts';
import {
  type DeviceId,
  type Epoch,
  type Sequence,
  type ShardId,
  epoch as toEpoch,
  micros,
  sequence as toSequence,
} from '../../../base/units.ts';
import type { Applier } from './applier.ts';
import type { BatchRecord, LogPlace } from '../log/batch.ts';
import { xxh64 } from '../log/digest.ts';
import type { Appended, DeviceLog } from '../log/log.ts';
import {
  type BodyDigest,
  type EncodedRecord,
  type EntryInput,
  type LogRecord,
  type RecordType,
  encodeRecord,
  entryOps,
  recordTypes,
  reencode,
} from '../log/record.ts';
import { scanLog } from '../log/scan.ts';
import type { CopiedRow, EpochStart, ReplicaPeer, ReplicaStatus, Shipment } from '../peer.ts';
import { ReplicaRows } from './replica-rows.ts';
import {
  type ReplicaState,
  decodeHistory,
  emptyState,
  encodeHistory,
  extendHistory,
} from './replica-state.ts';
import { type BodyPlace, type Index, type StoredRow, decodeRow, indexKey } from '../row.ts';

/** What a replica needs of its device. */
export interface ReplicaHost {
  readonly id: DeviceId;
  readonly disk: Disk;
  readonly index: Index;
  readonly applier: Applier;
  readonly log: DeviceLog;
}

interface Unapplied {
  readonly record: EncodedRecord;
  readonly place: BodyPlace;
  readonly release: (() => void) | undefined;
}

/** How far apart the marks are from which a lagging replica can be brought level: so much is read in vain at most. */
const markCommits = 256;
/** They reach back further than a primary can have commits in flight (`commitsInFlightMax`). */
const marksMax = 16;
/** At most this much is read from the log to bring a replica level; beyond it is copied anew. */
const catchUpCommitsMax: number = marksMax * markCommits;

export class LocalReplica implements ReplicaPeer {
  readonly device: DeviceId;
  readonly shard: ShardId;
  readonly rows: ReplicaRows;
  readonly #host: ReplicaHost;
  #state: ReplicaState;
  /** Of the last commit handed to the log; ahead of the state while a batch is in flight. */
  #appended: number;
  /** An append failed: what follows would leave a gap. */
  #broken: StoreError | undefined;
  #lastAppend: Promise<void> = Promise.resolve();
  #lastWipe: Promise<void> = Promise.resolve();
  #unapplied: Unapplied[] = [];
  #deferred = false;
  /** In replay: batches were lost before here, and nothing yet proves that none was this shard's. */
  #suspect = false;

  constructor(host: ReplicaHost, shard: ShardId, state: ReplicaState = emptyState(shard)) {
    this.#host = host;
    this.device = host.id;
    this.shard = shard;
    this.#state = state;
    this.#appended = state.sequence;
    this.rows = new ReplicaRows(shard, host.applier);
  }

  /** The index that holds its rows; only the primary's replica is read there. */
  get index(): Index {
    return this.#host.index;
  }

  /** Resolves when everything applied so far is in the index. */
  flush(): Promise<void> {
    return this.#host.applier.flush();
  }

  /** See Applier.flushLazily. */
  flushLazily(): Promise<void> {
    return this.#host.applier.flushLazily();
  }

  get state(): ReplicaState {
    return this.#state;
  }

  async status(epoch?: Epoch): Promise<ReplicaStatus> {
    if (epoch !== undefined) {
      this.#checkEpoch(epoch);
      this.#follow(epoch);
    }
    // Appends end in the order in which they were made.
    await Promise.allSettled([this.#lastAppend, this.#lastWipe]);
    this.#takeUpAfterFull();
    return this.#state;
  }

  /**
   * What the device had no room for was not written, and nothing after it: the replica stands where it stood, and may
   * be brought level from there. What is still on its way from then does not follow its last commit.
   */
  #takeUpAfterFull(): void {
    if (!isStoreError(this.#broken, 'full') || this.#host.log.failure !== undefined) return;
    this.#broken = undefined;
    this.#appended = this.#state.sequence;
  }

  /** The primary's own replica applies commits when all others have them; the rest apply at once. */
  defer(deferred: boolean): void {
    this.#deferred = deferred;
    if (!deferred) this.applyUpTo(this.#state.sequence);
  }

  append(shipment: Shipment): Promise<void> {
    const first = shipment.commits[0];
    const last = shipment.commits.at(-1);
    if (first === undefined || last === undefined) return Promise.resolve();
    const refusal = this.#refusal(shipment.epoch, first.sequence);
    if (refusal !== undefined) return Promise.reject(refusal);
    this.#follow(shipment.epoch);
    this.#appended = last.sequence;
    this.#lastAppend = this.#append(shipment.commits);
    return this.#lastAppend;
  }

  #refusal(sender: Epoch, first: number): StoreError | undefined {
    const { condition, epoch } = this.#state;
    if (this.#broken !== undefined) return this.#broken;
    if (sender < epoch) return stale(sender, epoch);
    if (condition !== 'ready' && condition !== 'learning') {
      return new StoreError('unavailable', 'replica.append', `the replica is ${condition}`);
    }
    if (first !== this.#appended + 1 && !this.#takesAny(this.#appended)) {
      return new StoreError('conflict', 'replica.append', 'the commits do not follow the last', {
        detail: { expected: this.#appended + 1, got: first },
      });
    }
    return undefined;
  }

  /** A learner that has had no commit yet takes the stream up where it comes in. */
  #takesAny(last: number): boolean {
    return this.#state.condition === 'learning' && last === 0;
  }

  #follow(epoch: Epoch): void {
    if (epoch > this.#state.epoch) this.#state = { ...this.#state, epoch };
  }

  async #append(commits: readonly EncodedRecord[]): Promise<void> {
    const appended = await this.#log(commits);
    commits.forEach((record, place) => {
      const offset = appended.offsets[place] ?? 0;
      const last = place === commits.length - 1;
      this.#advance(record, appended.place);
      this.#unapplied.push({
        record,
        place: { segment: appended.segment, offset },
        release: last ? appended.release : undefined,
      });
    });
    if (this.#deferred) return;
    this.applyUpTo(this.#state.sequence);
    await this.#host.applier.flushLazily();
  }

  async #log(records: readonly EncodedRecord[]): Promise<Appended> {
    try {
      return await this.#host.log.append(records);
    } catch (error) {
      this.#broken ??= toStoreError(error, 'replica.append');
      throw this.#broken;
    }
  }

  /** Takes a commit that is durable here into the replica's place in the order. */
  #advance(record: LogRecord, place: LogPlace): void {
    const { sequence, time } = record;
    const state = this.#state;
    const newest = state.marks.at(-1);
    const far = newest === undefined || sequence - newest.sequence > markCommits;
    const back = newest !== undefined && sequence <= newest.sequence;
    const mark = { sequence: sequence - 1, place };
    const marks = back ? [mark] : far ? [...state.marks.slice(1 - marksMax), mark] : state.marks;
    const history = extendHistory(state.history, record.epoch, sequence);
    const epoch = record.epoch > state.epoch ? record.epoch : state.epoch;
    this.#state = { ...state, epoch, sequence, time, history, marks };
  }

  /** Puts commits into the index's queue, in order; `Applier.flush` then makes them readable. */
  applyUpTo(sequence: number): void {
    let count = 0;
    for (const { record, place, release } of this.#unapplied) {
      if (record.sequence > sequence) break;
      this.rows.applyCommit(record, place, this.#state.condition === 'learning');
      release?.();
      count++;
    }
    if (count === this.#unapplied.length) this.#unapplied = [];
    else this.#unapplied.splice(0, count);
  }

  async begin(epoch: Epoch, start: Sequence): Promise<void> {
    this.#checkEpoch(epoch);
    this.#follow(epoch);
    await this.#logState({ type: recordTypes.epoch, epoch, sequence: start });
  }

  async initialise(epoch: Epoch): Promise<void> {
    await this.#reset(epoch, 'ready');
  }

  async reset(epoch: Epoch): Promise<void> {
    await this.#reset(epoch, 'learning');
  }

  #reset(epoch: Epoch, next: 'ready' | 'learning'): Promise<void> {
    return this.#wipe(epoch, () => {
      this.#appended = 0;
      const extra = new Uint8Array([next === 'learning' ? 1 : 0]);
      return this.#logState({ type: recordTypes.reset, epoch, sequence: toSequence(0), extra });
    });
  }

  /** One wiping after the other: a late one must not take away what was copied since. */
  #wipe(epoch: Epoch, task: () => Promise<void>): Promise<void> {
    const run = this.#lastWipe.then(async () => {
      this.#checkEpoch(epoch);
      await Promise.allSettled([this.#lastAppend]);
      // Another primary may have made itself known meanwhile.
      this.#checkEpoch(epoch);
      this.#broken = this.#host.log.failure;
      await task();
    });
    this.#lastWipe = run.then(
      () => undefined,
      () => undefined,
    );
    return run;
  }

  #checkEpoch(epoch: Epoch): void {
    if (epoch < this.#state.epoch) throw stale(epoch, this.#state.epoch);
  }

  async copy(epoch: Epoch, rows: readonly CopiedRow[]): Promise<void> {
    const entries: EntryInput[] = rows.map((row) =>
      row.lost === undefined
        ? { op: entryOps.put, ...row }
        : { op: entryOps.putBodyOf, ...row, bodyOf: row.lost },
    );
    await this.#logState({ type: recordTypes.rows, epoch, entries });
    await this.#host.applier.flushLazily();
  }

  async level(epoch: Epoch, base: Sequence, history: readonly EpochStart[]): Promise<void> {
    this.#checkEpoch(epoch);
    const sequence = toSequence(Math.max(base, this.#appended));
    this.#appended = sequence;
    await this.#logState({
      type: recordTypes.level,
      epoch,
      sequence,
      extra: encodeHistory(history),
    });
  }

  async remove(epoch: Epoch): Promise<void> {
    await this.#wipe(epoch, () => this.#logState({ type: recordTypes.remove, epoch }));
  }

  async missing(limit: number): Promise<readonly Uint8Array[]> {
    const keys: Uint8Array[] = [];
    for (const text of this.rows.missing) {
      if (keys.length === limit) break;
      keys.push(Buffer.from(text, 'latin1'));
    }
    return keys;
  }

  /** Writes a record of this replica's own and lets it take effect. */
  async #logState(input: {
    readonly type: RecordType;
    readonly epoch: Epoch;
    readonly sequence?: Sequence;
    readonly entries?: readonly EntryInput[];
    readonly extra?: Uint8Array;
  }): Promise<void> {
    this.#checkEpoch(input.epoch);
    if (this.#broken !== undefined) throw this.#broken;
    const { shard } = this;
    const sequence = input.sequence ?? toSequence(this.#appended);
    const record = encodeRecord({ ...input, shard, sequence, time: micros(0) });
    const appended = await this.#log([record]);
    const offset = appended.offsets[0] ?? 0;
    // What this record says of rows concerns those of earlier commits too.
    if (!this.#deferred) this.applyUpTo(this.#state.sequence);
    await this.#take(record, { segment: appended.segment, offset });
    appended.release();
  }

  /** The effect of any record but a commit; the same live and in replay. */
  async #take(record: LogRecord, place: BodyPlace): Promise<void> {
    const { type, epoch, sequence } = record;
    const state = this.#state;
    switch (type) {
      case recordTypes.epoch:
        this.#follow(epoch);
        this.#state = {
          ...this.#state,
          history: extendHistory(state.history, epoch, sequence),
        };
        return;
      case recordTypes.reset: {
        this.#forgetUnapplied();
        await this.rows.clear();
        const condition = record.extra[0] === 1 ? 'learning' : 'ready';
        this.#state = { ...emptyState(this.shard), condition, epoch, sequence };
        this.#suspect = false;
        return;
      }
      case recordTypes.rows:
        this.rows.applyCopied(record, place);
        return;
      case recordTypes.relocate:
        this.rows.applyRelocated(record, place);
        return;
      case recordTypes.level:
        this.#follow(epoch);
        if (state.condition !== 'learning') return;
        this.#state = {
          ...this.#state,
          condition: 'ready',
          sequence: state.sequence === 0 ? sequence : state.sequence,
          history: decodeHistory(record.extra),
        };
        await this.rows.clearTombstones();
        return;
      case recordTypes.remove:
        this.#forgetUnapplied();
        await this.rows.clear();
        this.#state = emptyState(this.shard);
        return;
      case recordTypes.commit:
        this.rows.applyCommit(record, place, state.condition === 'learning');
    }
  }

  #forgetUnapplied(): void {
    for (const { release } of this.#unapplied.splice(0)) release?.();
  }

  /** Takes a record from the log at open. */
  async replay(found: BatchRecord, batch: LogPlace): Promise<void> {
    const { record, offset } = found;
    this.rows.beginReplay();
    if (record.type === recordTypes.commit) {
      // Commits below the checkpoint's sequence may come again; one beyond the next is a gap.
      const next = this.#state.sequence + 1;
      if (record.sequence > next && !this.#takesAny(next - 1)) this.#markDamaged();
      else if (record.sequence === next) this.#suspect = false;
      this.#advance(record, batch);
    }
    await this.#take(record, { segment: batch.segment, offset });
    this.#appended = this.#state.sequence;
    if (this.#state.condition === 'damaged') this.#broken = damagedError();
  }

  /** In replay: synced batches are lost here. */
  suspect(): void {
    this.#suspect = this.#state.condition !== 'absent';
  }

  /** At the end of a replay: what is not proven whole counts as damaged. */
  settle(): void {
    this.rows.endReplay();
    if (this.#suspect && this.#state.condition !== 'absent') this.#markDamaged();
  }

  /** Its bytes cannot be believed: until it is wiped it takes no part. */
  markDamaged(): void {
    this.#markDamaged();
  }

  #markDamaged(): void {
    this.#state = { ...this.#state, condition: 'damaged' };
    this.#broken = damagedError();
  }

  /** The newest row that was applied, in the index or on its way there: durable on all in-sync replicas when this one is the primary's. StoreError `corrupt`. */
  get(key: Uint8Array): StoredRow | undefined {
    const found = readable(() => this.#host.applier.find(indexKey(this.rows.prefix, key)));
    if (found === undefined) return undefined;
    found.row ??= decodeRow(key, found.value);
    return found.row;
  }

  /** The inline body of a row that this replica's index returned, verified; undefined when the bytes here are bad or gone. */
  async bodyOf(row: StoredRow): Promise<Uint8Array | undefined> {
    const { body } = row;
    if (body === undefined) return undefined;
    // Nothing to read: the segment that would hold it may be gone, as one without any bodies.
    if (body.length === 0) return new Uint8Array(0);
    const { log } = this.#host;
    // A medium that does not give the bytes is as good as one that gives others: another replica has them.
    const bytes = await log.read(body.segment, body.offset, body.length).catch((error: unknown) => {
      if (isStoreError(error, 'corrupt')) return undefined;
      throw error;
    });
    return bytes !== undefined && xxh64(bytes) === body.hash ? bytes : undefined;
  }

  async readBody(key: Uint8Array, digest: BodyDigest): Promise<Uint8Array | undefined> {
    const row = this.get(key);
    if (row?.body?.hash !== digest.hash || row.body.length !== digest.length) return undefined;
    return this.bodyOf(row);
  }

  /** Writes a row's body anew on this device: the old place is bad, or its segment is to go. */
  async relocate(
    rows: readonly { readonly row: StoredRow; readonly body: Uint8Array }[],
  ): Promise<void> {
    const entries: EntryInput[] = rows.map(({ row, body }) => ({
      op: entryOps.relocate,
      key: row.key,
      meta: new Uint8Array(0),
      sequence: row.sequence,
      body,
    }));
    await this.#logState({ type: recordTypes.relocate, epoch: this.#state.epoch, entries });
    await this.#host.applier.flush();
  }

  /** Commits after `sequence` from this device's log; undefined when it does not reach back so far. */
  async commitsAfter(sequence: Sequence): Promise<readonly EncodedRecord[] | undefined> {
    const last = this.#state.sequence;
    if (sequence >= last) return [];
    if (last - sequence > catchUpCommitsMax) return undefined;
    const mark = this.#state.marks.findLast((one) => one.sequence <= sequence);
    if (mark === undefined) return undefined;
    const commits: EncodedRecord[] = [];
    let complete = true;
    const outcome = await scanLog(this.#host.disk, mark.place, {
      hole: () => {
        complete = false;
      },
      batch: (batch) => {
        for (const { record, bytes } of batch.records) {
          const wanted = record.shard === this.shard && record.type === recordTypes.commit;
          if (!wanted || record.sequence <= sequence || record.sequence > last) continue;
          if (record.sequence !== sequence + 1 + commits.length) complete = false;
          commits.push(reencode(record, bytes));
        }
        return commits.length >= last - sequence || !complete ? 'stop' : 'go on';
      },
    });
    return complete && !outcome.damaged && commits.length === last - sequence ? commits : undefined;
  }
}

function stale(got: Epoch, known: Epoch): StoreError {
  return new StoreError('stale-epoch', 'replica', 'the primary has been replaced', {
    detail: { got, known: toEpoch(known) },
  });
}

/** An index that cannot be read is as good as one that returns bad rows. */
function readable<Value>(read: () => Value): Value {
  try {
    return read();
  } catch (cause) {
    throw new StoreError('corrupt', 'index.get', 'the index cannot be read', { cause });
  }
}

function damagedError(): StoreError {
  return new StoreError('unavailable', 'replica', 'the replica is damaged');
}

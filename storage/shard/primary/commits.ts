/** Commits of one primary between decision and acknowledgement: the overlay, the encoding, the waiters. */
import { StoreError } from '../../../base/errors.ts';
import {
  type Epoch,
  type Micros,
  type Sequence,
  type ShardId,
  sequence as toSequence,
} from '../../../base/units.ts';
import {
  type EncodedRecord,
  type EntryInput,
  encodeRecord,
  entryOps,
  recordTypes,
} from '../log/record.ts';
import type { ShardSettings } from '../settings.ts';
import { unavailable } from './in-sync.ts';
import { Overlay } from './overlay.ts';
import type { LocalReplica } from '../replica/replica.ts';
import { digestOf, rowOf } from '../row.ts';
import type { Row, RowView, RowWrite } from '../shard.ts';

interface Waiter {
  /** Settled when this commit is readable. */
  readonly sequence: Sequence;
  readonly bytes: number;
  /** Overlay rows that go then. */
  readonly texts: readonly string[];
  readonly resolve: () => void;
  readonly reject: (error: StoreError) => void;
}

const noTexts: readonly string[] = [];

export class Commits implements RowView {
  readonly #shard: ShardId;
  readonly #local: LocalReplica;
  readonly #overlay = new Overlay();
  /** In order of sequence. */
  #waiters: Waiter[] = [];
  #last: Sequence;
  #settled: Sequence;
  #bytes = 0;

  /** `last`: of the last commit that the primary's index holds. */
  constructor(shard: ShardId, local: LocalReplica, last: Sequence) {
    this.#shard = shard;
    this.#local = local;
    this.#last = last;
    this.#settled = last;
  }

  /** The last commit decided. */
  get last(): Sequence {
    return this.#last;
  }

  /** The last commit that is durable and readable. */
  get settled(): Sequence {
    return this.#settled;
  }

  /** Throws `unavailable` when too much is decided and not acknowledged yet. */
  checkRoom({ commitsInFlightMax, bytesInFlightMax }: ShardSettings): void {
    if (this.#waiters.length < commitsInFlightMax && this.#bytes < bytesInFlightMax) return;
    throw unavailable('the shard has too many commits in flight', { slowDown: true });
  }

  get(key: Uint8Array): Row | undefined {
    const pending = this.#overlay.get(key);
    if (pending === undefined) return this.#local.get(key);
    return pending.value === undefined ? undefined : rowOf(key, pending.value);
  }

  /** Gives the writes the next place in the order. Throws `invalid-argument`, and then nothing has happened. */
  add(
    writes: readonly RowWrite[],
    order: { readonly epoch: Epoch; readonly time: Micros },
  ): EncodedRecord {
    const sequence = toSequence(this.#last + 1);
    const entries = writes.map((write) => this.#entry(write, sequence));
    const { epoch, time } = order;
    const shard = this.#shard;
    const record = encodeRecord({
      type: recordTypes.commit,
      shard,
      epoch,
      sequence,
      time,
      entries,
    });
    this.#last = sequence;
    return record;
  }

  #entry(write: RowWrite, sequence: Sequence): EntryInput {
    switch (write.type) {
      case 'put':
        return { op: entryOps.put, key: write.key, meta: write.meta, sequence, body: write.body };
      case 'put-with-body-of': {
        const { key, meta, from } = write;
        const bodyOf = this.#digest(from);
        return { op: entryOps.putBodyOf, key, meta, sequence, from, bodyOf };
      }
      case 'delete':
        return { op: entryOps.delete, key: write.key, meta: new Uint8Array(0), sequence };
    }
  }

  #digest(from: Uint8Array): EntryInput['bodyOf'] {
    const pending = this.#overlay.get(from);
    if (pending?.value !== undefined) return digestOf(pending.value);
    const row = pending === undefined ? this.#local.get(from) : undefined;
    if (row === undefined) {
      throw new StoreError('internal', 'shard.execute', 'a row takes over the body of no row');
    }
    return row.body;
  }

  /** Makes the commit visible to later decisions; resolves when it is readable, rejects when its outcome is unknown. */
  wait(record: EncodedRecord): Promise<void> {
    const { sequence } = record;
    const texts = record.entries.map((entry) => {
      const value = entry.op === entryOps.delete ? undefined : entry.value;
      return this.#overlay.set(entry.key, { sequence, value });
    });
    this.#bytes += record.length;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence, bytes: record.length, texts, resolve, reject });
    });
  }

  /** Resolves when every commit decided so far is readable. */
  waitForAll(): Promise<void> {
    if (this.#settled === this.#last) return Promise.resolve();
    const sequence = this.#last;
    return new Promise((resolve, reject) => {
      this.#waiters.push({ sequence, bytes: 0, texts: noTexts, resolve, reject });
    });
  }

  /** Everything up to `sequence` is readable. */
  settle(sequence: Sequence): void {
    if (sequence > this.#settled) this.#settled = sequence;
    let count = 0;
    for (const waiter of this.#waiters) {
      if (waiter.sequence > sequence) break;
      count++;
      this.#bytes -= waiter.bytes;
      this.#overlay.settle(waiter.texts, waiter.sequence);
      waiter.resolve();
    }
    if (count === this.#waiters.length) this.#waiters = [];
    else this.#waiters.splice(0, count);
  }

  /** Nobody learns any more what became of the commits in flight; they stay in the overlay and may yet be settled. */
  abandon(error: StoreError): void {
    for (const waiter of this.#waiters) waiter.reject(error);
    this.#waiters = this.#waiters.map((waiter) => ({ ...waiter, resolve: ignore, reject: ignore }));
  }
}

function ignore(): void {
  // The caller has had its answer: outcome unknown.
}

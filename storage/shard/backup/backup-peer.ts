/**
 * A replica that lies on no device: what a shard's primary sends it is kept as the bytes of log
 * records, until somebody takes them and stores them elsewhere. It is never in sync, so nothing
 * waits for it; a replica is made of those bytes again by `replay.ts`.
 */
import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import {
  type DeviceId,
  deviceId,
  epoch as toEpoch,
  type Epoch,
  type Sequence,
  sequence as toSequence,
  type ShardId,
} from '../../../base/units.ts';
import {
  asBuffer,
  type EncodedRecord,
  type EntryInput,
  encodeRecord,
  entryOps,
  recordTypes,
} from '../log/record.ts';
import type { CopiedRow, EpochStart, ReplicaPeer, ReplicaStatus, Shipment } from '../peer.ts';
import { emptyState, extendHistory } from '../replica/replica-state.ts';
import { digestOf } from '../row.ts';

export interface BackupPeerOptions {
  readonly shard: ShardId;
  /** What was stored so far; undefined: nothing, all rows are to be copied. */
  readonly status: ReplicaStatus | undefined;
  /** Bytes that may wait to be taken: beyond them commits are refused, and the backup falls behind. */
  readonly bytesMax: number;
  /** With so much waiting `onDue` is called, once. */
  readonly dueBytes: number;
  readonly onDue: () => void;
  /** Whether a commit only tells that an earlier piece was stored: it alone is no reason to store another. */
  readonly isOwn: (record: EncodedRecord) => boolean;
}

/** What was taken out: records, one after the other, each at a multiple of 8 bytes. */
export interface BackupRecords {
  readonly records: readonly Uint8Array[];
  readonly bytes: number;
  /** Where a replica stands that was made of this piece and all before it. */
  readonly status: ReplicaStatus;
}

/** Rows to be copied once more, at most: each took over the body of another row while all were copied. */
const missingMax = 100_000;
/** No device has this number. */
const nowhere: DeviceId = deviceId(0);

export class BackupPeer implements ReplicaPeer {
  readonly device: DeviceId = nowhere;
  readonly shard: ShardId;
  readonly #options: BackupPeerOptions;
  #status: ReplicaStatus;
  #records: Uint8Array[] = [];
  #bytes = 0;
  #hasNews = false;
  /** Keys, in latin1, of rows whose bodies the records so far need not hold. */
  readonly #missing = new Set<string>();

  constructor(options: BackupPeerOptions) {
    this.#options = options;
    this.shard = options.shard;
    this.#status = options.status ?? emptyState(options.shard);
  }

  /** Bytes that wait to be taken. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Whether anything waits that is worth a piece of its own. */
  get hasNews(): boolean {
    return this.#hasNews;
  }

  /** Everything since the last time. */
  take(): BackupRecords {
    const piece = { records: this.#records, bytes: this.#bytes, status: this.#status };
    this.#records = [];
    this.#bytes = 0;
    this.#hasNews = false;
    return piece;
  }

  async status(): Promise<ReplicaStatus> {
    return this.#status;
  }

  async append({ commits }: Shipment): Promise<void> {
    const first = commits[0]?.sequence ?? 0;
    const { condition, sequence } = this.#status;
    const takesAny = condition === 'learning' && sequence === 0;
    if (first !== sequence + 1 && !takesAny) {
      throw new StoreError('conflict', 'backup.append', 'the commits do not follow the last');
    }
    for (const record of commits) {
      this.#keep(record);
      if (condition === 'learning') this.#noteBorrowed(record);
      if (!this.#options.isOwn(record)) this.#hasNews = true;
      const history = extendHistory(this.#status.history, record.epoch, record.sequence);
      const { sequence: last, time } = record;
      const epoch = toEpoch(Math.max(record.epoch, this.#status.epoch));
      this.#status = { condition, epoch, sequence: last, time, history };
    }
  }

  /** The bytes are copied: the sender's are borrowed, and may be used again when all devices have them. */
  #keep(record: EncodedRecord): void {
    if (this.#bytes + record.length > this.#options.bytesMax) {
      throw new StoreError('full', 'backup.append', 'too much waits to be stored');
    }
    const bytes = Buffer.allocUnsafe(record.length);
    let at = 0;
    for (const piece of record.pieces) {
      bytes.set(piece, at);
      at += piece.length;
    }
    bytes.fill(0, at);
    this.#records.push(bytes);
    const { dueBytes, onDue } = this.#options;
    const wasDue = this.#bytes >= dueBytes;
    this.#bytes += bytes.length;
    if (!wasDue && this.#bytes >= dueBytes) onDue();
  }

  /** A row that takes over a body may have it from one that the copy never meets. */
  #noteBorrowed(record: EncodedRecord): void {
    for (const { op, key, value } of record.entries) {
      const text = textOf(key);
      if (op === entryOps.putBodyOf && digestOf(value) !== undefined) this.#missing.add(text);
      else this.#missing.delete(text);
    }
    if (this.#missing.size > missingMax) {
      throw new StoreError('full', 'backup.append', 'too many rows changed while they were copied');
    }
  }

  async begin(epoch: Epoch): Promise<void> {
    if (epoch > this.#status.epoch) this.#status = { ...this.#status, epoch };
  }

  async reset(epoch: Epoch): Promise<void> {
    this.take();
    this.#missing.clear();
    this.#status = { ...emptyState(this.shard), condition: 'learning', epoch };
  }

  async copy(epoch: Epoch, rows: readonly CopiedRow[]): Promise<void> {
    const entries: EntryInput[] = rows.map((row) =>
      row.lost === undefined
        ? { op: entryOps.put, ...row }
        : { op: entryOps.putBodyOf, ...row, bodyOf: row.lost },
    );
    const { shard } = this;
    const { sequence, time } = this.#status;
    this.#keep(encodeRecord({ type: recordTypes.rows, shard, epoch, sequence, time, entries }));
    this.#hasNews = true;
    for (const { key } of rows) this.#missing.delete(textOf(key));
  }

  async missing(limit: number): Promise<readonly Uint8Array[]> {
    return [...this.#missing].slice(0, limit).map((text) => Buffer.from(text, 'latin1'));
  }

  async level(epoch: Epoch, base: Sequence, history: readonly EpochStart[]): Promise<void> {
    const sequence = toSequence(Math.max(base, this.#status.sequence));
    this.#status = { ...this.#status, condition: 'ready', epoch, sequence, history };
  }

  async readBody(): Promise<Uint8Array | undefined> {
    return undefined;
  }

  initialise(): Promise<void> {
    return this.#neverInMap();
  }

  remove(): Promise<void> {
    return this.#neverInMap();
  }

  async #neverInMap(): Promise<void> {
    invariant(false, 'the cluster map does not name a backup');
  }
}

function textOf(key: Uint8Array): string {
  return asBuffer(key).toString('latin1');
}

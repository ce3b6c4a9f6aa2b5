/**
 * The log of one device, shared by all shard replicas on it. The log is the truth.
 *
 * Invariants:
 * - A batch is one write and one fdatasync; only one is in flight, and what arrives meanwhile forms
 *   the next (group commit).
 * - A new segment file has its name synced before a batch in it is acknowledged, and it is created
 *   only after the last batch of the segment before was synced.
 * - After a failed sync, or a failed write other than for lack of space, the log takes nothing any
 *   more: what the kernel then holds is unknown (a second fsync would report success).
 */
import type { Clock } from '../../../base/clock.ts';
import type { Disk, DiskFile } from '../../../base/disk.ts';
import { type ErrorKind, StoreError, isStoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import {
  type LogPlace,
  batchHeaderBytes,
  encodeBatchHeader,
  foldCheck,
  paddedToPage,
} from './batch.ts';
import { type EncodedRecord, recordCrc } from './record.ts';
import { listSegments, logFolder, segmentPath } from './scan.ts';

export interface LogSettings {
  readonly segmentBytes: number;
  /** A batch takes at least one append, and no further one beyond this. */
  readonly batchBytes: number;
  /** Segments are read with blocking calls while they are this many bytes behind the end: those are likely cached. */
  readonly cachedBytes: number;
}

export const defaultLogSettings: LogSettings = {
  segmentBytes: 64 * 1024 * 1024,
  batchBytes: 1024 * 1024,
  cachedBytes: 1024 * 1024 * 1024,
};

/** Where one append's records lie. */
export interface Appended {
  readonly segment: number;
  /** The batch that holds them. */
  readonly place: LogPlace;
  /** Offset in the segment of each record, in the order of the append. */
  readonly offsets: readonly number[];
  /** Says that the records are in the index: a checkpoint may pass them. */
  readonly release: () => void;
}

interface Waiting {
  readonly records: readonly EncodedRecord[];
  readonly length: number;
  readonly resolve: (appended: Appended) => void;
  readonly reject: (error: StoreError) => void;
}

/** A batch whose records are not all in the index yet. */
interface Unreleased {
  readonly place: LogPlace;
  open: number;
}

const openFilesMax = 128;

export class DeviceLog {
  readonly #disk: Disk;
  readonly #clock: Clock;
  readonly #settings: LogSettings;
  readonly #onFailure: (error: StoreError) => void;
  readonly #onSegment: () => void;
  #end: LogPlace;
  /** The file that batches go to; undefined until the first batch of a segment. */
  #tail: DiskFile | undefined;
  readonly #files = new Map<number, DiskFile>();
  #queue: Waiting[] = [];
  #running = false;
  #closed = false;
  #failure: StoreError | undefined;
  #idle: (() => void)[] = [];
  #unreleased: Unreleased[] = [];
  #bodyBytes = new Map<number, number>();
  #buffer: Buffer;

  private constructor(options: {
    disk: Disk;
    clock: Clock;
    settings: LogSettings;
    end: LogPlace;
    onFailure: (error: StoreError) => void;
    onSegment: () => void;
  }) {
    this.#disk = options.disk;
    this.#clock = options.clock;
    this.#settings = options.settings;
    this.#end = options.end;
    this.#onFailure = options.onFailure;
    this.#onSegment = options.onSegment;
    this.#buffer = Buffer.alloc(0);
  }

  /** Opens for appending at `end`, which a scan found; cuts off a torn tail there. */
  static async open(options: {
    readonly disk: Disk;
    readonly clock: Clock;
    readonly settings: LogSettings;
    readonly end: LogPlace;
    readonly onFailure: (error: StoreError) => void;
    /** Called when a new segment has been begun. */
    readonly onSegment: () => void;
  }): Promise<DeviceLog> {
    const { disk, end } = options;
    const segments = await listSegments(disk);
    if (segments.length === 0) {
      await disk.makeDirectory(logFolder);
      await disk.syncDirectory('');
    }
    const log = new DeviceLog(options);
    const file = segments.includes(end.segment)
      ? await disk.open(segmentPath(end.segment))
      : undefined;
    if (file !== undefined) {
      if ((await file.size()) !== end.offset) await file.truncate(end.offset);
      // Also what the scan found may be in the cache only, after a kill -9: it must be durable before a
      // checkpoint, or another replica, counts on it. (Found by the simulation: kill, start, power loss.)
      await file.sync();
      // The name may be in the cache only: a crash between creation and the folder's sync.
      await disk.syncDirectory(logFolder);
      log.#tail = file;
      log.#files.set(end.segment, file);
    }
    return log;
  }

  get failure(): StoreError | undefined {
    return this.#failure;
  }

  get end(): LogPlace {
    return this.#end;
  }

  /** The first place that a replay must begin at when nothing more reaches the index. */
  get released(): LogPlace {
    return this.#unreleased[0]?.place ?? this.#end;
  }

  /** Bytes of inline bodies appended to each segment since the last call; every segment written to is named. */
  takeBodyBytes(): ReadonlyMap<number, number> {
    const taken = this.#bodyBytes;
    this.#bodyBytes = new Map();
    return taken;
  }

  /** Resolves when the records are synced. Rejects with `unavailable` (outcome unknown, the log is dead) or `full` (not written). */
  append(records: readonly EncodedRecord[]): Promise<Appended> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#closed) {
      return Promise.reject(new StoreError('unavailable', 'log.append', 'the log is closed'));
    }
    let length = 0;
    for (const record of records) length += record.length;
    return new Promise((resolve, reject) => {
      this.#queue.push({ records, length, resolve, reject });
      if (!this.#running) {
        this.#running = true;
        void this.#run();
      }
    });
  }

  /** Resolves when nothing is queued or in flight. */
  drain(): Promise<void> {
    if (!this.#running) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && this.#failure === undefined) {
      // What other requests of this turn append comes along: with sixteen writers that halves the batches.
      await this.#clock.turn();
      const batch = this.#take();
      try {
        await this.#write(batch);
      } catch (error) {
        await this.#writeFailed(batch, error);
      }
    }
    this.#running = false;
    for (const resolve of this.#idle.splice(0)) resolve();
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      if (count > 0 && bytes + waiting.length > this.#settings.batchBytes) break;
      bytes += waiting.length;
      count++;
    }
    return this.#queue.splice(0, count);
  }

  async #write(batch: readonly Waiting[]): Promise<void> {
    let length = batchHeaderBytes;
    for (const waiting of batch) length += waiting.length;
    const padded = paddedToPage(length);
    const { segmentBytes } = this.#settings;
    if (
      this.#tail === undefined ||
      (this.#end.offset > 0 && this.#end.offset + padded > segmentBytes)
    ) {
      await this.#roll();
    }
    const file = this.#tail;
    invariant(file !== undefined, 'a segment is open before a batch is written');
    const place = this.#end;
    const bytes = this.#fill(batch, place, { length, padded });
    await file.writeDurably(place.offset, [bytes]);
    this.#end = { ...place, offset: place.offset + padded, number: place.number + 1 };
    this.#resolve(batch, place);
  }

  async #roll(): Promise<void> {
    const segment = this.#tail === undefined ? this.#end.segment : this.#end.segment + 1;
    const file = await this.#disk.create(segmentPath(segment));
    await this.#disk.syncDirectory(logFolder);
    this.#files.set(segment, file);
    this.#tail = file;
    this.#end = { segment, offset: 0, number: this.#end.number };
    this.#onSegment();
  }

  /** The batch's bytes, in a buffer that the next batch uses again. */
  #fill(
    batch: readonly Waiting[],
    place: LogPlace,
    size: { length: number; padded: number },
  ): Uint8Array {
    if (this.#buffer.length < size.padded) {
      this.#buffer = Buffer.allocUnsafeSlow(Math.max(size.padded, 64 * 1024) * 2);
    }
    const buffer = this.#buffer;
    let at = batchHeaderBytes;
    let recordsCheck = 0;
    let records = 0;
    for (const waiting of batch) {
      for (const record of waiting.records) {
        const end = at + record.length;
        const head = record.pieces[0];
        invariant(head !== undefined, 'a record has a head');
        recordsCheck = foldCheck(recordsCheck, recordCrc(head));
        for (const piece of record.pieces) {
          buffer.set(piece, at);
          at += piece.length;
        }
        buffer.fill(0, at, end);
        at = end;
        records++;
      }
    }
    buffer.fill(0, at, size.padded);
    encodeBatchHeader(buffer, { ...place, length: size.length, records, recordsCheck });
    return buffer.subarray(0, size.padded);
  }

  #resolve(batch: readonly Waiting[], place: LogPlace): void {
    const unreleased: Unreleased = { place, open: batch.length };
    this.#unreleased.push(unreleased);
    let at = place.offset + batchHeaderBytes;
    let bodyBytes = 0;
    for (const waiting of batch) {
      const offsets: number[] = [];
      for (const record of waiting.records) {
        offsets.push(at);
        at += record.length;
        bodyBytes += record.bodyBytes;
      }
      let released = false;
      const release = (): void => {
        if (released) return;
        released = true;
        unreleased.open--;
        while (this.#unreleased[0]?.open === 0) this.#unreleased.shift();
      };
      waiting.resolve({ segment: place.segment, place, offsets, release });
    }
    this.#bodyBytes.set(place.segment, (this.#bodyBytes.get(place.segment) ?? 0) + bodyBytes);
  }

  async #writeFailed(batch: readonly Waiting[], cause: unknown): Promise<void> {
    if (isStoreError(cause, 'full') && (await this.#cutBack())) {
      const full = refusal('full', 'the device has no room for the log', cause);
      // What is queued may continue what was refused: it must not reach the log without it.
      for (const waiting of [...batch, ...this.#queue.splice(0)]) waiting.reject(full);
      return;
    }
    this.fail(
      refusal('unavailable', "the device's log failed; whether it was written is unknown", cause),
    );
    for (const waiting of batch)
      waiting.reject(this.#failure ?? refusal('unavailable', 'failed', cause));
  }

  /** After a write for which there was no room: the log ends where it did. */
  async #cutBack(): Promise<boolean> {
    const file = this.#tail;
    if (file === undefined) return false;
    try {
      await file.truncate(this.#end.offset);
      await file.sync();
      return true;
    } catch (error) {
      if (error instanceof StoreError) return false;
      throw error;
    }
  }

  /** The log takes nothing any more, now and for good. */
  fail(error: StoreError): void {
    if (this.#failure !== undefined) return;
    this.#failure = error;
    for (const waiting of this.#queue.splice(0)) waiting.reject(error);
    this.#onFailure(error);
  }

  /** Reads bytes of a segment; undefined when the file is gone or ends before them. Not verified. */
  async read(segment: number, offset: number, length: number): Promise<Uint8Array | undefined> {
    const file = this.#files.get(segment) ?? (await this.#openSegment(segment));
    if (file === undefined) return undefined;
    const bytes = Buffer.allocUnsafeSlow(length);
    const behind = (this.#end.segment - segment) * this.#settings.segmentBytes;
    const filled =
      behind < this.#settings.cachedBytes
        ? file.readSync(offset, bytes)
        : await file.read(offset, bytes);
    if (filled === length) return bytes;
    // A short blocking read is allowed before the end of the file: ask again, patiently.
    return (await file.read(offset, bytes)) === length ? bytes : undefined;
  }

  async #openSegment(segment: number): Promise<DiskFile | undefined> {
    const file = await this.#disk.open(segmentPath(segment));
    if (file === undefined) return undefined;
    const raced = this.#files.get(segment);
    if (raced !== undefined) {
      await file.close();
      return raced;
    }
    this.#files.set(segment, file);
    if (this.#files.size > openFilesMax) await this.#closeOldest(segment);
    return file;
  }

  async #closeOldest(except: number): Promise<void> {
    for (const [segment, file] of this.#files) {
      if (segment === except || file === this.#tail) continue;
      this.#files.delete(segment);
      await file.close();
      return;
    }
  }

  segments(): Promise<number[]> {
    return listSegments(this.#disk);
  }

  /** Deletes a segment that no replay and no row needs any more. */
  async removeSegment(segment: number): Promise<void> {
    invariant(segment < this.released.segment, "only a segment before the replay's start may go");
    const file = this.#files.get(segment);
    this.#files.delete(segment);
    if (file !== undefined) await file.close();
    await this.#disk.remove(segmentPath(segment));
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.drain();
    const files = [...this.#files.values()];
    this.#files.clear();
    for (const file of files) await file.close();
  }
}

function refusal(kind: ErrorKind, message: string, cause: unknown): StoreError {
  return new StoreError(kind, 'log.append', message, { cause });
}

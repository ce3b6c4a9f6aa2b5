/**
 * Appends records to volumes and makes them durable together.
 *
 * Invariants: positions are given out in order and never twice. A record enters the index only
 * after its volume, and the name of that volume, were synced. After any failed sync or write
 * (other than `full`) nothing more is written: what a failed fsync lost, a second one does not
 * bring back, and does not tell.
 */
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { MiB } from '../../base/units.ts';
import type { FragmentId } from '../fragment/fragment.ts';
import { pageBytes, placeHeader, recordBytes } from '../fragment/record.ts';
import type { Exclusive } from './exclusive.ts';
import { type FragmentIndex, type FragmentPlace, IndexBatch } from './fragment-index.ts';
import { pagesOf, Volume, type VolumeTable } from './volume.ts';
import { encodeVolumeHeader, maxVolumeId, volumeFolder, volumePath } from './volume-format.ts';

/** A record on its way to a volume. */
export interface NewRecord {
  readonly id: FragmentId;
  readonly createdAt: number;
  /** Encoded, without its place yet. */
  readonly headerPage: Uint8Array;
  readonly unit: Uint8Array;
  /** For a copy made by the compactor: it counts only if the index still points here. */
  readonly movedFrom?: FragmentPlace;
}

/** What is left to do for a record once it lies in its volume. The unit's bytes are not kept: syncs come many MiB apart. */
interface WrittenRecord {
  readonly id: FragmentId;
  readonly movedFrom: FragmentPlace | undefined;
  readonly volume: Volume;
  readonly place: FragmentPlace;
  removed: boolean;
}

export interface VolumeWriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly table: VolumeTable;
  readonly index: FragmentIndex;
  /** Held for every change of the index. */
  readonly lock: Exclusive;
  /** 32 hex digits. */
  readonly deviceUuid: string;
  readonly volumeBytes: number;
  readonly checkpointBytes: number;
  /** The volume to go on with; undefined: begin a new one. */
  readonly current: Volume | undefined;
  readonly nextVolumeId: number;
  /** Known to the index, and without a file. */
  readonly lostVolumes: readonly number[];
  readonly onFailed: (cause: StoreError) => void;
}

/** Free space is asked for again after this many bytes: others write to the same file system. */
const measureAgainBytes = 4 * MiB;
const zeros = new Uint8Array(pageBytes);

export class VolumeWriter {
  readonly #options: VolumeWriterOptions;
  readonly #volumePages: number;
  #current: Volume | undefined;
  #nextVolumeId: number;
  #rolling: Promise<void> | undefined;
  /** Written, not yet taken by a commit round. */
  #written: WrittenRecord[] = [];
  /** Taken by the commit round that runs now. */
  #syncing: readonly WrittenRecord[] = [];
  #namesDirty = false;
  #round: Promise<void> = Promise.resolve();
  #nextRound: Promise<void> | undefined;
  #failure: StoreError | undefined;
  #freeBytes = 0;
  #bytesSinceMeasured = Number.POSITIVE_INFINITY;
  #pagesSinceCheckpoint = 0;
  /** What was settled at the last synced batch: the next one may write it as checkpoint. */
  #settled = new Map<Volume, number>();
  /** Volumes without a file. Their keys stay until the next synced batch, as they make recovery look for entries that came back. */
  #gone: number[];

  constructor(options: VolumeWriterOptions) {
    this.#options = options;
    this.#volumePages = Math.max(2, Math.floor(options.volumeBytes / pageBytes));
    this.#current = options.current;
    this.#nextVolumeId = options.nextVolumeId;
    this.#gone = [...options.lostVolumes];
  }

  get failure(): StoreError | undefined {
    return this.#failure;
  }

  isCurrent(volume: Volume): boolean {
    return volume === this.#current;
  }

  checkUp(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Ends all writing: the device is not to be trusted any more. Returns what callers get from now on. */
  fail(cause: unknown): StoreError {
    if (this.#failure === undefined) {
      this.#failure = new StoreError('unavailable', 'device', 'the device has failed', { cause });
      this.#options.onFailed(this.#failure);
    }
    return this.#failure;
  }

  /**
   * Writes records, several at once where they fit one volume; not durable yet. `floorBytes` is
   * the free space that must remain. Errors: `full`, `unavailable`.
   */
  async append(records: readonly NewRecord[], floorBytes: number): Promise<void> {
    this.checkUp();
    const sizes = records.map((record) => recordBytes(record.unit.length));
    await this.#admit(
      sizes.reduce((sum, size) => sum + size, 0),
      floorBytes,
    );
    const groups: NewRecord[][] = [];
    let room = 0;
    for (const [i, record] of records.entries()) {
      const pages = pagesOf(sizes[i] ?? 0);
      if (pages > room) {
        groups.push([]);
        room = this.#volumePages - 1;
      }
      groups.at(-1)?.push(record);
      room -= pages;
    }
    // All must have ended before the borrowed units go back to the caller.
    const results = await Promise.allSettled(groups.map((group) => this.#appendGroup(group)));
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  /** One round for all who wait: sync of every volume written to, then the index. */
  commit(): Promise<void> {
    this.#nextRound ??= this.#round.then(() => {
      this.#nextRound = undefined;
      const round = this.#runRound();
      this.#round = round.catch(() => undefined);
      return round;
    });
    return this.#nextRound;
  }

  /** Forgets records that are not in the index yet, where `chosen`; the lock must be held. Returns how many. */
  dropUncommitted(chosen: (id: FragmentId) => boolean): number {
    let count = 0;
    for (const written of [...this.#syncing, ...this.#written]) {
      if (written.removed || !chosen(written.id)) continue;
      written.removed = true;
      count++;
    }
    return count;
  }

  /** A synced batch: everything in the index before it is durable (see docs/format/volume.md on checkpoints). The lock must be held. */
  async writeSynced(batch: IndexBatch): Promise<void> {
    for (const [volume, pages] of this.#settled) {
      if (this.#options.table.get(volume.id) !== volume) continue;
      batch.putCheckpoint(volume.id, pages);
      volume.checkpointPages = pages;
    }
    for (const id of this.#gone) batch.removeVolume(id);
    this.#gone = [];
    await this.#options.index.write(batch, { synced: true });
    this.#pagesSinceCheckpoint = 0;
    this.#settled = new Map();
    for (const volume of this.#options.table.all()) {
      const settled = volume.settledPages;
      if (settled > volume.checkpointPages) this.#settled.set(volume, settled);
    }
  }

  /** Its file is gone, durably. */
  forgetVolume(id: number): void {
    this.#gone.push(id);
  }

  async #admit(bytes: number, floorBytes: number): Promise<void> {
    // Near the end every append asks: the estimate misses volume headers and what others write.
    const near = this.#freeBytes - bytes < 2 * floorBytes + measureAgainBytes;
    if (near || this.#bytesSinceMeasured > measureAgainBytes) {
      this.#bytesSinceMeasured = 0;
      this.#freeBytes = (await this.#options.disk.space()).freeBytes;
    }
    if (this.#freeBytes - bytes < floorBytes) {
      const detail = { freeBytes: this.#freeBytes, floorBytes };
      throw new StoreError('full', 'device.append', 'the device is full', { detail });
    }
    this.#freeBytes -= bytes;
    this.#bytesSinceMeasured += bytes;
  }

  async #appendGroup(records: readonly NewRecord[]): Promise<void> {
    const sizes = records.map((record) => pagesOf(recordBytes(record.unit.length)));
    const first = await this.#place(sizes);
    const { volume } = first;
    const pieces: Uint8Array[] = [];
    const written: WrittenRecord[] = [];
    let page = first.page;
    for (const [i, record] of records.entries()) {
      const { id, headerPage, unit, createdAt, movedFrom } = record;
      placeHeader(headerPage, { deviceUuid: this.#options.deviceUuid, volume: volume.id, page });
      const padding = recordBytes(unit.length) - pageBytes - unit.length;
      pieces.push(headerPage, unit);
      if (padding > 0) pieces.push(zeros.subarray(0, padding));
      const place = { volume: volume.id, page, unitLength: unit.length, createdAt };
      written.push({ id, movedFrom, volume, place, removed: false });
      page += sizes[i] ?? 0;
    }
    try {
      await this.#options.table.withFile(volume, (file) =>
        file.write(first.page * pageBytes, pieces),
      );
    } catch (error) {
      // The places stay a hole. What it holds was never acknowledged.
      for (const { place } of written) volume.unsettled.delete(place.page);
      if (!isStoreError(error, 'full')) throw this.fail(error);
      this.#freeBytes = 0;
      throw error;
    }
    this.#written.push(...written);
  }

  /** Consecutive places for records of these sizes; from this very moment they count as unsettled. */
  async #place(
    sizes: readonly number[],
  ): Promise<{ readonly volume: Volume; readonly page: number }> {
    const pages = sizes.reduce((sum, size) => sum + size, 0);
    for (;;) {
      this.checkUp();
      const volume = this.#current;
      if (volume !== undefined && !volume.sealed) {
        if (volume.pages === 1 || volume.pages + pages <= this.#volumePages) {
          const page = volume.pages;
          for (const size of sizes) {
            volume.unsettled.add(volume.pages);
            volume.pages += size;
          }
          return { volume, page };
        }
        volume.sealed = true;
      }
      this.#rolling ??= this.#beginVolume().finally(() => {
        this.#rolling = undefined;
      });
      await this.#rolling;
    }
  }

  async #beginVolume(): Promise<void> {
    const { disk, clock, table, deviceUuid } = this.#options;
    const id = this.#nextVolumeId++;
    invariant(id <= maxVolumeId, 'a device has fewer than 2^32 volumes in its life');
    const volume = new Volume(id, { pages: 1, sealed: false });
    // Before the file exists: a commit that begins meanwhile must not believe the names synced.
    this.#namesDirty = true;
    try {
      volume.file = await disk.create(volumePath(id));
      this.#namesDirty = true;
      table.add(volume);
      const header = encodeVolumeHeader({ deviceUuid, volume: id, createdAt: clock.now() });
      await table.withFile(volume, (file) => file.write(0, [header]));
    } catch (error) {
      // Only now: a volume that looked sealed and empty while it begins would be compacted away.
      volume.sealed = true;
      if (isStoreError(error, 'full')) throw error;
      throw this.fail(error);
    }
    this.#current = volume;
  }

  async #runRound(): Promise<void> {
    this.checkUp();
    const records = this.#written;
    this.#written = [];
    this.#syncing = records;
    if (records.length === 0) return;
    const { disk, table, lock } = this.#options;
    const names = this.#namesDirty;
    this.#namesDirty = false;
    const volumes = new Set(records.map(({ volume }) => volume));
    try {
      const syncs = [...volumes].map((volume) => table.withFile(volume, (file) => file.sync()));
      if (names) syncs.push(disk.syncDirectory(volumeFolder));
      await Promise.all(syncs);
      await lock.run(() => this.#enter(records));
    } catch (error) {
      throw this.fail(error);
    } finally {
      this.#syncing = [];
    }
  }

  /** Puts synced records into the index, and counts what is live where. */
  async #enter(records: readonly WrittenRecord[]): Promise<void> {
    const { table, index } = this.#options;
    const batch = new IndexBatch();
    const touched = new Set<Volume>();
    const entered = new Map<string, FragmentPlace>();
    for (const { id, movedFrom, volume, place, removed } of records) {
      touched.add(volume);
      if (removed) continue;
      const name = `${id.objectId} ${id.stripe} ${id.index}`;
      const before = entered.get(name) ?? index.get(id);
      if (movedFrom !== undefined && !samePlace(before, movedFrom)) continue;
      const old = before === undefined ? undefined : table.get(before.volume);
      if (before !== undefined && old !== undefined) {
        old.release(pagesOf(recordBytes(before.unitLength)));
        touched.add(old);
      }
      volume.livePages += pagesOf(recordBytes(place.unitLength));
      batch.put(id, place);
      entered.set(name, place);
    }
    for (const volume of touched) batch.putUsage(volume.id, volume);
    for (const { place } of records) {
      this.#pagesSinceCheckpoint += pagesOf(recordBytes(place.unitLength));
    }
    if (this.#pagesSinceCheckpoint * pageBytes >= this.#options.checkpointBytes) {
      await this.writeSynced(batch);
    } else {
      await index.write(batch, { synced: false });
    }
    for (const { volume, place } of records) volume.unsettled.delete(place.page);
  }
}

export function samePlace(
  a: FragmentPlace | undefined,
  b: Pick<FragmentPlace, 'volume' | 'page'>,
): boolean {
  return a !== undefined && a.volume === b.volume && a.page === b.page;
}

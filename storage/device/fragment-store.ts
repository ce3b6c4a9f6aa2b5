/** The fragments of one device: volumes on a disk, found through an ordered key-value store. */
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import { digestSubBlocks } from '../fragment/digest.ts';
import type {
  FragmentId,
  FragmentRead,
  FragmentStore,
  FragmentWrite,
} from '../fragment/fragment.ts';
import { encodeHeader, pageBytes, recordBytes } from '../fragment/record.ts';
import { type CompactionResult, Compactor } from './compactor.ts';
import { Exclusive } from './exclusive.ts';
import {
  FragmentIndex,
  IndexBatch,
  type IndexedFragment,
  type KeyValueStore,
} from './fragment-index.ts';
import { defaultSyncReadBytes, RecordReader } from './record-reader.ts';
import { type Recovered, recoverVolumes } from './recovery.ts';
import { pagesOf, type Volume, VolumeTable } from './volume.ts';
import { VolumeWriter } from './volume-writer.ts';

export interface FragmentStoreOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** Open; stays the caller's to close, after this store. Only keys with the first byte `f` or `v` are used. */
  readonly index: KeyValueStore;
  /** From the superblock: 32 hex digits. */
  readonly deviceUuid: string;
  /** Default 256 MiB. */
  readonly volumeBytes?: number;
  /** Free space that appends leave, so that deletes, compaction and the shard log still work. Default 64 MiB. */
  readonly reserveBytes?: number;
  /** Appended between two synced index batches: bounds what opening reads again. Default 64 MiB. */
  readonly checkpointBytes?: number;
  readonly syncReadBytes?: number;
  /** Volume files kept open. Default 128. */
  readonly maxOpenFiles?: number;
  /** Forget the index and read all volumes. */
  readonly rebuild?: boolean;
  /** A damaged record was met by the compactor: repair it, or remove it. */
  readonly onCorrupt?: (id: FragmentId) => void;
  /** A write or a sync failed: the store takes no more writes until it is opened again. Called once. */
  readonly onFailed?: (cause: StoreError) => void;
}

export interface DeviceUsage {
  readonly volumes: number;
  /** Bytes in volumes, live or not. */
  readonly usedBytes: number;
  /** Bytes of records that the index points at. */
  readonly liveBytes: number;
}

const removeLimit = 1000;

/** Opens a device's fragments: after a crash this reads again what the index may have lost. */
export async function openFragmentStore(
  options: FragmentStoreOptions,
): Promise<DeviceFragmentStore> {
  const index = new FragmentIndex(options.index);
  const table = new VolumeTable(options.disk, options.maxOpenFiles ?? 128);
  const { disk, deviceUuid } = options;
  const volumeBytes = options.volumeBytes ?? 256 * MiB;
  if (options.rebuild === true) await index.clear();
  const recovered = await recoverVolumes({ disk, index, table, deviceUuid, volumeBytes });
  return new DeviceFragmentStore(options, { index, table, recovered, volumeBytes });
}

export class DeviceFragmentStore implements FragmentStore {
  /** What opening found. */
  readonly recovered: Recovered;
  readonly #index: FragmentIndex;
  readonly #table: VolumeTable;
  readonly #lock = new Exclusive();
  readonly #writer: VolumeWriter;
  readonly #reader: RecordReader;
  readonly #compactor: Compactor;
  readonly #reserveBytes: number;
  #closed = false;

  /** Use `openFragmentStore`. */
  constructor(
    options: FragmentStoreOptions,
    opened: {
      readonly index: FragmentIndex;
      readonly table: VolumeTable;
      readonly recovered: Recovered;
      readonly volumeBytes: number;
    },
  ) {
    const { disk, clock, deviceUuid } = options;
    const { index, table, recovered, volumeBytes } = opened;
    const lock = this.#lock;
    this.recovered = recovered;
    this.#index = index;
    this.#table = table;
    this.#reserveBytes = options.reserveBytes ?? 64 * MiB;
    this.#writer = new VolumeWriter({
      disk,
      clock,
      table,
      index,
      lock,
      deviceUuid,
      volumeBytes,
      checkpointBytes: options.checkpointBytes ?? 64 * MiB,
      current: recovered.current,
      nextVolumeId: recovered.nextVolumeId,
      lostVolumes: recovered.lostVolumes,
      onFailed: options.onFailed ?? (() => undefined),
    });
    const syncReadBytes = options.syncReadBytes ?? defaultSyncReadBytes;
    this.#reader = new RecordReader({ clock, deviceUuid, syncReadBytes });
    this.#compactor = new Compactor({
      disk,
      table,
      index,
      lock,
      deviceUuid,
      writer: this.#writer,
      floorBytes: this.#reserveBytes / 2,
      onCorrupt: options.onCorrupt ?? (() => undefined),
    });
  }

  /** Why the device takes no more writes; undefined while all is well. Reads, verified as ever, go on. */
  get failure(): StoreError | undefined {
    return this.#writer.failure;
  }

  async append(fragments: readonly FragmentWrite[]): Promise<void> {
    this.#checkOpen();
    const records = fragments.map(({ header, unit }) => {
      if (unit.length !== header.unitLength) {
        const why = 'a unit is not as long as its header says';
        throw new StoreError('invalid-argument', 'fragment.append', why);
      }
      const { objectId, stripe, index, createdAt } = header;
      const headerPage = encodeHeader(header, digestSubBlocks(unit));
      return { id: { objectId, stripe, index }, createdAt, headerPage, unit };
    });
    if (records.length > 0) await this.#writer.append(records, this.#reserveBytes);
  }

  async commit(): Promise<void> {
    this.#checkOpen();
    await this.#writer.commit();
  }

  async read(
    id: FragmentId,
    range?: { readonly offset: number; readonly length: number },
  ): Promise<FragmentRead | undefined> {
    this.#checkOpen();
    const place = this.#index.get(id);
    if (place === undefined) return undefined;
    const volume = this.#table.get(place.volume);
    if (volume === undefined) {
      throw new StoreError('corrupt', 'fragment.read', 'the volume of the fragment is gone');
    }
    const whole = { offset: 0, length: place.unitLength };
    return this.#table.withFile(volume, (file) =>
      this.#reader.read(file, { id, place }, range ?? whole),
    );
  }

  async has(ids: readonly FragmentId[]): Promise<readonly boolean[]> {
    this.#checkOpen();
    return this.#index.has(ids);
  }

  async remove(objectId: string): Promise<number> {
    this.#checkOpen();
    this.#writer.checkUp();
    return this.#lock.run(async () => {
      let count = this.#writer.dropUncommitted((id) => id.objectId === objectId);
      for (;;) {
        const entries = await this.#index.list({ objectId, limit: removeLimit });
        await this.#removeEntries(entries);
        count += entries.length;
        if (entries.length < removeLimit) return count;
      }
    });
  }

  async removeOne(id: FragmentId): Promise<void> {
    this.#checkOpen();
    this.#writer.checkUp();
    await this.#lock.run(async () => {
      this.#writer.dropUncommitted(
        ({ objectId, stripe, index }) =>
          objectId === id.objectId && stripe === id.stripe && index === id.index,
      );
      const place = this.#index.get(id);
      if (place !== undefined) await this.#removeEntries([{ id, place }]);
    });
  }

  async scan(after: FragmentId | undefined, limit: number): Promise<readonly FragmentId[]> {
    this.#checkOpen();
    const entries = await this.#index.list({ after, limit });
    return entries.map(({ id }) => id);
  }

  /** A sealed volume worth compacting: under 60 % live, and without damaged records. */
  nextCompaction(): number | undefined {
    return this.failure === undefined ? this.#compactor.next() : undefined;
  }

  /** See `Compactor.run`. At most one runs at a time; a second call does nothing. */
  async compactVolume(
    id: number,
    pace: (bytes: number) => Promise<void>,
  ): Promise<CompactionResult> {
    this.#checkOpen();
    this.#writer.checkUp();
    return this.#compactor.run(id, pace);
  }

  usage(): DeviceUsage {
    let volumes = 0;
    let usedPages = 0;
    let livePages = 0;
    for (const volume of this.#table.all()) {
      volumes++;
      usedPages += volume.pages;
      livePages += volume.livePages;
    }
    return { volumes, usedBytes: usedPages * pageBytes, liveBytes: livePages * pageBytes };
  }

  /** Commits what was appended, and closes the volumes. The key-value store stays open. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    try {
      if (this.failure === undefined) {
        await this.#writer.commit();
        // Twice, as each confirms what the one before it made durable: the next open reads nothing.
        await this.#lock.run(() => this.#writer.writeSynced(new IndexBatch()));
        await this.#lock.run(() => this.#writer.writeSynced(new IndexBatch()));
      }
    } finally {
      await this.#table.closeAll();
    }
  }

  async #removeEntries(entries: readonly IndexedFragment[]): Promise<void> {
    const batch = new IndexBatch();
    const touched = new Set<Volume>();
    for (const { id, place } of entries) {
      batch.remove(id);
      const volume = this.#table.get(place.volume);
      volume?.release(pagesOf(recordBytes(place.unitLength)));
      if (volume !== undefined) touched.add(volume);
    }
    for (const volume of touched) batch.putUsage(volume.id, volume);
    await this.#index.write(batch, { synced: false }).catch((error: unknown) => {
      throw this.#writer.fail(error);
    });
  }

  #checkOpen(): void {
    if (this.#closed) throw new StoreError('unavailable', 'device', 'the device is closed');
  }
}

/** The volumes of one device: what is known of each, and their open files (a bounded number). */
import type { Disk, DiskFile } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import { pageBytes } from '../fragment/record.ts';
import { volumePath } from './volume-format.ts';

export class Volume {
  readonly id: number;
  /** Pages given out to records so far, the header page included. */
  pages: number;
  /** Pages of records that the index points at. */
  livePages: number = 0;
  /** No record is added any more. */
  sealed: boolean;
  /** First pages of records that were given a place but are not in the index yet. */
  readonly unsettled: Set<number> = new Set();
  /** What the index has as its checkpoint. */
  checkpointPages: number = 0;
  /** Holds a damaged live record: not compacted until something in it changes. */
  damaged: boolean = false;
  /** Callers that use the file now. */
  users: number = 0;
  file: DiskFile | undefined;
  opening: Promise<DiskFile> | undefined;

  constructor(id: number, options: { readonly pages: number; readonly sealed: boolean }) {
    this.id = id;
    this.pages = options.pages;
    this.sealed = options.sealed;
  }

  /** Every record before this page is in the index, or is a hole. */
  get settledPages(): number {
    let settled = this.pages;
    for (const page of this.unsettled) settled = Math.min(settled, page);
    return settled;
  }

  /** A record lost its entry (or moved away). */
  release(pages: number): void {
    this.livePages = Math.max(0, this.livePages - pages);
    this.damaged = false;
  }
}

export class VolumeTable {
  readonly #disk: Disk;
  readonly #maxOpenFiles: number;
  readonly #volumes = new Map<number, Volume>();
  /** Volumes with an open file, least recently used first. */
  readonly #open = new Set<Volume>();

  constructor(disk: Disk, maxOpenFiles: number) {
    this.#disk = disk;
    this.#maxOpenFiles = maxOpenFiles;
  }

  add(volume: Volume): void {
    this.#volumes.set(volume.id, volume);
    if (volume.file !== undefined) this.#open.add(volume);
  }

  get(id: number): Volume | undefined {
    return this.#volumes.get(id);
  }

  all(): Iterable<Volume> {
    return this.#volumes.values();
  }

  /** Forgets a volume whose file was removed; reads under way finish on the open file. */
  async retire(volume: Volume): Promise<void> {
    this.#volumes.delete(volume.id);
    if (volume.users === 0) await this.#close(volume);
  }

  /** Runs `work` on the volume's file, which stays open meanwhile. StoreError `corrupt` when the file is gone. */
  async withFile<Result>(
    volume: Volume,
    work: (file: DiskFile) => Promise<Result>,
  ): Promise<Result> {
    volume.users++;
    try {
      return await work(volume.file ?? (await this.#openFile(volume)));
    } finally {
      volume.users--;
      if (volume.users === 0 && this.#volumes.get(volume.id) !== volume) await this.#close(volume);
    }
  }

  async closeAll(): Promise<void> {
    for (const volume of this.#open) await this.#close(volume);
  }

  #openFile(volume: Volume): Promise<DiskFile> {
    volume.opening ??= (async () => {
      try {
        const file = await this.#disk.open(volumePath(volume.id));
        if (file === undefined) {
          throw new StoreError('corrupt', 'volume.open', 'the volume file is gone', {
            detail: { volume: volume.id },
          });
        }
        volume.file = file;
        this.#open.add(volume);
        await this.#closeIdle();
        return file;
      } finally {
        volume.opening = undefined;
      }
    })();
    return volume.opening;
  }

  async #closeIdle(): Promise<void> {
    let excess = this.#open.size - this.#maxOpenFiles;
    for (const volume of this.#open) {
      if (excess <= 0) return;
      // The file that took un-synced writes must be the one that syncs them, to learn of errors.
      if (volume.users > 0 || volume.unsettled.size > 0) {
        this.#open.delete(volume);
        this.#open.add(volume);
      } else {
        await this.#close(volume);
      }
      excess--;
    }
  }

  async #close(volume: Volume): Promise<void> {
    const { file } = volume;
    volume.file = undefined;
    this.#open.delete(volume);
    await file?.close();
  }
}

export function pagesOf(bytes: number): number {
  return Math.ceil(bytes / pageBytes);
}

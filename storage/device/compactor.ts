/** Rewrites volumes in which little is still live, so that their space can be used again. */
import { isStoreError } from '../../base/errors.ts';
import { MiB } from '../../base/units.ts';
import type { FragmentId } from '../fragment/fragment.ts';
import { encodeHeader } from '../fragment/record.ts';
import type { Exclusive } from './exclusive.ts';
import { type FragmentIndex, IndexBatch } from './fragment-index.ts';
import type { Volume, VolumeTable } from './volume.ts';
import { volumeFolder, volumePath } from './volume-format.ts';
import { readVerifiedUnit, type RecordStep, scanVolume } from './volume-scan.ts';
import { type NewRecord, samePlace, type VolumeWriter } from './volume-writer.ts';
import type { Disk } from '../../base/disk.ts';

export interface CompactorOptions {
  readonly disk: Disk;
  readonly table: VolumeTable;
  readonly index: FragmentIndex;
  readonly lock: Exclusive;
  readonly writer: VolumeWriter;
  /** 32 hex digits. */
  readonly deviceUuid: string;
  /** Free space that must remain while copies and originals lie side by side. */
  readonly floorBytes: number;
  readonly onCorrupt: (id: FragmentId) => void;
}

export interface CompactionResult {
  /** Whether the volume is gone; false: it holds damaged live records, which were reported. */
  readonly removed: boolean;
  readonly movedBytes: number;
  readonly corrupt: readonly FragmentId[];
}

/** Below this share of live pages a sealed volume is worth rewriting. */
const worthwhileShare = 0.6;
/** Copied between two syncs: bounds memory. */
const copyBytes: number = 4 * MiB;
const listLimit = 1000;

export class Compactor {
  readonly #options: CompactorOptions;
  #running = false;

  constructor(options: CompactorOptions) {
    this.#options = options;
  }

  /** The sealed volume with the smallest live share, if that is under 60 %. */
  next(): number | undefined {
    let best: Volume | undefined;
    let bestShare = worthwhileShare;
    for (const volume of this.#options.table.all()) {
      if (!this.#mayCompact(volume) || volume.damaged) continue;
      const share = volume.livePages / Math.max(1, volume.pages - 1);
      if (share >= bestShare) continue;
      best = volume;
      bestShare = share;
    }
    return best?.id;
  }

  /**
   * Moves what is live and removes the volume. `pace` is awaited after each piece of work with the
   * bytes it read or wrote. Errors: `full`, `unavailable`; the volume then stays, and nothing is lost.
   */
  async run(id: number, pace: (bytes: number) => Promise<void>): Promise<CompactionResult> {
    const volume = this.#options.table.get(id);
    const nothing = { removed: false, movedBytes: 0, corrupt: [] };
    if (this.#running || volume === undefined || !this.#mayCompact(volume)) return nothing;
    this.#running = true;
    try {
      const moved = await this.#moveLive(volume, pace);
      const { corrupt } = moved;
      // By the account too: behind a torn record that claims more than it has live ones may be hidden.
      if (moved.gaps || volume.livePages > 0) {
        corrupt.push(...(await this.#unreachable(volume, moved.seen)));
      }
      if (corrupt.length > 0) {
        volume.damaged = true;
        for (const fragment of corrupt) this.#options.onCorrupt(fragment);
        return { removed: false, movedBytes: moved.bytes, corrupt };
      }
      await this.#removeVolume(volume);
      return { removed: true, movedBytes: moved.bytes, corrupt };
    } finally {
      this.#running = false;
    }
  }

  #mayCompact(volume: Volume): boolean {
    return volume.sealed && volume.unsettled.size === 0 && !this.#options.writer.isCurrent(volume);
  }

  async #moveLive(
    volume: Volume,
    pace: (bytes: number) => Promise<void>,
  ): Promise<{ bytes: number; gaps: boolean; seen: Set<number>; corrupt: FragmentId[] }> {
    const { table, deviceUuid } = this.#options;
    const corrupt: FragmentId[] = [];
    const found = { bytes: 0, gaps: false, seen: new Set<number>(), corrupt };
    const { id, pages } = volume;
    // Taken at their word, as most are dead, and reading all of those would cost as much as the volume.
    const isWhole = (): Promise<boolean> => Promise.resolve(true);
    const range = { deviceUuid, volume: id, fromPage: 1, toPage: pages, isWhole };
    let batch: NewRecord[] = [];
    let batchBytes = 0;
    const flush = async (): Promise<void> => {
      await this.#options.writer.append(batch, this.#options.floorBytes);
      await this.#options.writer.commit();
      found.bytes += batchBytes;
      await pace(2 * batchBytes);
      batch = [];
      batchBytes = 0;
    };
    await table.withFile(volume, async (file) => {
      for await (const step of scanVolume(file, range)) {
        if (step.type !== 'record') {
          found.gaps = true;
          continue;
        }
        if (!this.#isLive(volume, step)) continue;
        const { header, digests } = step.decoded;
        found.seen.add(step.page);
        try {
          const unit = await readVerifiedUnit(file, step.page, step.decoded);
          const movedFrom = { volume: volume.id, page: step.page, ...placeOf(step) };
          const { createdAt } = header;
          const headerPage = encodeHeader(header, digests);
          batch.push({ id: header, createdAt, headerPage, unit, movedFrom });
          batchBytes += unit.length;
        } catch (error) {
          if (!isStoreError(error, 'corrupt')) throw error;
          found.corrupt.push(idOf(header));
        }
        if (batchBytes >= copyBytes) await flush();
      }
      if (batch.length > 0) await flush();
    });
    return found;
  }

  #isLive(volume: Volume, step: RecordStep): boolean {
    const here = { volume: volume.id, page: step.page, ...placeOf(step) };
    return samePlace(this.#options.index.get(step.decoded.header), here);
  }

  /** Where pages could not be read as records, a live one may lie behind a damaged header: ask the whole index. */
  async #unreachable(volume: Volume, seen: ReadonlySet<number>): Promise<FragmentId[]> {
    const found: FragmentId[] = [];
    for (let after: FragmentId | undefined; ; ) {
      const entries = await this.#options.index.list({ after, limit: listLimit });
      for (const { id, place } of entries) {
        if (place.volume === volume.id && !seen.has(place.page)) found.push(id);
      }
      after = entries.at(-1)?.id;
      if (entries.length < listLimit) return found;
    }
  }

  async #removeVolume(volume: Volume): Promise<void> {
    const { disk, table, lock, writer } = this.#options;
    try {
      await lock.run(() => {
        const batch = new IndexBatch();
        batch.putUsage(volume.id, { pages: volume.pages, livePages: 0 });
        return writer.writeSynced(batch);
      });
      await table.retire(volume);
      await disk.remove(volumePath(volume.id));
      await disk.syncDirectory(volumeFolder);
      writer.forgetVolume(volume.id);
    } catch (error) {
      throw writer.fail(error);
    }
  }
}

function placeOf(step: RecordStep): { unitLength: number; createdAt: number } {
  const { unitLength, createdAt } = step.decoded.header;
  return { unitLength, createdAt };
}

function idOf(id: FragmentId): FragmentId {
  return { objectId: id.objectId, stripe: id.stripe, index: id.index };
}

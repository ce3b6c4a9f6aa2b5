/**
 * What opening a device does with its volumes: finds them, reads what the index may have lost
 * (docs/format/volume.md), and syncs it before the index says so.
 */
import type { Disk, DiskFile } from '../../base/disk.ts';
import { isStoreError } from '../../base/errors.ts';
import type { FragmentHeader, FragmentId } from '../fragment/fragment.ts';
import { pageBytes, recordBytes } from '../fragment/record.ts';
import { type FragmentIndex, type FragmentPlace, IndexBatch } from './fragment-index.ts';
import { pagesOf, Volume, type VolumeTable } from './volume.ts';
import { decodeVolumeHeader, volumeFolder, volumeOfName, volumePath } from './volume-format.ts';
import { readVerifiedUnit, type RecordStep, scanVolume } from './volume-scan.ts';
import { samePlace } from './volume-writer.ts';

export interface Recovered {
  /** A volume with room, to go on with. */
  readonly current: Volume | undefined;
  readonly nextVolumeId: number;
  /** Records that the index did not know, or knew elsewhere. */
  readonly entered: number;
  /** Entries that pointed at volumes whose files are gone. */
  readonly dropped: number;
  /** Volumes that the index knows and whose files are gone: the writer forgets them in time. */
  readonly lostVolumes: readonly number[];
  /** Files that belong to another device: left alone. */
  readonly foreignVolumes: readonly number[];
}

interface RecoveryOptions {
  readonly disk: Disk;
  readonly index: FragmentIndex;
  /** Filled here. */
  readonly table: VolumeTable;
  /** 32 hex digits. */
  readonly deviceUuid: string;
  readonly volumeBytes: number;
}

const sweepLimit = 1000;

/** Nobody else uses the index meanwhile. Errors: those of the disk, `unavailable` of the index. */
export async function recoverVolumes(options: RecoveryOptions): Promise<Recovered> {
  const { disk, index, table, deviceUuid } = options;
  await disk.makeDirectory(volumeFolder);
  await disk.syncDirectory('');
  // Names that an earlier process created and did not sync are durable before we count on them.
  await disk.syncDirectory(volumeFolder);
  const known = await index.volumes();
  const ids = (await disk.list(volumeFolder)).map(volumeOfName).filter((id) => id !== undefined);
  const present = new Set(ids);
  const foreignVolumes: number[] = [];
  let entered = 0;
  let current: Volume | undefined;
  for (const id of ids) {
    const file = await disk.open(volumePath(id));
    if (file === undefined) continue;
    try {
      const state = await inspect(file, id, deviceUuid);
      if (state.kind === 'foreign') {
        foreignVolumes.push(id);
        continue;
      }
      const { usage, checkpoint } = known.get(id) ?? {};
      const volume = new Volume(id, { pages: state.pages, sealed: true });
      volume.livePages = usage?.livePages ?? 0;
      volume.checkpointPages = checkpoint ?? 0;
      // A hole at its end that a full disk left: a record placed in it would lie before the checkpoint.
      volume.pages = Math.max(volume.pages, volume.checkpointPages);
      table.add(volume);
      const isPresent = (other: number): boolean => present.has(other);
      entered += await readTail(file, volume, { ...options, isPresent });
      current = state.kind === 'ours' ? volume : undefined;
    } finally {
      await file.close();
    }
  }
  const lost = [...known.keys()].filter((id) => !present.has(id));
  const dropped = lost.length === 0 ? 0 : await dropLost(index, new Set(lost));
  // Half a volume of room is worth going on; less is left to the compactor.
  if (current !== undefined && current.pages * pageBytes * 2 <= options.volumeBytes) {
    current.sealed = false;
  } else {
    current = undefined;
  }
  const highest = Math.max(0, ...ids, ...known.keys());
  const nextVolumeId = highest + 1;
  return { current, nextVolumeId, entered, dropped, lostVolumes: lost, foreignVolumes };
}

/** `damaged`: its header is unreadable, which a crash at its creation may cause; its records still count. */
async function inspect(
  file: DiskFile,
  id: number,
  deviceUuid: string,
): Promise<{ readonly kind: 'ours' | 'damaged' | 'foreign'; readonly pages: number }> {
  const pages = Math.max(1, pagesOf(await file.size()));
  const page = new Uint8Array(pageBytes);
  try {
    await file.read(0, page);
  } catch (error) {
    if (!isStoreError(error, 'corrupt')) throw error;
  }
  const header = decodeVolumeHeader(page);
  if (header === undefined) return { kind: 'damaged', pages };
  if (header.deviceUuid !== deviceUuid) return { kind: 'foreign', pages };
  return { kind: header.volume === id ? 'ours' : 'damaged', pages };
}

/** Enters what lies behind the checkpoint and is not in the index. Returns how many records that were. */
async function readTail(
  file: DiskFile,
  volume: Volume,
  options: RecoveryOptions & { readonly isPresent: (volume: number) => boolean },
): Promise<number> {
  const { index, table, deviceUuid } = options;
  const fromPage = Math.max(1, volume.checkpointPages);
  if (fromPage >= volume.pages) return 0;
  const batch = new IndexBatch();
  const entered = new Map<string, FragmentPlace>();
  const touched = new Set([volume]);
  const known = (header: FragmentHeader): FragmentPlace | undefined =>
    entered.get(nameOf(header)) ?? index.get(header);
  const isWhole = async (step: RecordStep): Promise<boolean> => {
    // What the index points at was synced before it did.
    if (samePlace(known(step.decoded.header), { volume: volume.id, page: step.page })) return true;
    return isVerified(file, step);
  };
  const range = { deviceUuid, volume: volume.id, fromPage, toPage: volume.pages, isWhole };
  for await (const step of scanVolume(file, range)) {
    // What is appended from now on comes after the place that a torn record was given: a header that
    // outlived its unit must not hide others.
    if (step.type === 'cut') volume.pages = Math.max(volume.pages, step.endPage);
    if (step.type !== 'record') continue;
    const { header } = step.decoded;
    const before = known(header);
    if (before !== undefined && !isLater(volume.id, step.page, before, options.isPresent)) continue;
    const pages = pagesOf(recordBytes(header.unitLength));
    const old = before === undefined ? undefined : table.get(before.volume);
    old?.release(pages);
    if (old !== undefined) touched.add(old);
    volume.livePages += pages;
    const { unitLength, createdAt } = header;
    const place = { volume: volume.id, page: step.page, unitLength, createdAt };
    entered.set(nameOf(header), place);
    batch.put(header, place);
  }
  // What the process before us left un-synced must not be lost after the index has it.
  await file.sync();
  for (const each of touched) batch.putUsage(each.id, each);
  await index.write(batch, { synced: false });
  return entered.size;
}

function nameOf({ objectId, stripe, index }: FragmentId): string {
  return `${objectId} ${stripe} ${index}`;
}

function isLater(
  volume: number,
  page: number,
  than: FragmentPlace,
  isPresent: (volume: number) => boolean,
): boolean {
  if (!isPresent(than.volume)) return true;
  return volume > than.volume || (volume === than.volume && page > than.page);
}

/** A record that never was acknowledged may be torn: only whole ones are entered. */
async function isVerified(file: DiskFile, step: RecordStep): Promise<boolean> {
  try {
    await readVerifiedUnit(file, step.page, step.decoded);
    return true;
  } catch (error) {
    if (isStoreError(error, 'corrupt')) return false;
    throw error;
  }
}

/** Entries of volumes whose files are gone: the device does not hold these fragments, and says so. */
async function dropLost(index: FragmentIndex, lost: ReadonlySet<number>): Promise<number> {
  let dropped = 0;
  // Also for volumes counted as empty: a power loss may have brought back entries removed before.
  for (let after: FragmentId | undefined; ; ) {
    const entries = await index.list({ after, limit: sweepLimit });
    const batch = new IndexBatch();
    for (const { id, place } of entries) {
      if (!lost.has(place.volume)) continue;
      batch.remove(id);
      dropped++;
    }
    await index.write(batch, { synced: false });
    after = entries.at(-1)?.id;
    if (entries.length < sweepLimit) return dropped;
  }
}

import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { invariant } from '../../../../base/invariant.ts';
import { KiB } from '../../../../base/units.ts';
import type { KeyValueStore } from '../../../../storage/device/fragment-index.ts';
import type { DeviceFragmentStore } from '../../../../storage/device/fragment-store.ts';
import type { FragmentId } from '../../../../storage/fragment/fragment.ts';
import { digestSubBlocks } from '../../../../storage/fragment/digest.ts';
import { encodeHeader, pageBytes, placeHeader } from '../../../../storage/fragment/record.ts';
import { SimDisk } from '../../../sim/disk.ts';
import { bytesOf, deviceUuid, fragment, memoryIndex, openStore } from './device-fixture.ts';

const path = 'volumes/00000001.vol';
/** Two pages each, with their headers; a torn one claims three or more. */
const smallBytes = 4000;
const noPace = async (): Promise<void> => undefined;

async function add(store: DeviceFragmentStore, seeds: readonly number[]): Promise<void> {
  for (const seed of seeds) await store.append([fragment(seed, smallBytes)]);
  await store.commit();
}

async function expectAll(store: DeviceFragmentStore, seeds: readonly number[]): Promise<void> {
  for (const seed of seeds) {
    const read = await store.read(fragment(seed, 1).header);
    expect(read?.bytes, `fragment ${seed}`).toEqual(bytesOf(seed, smallBytes));
  }
}

/** A power cut leaves the header of a record that was never acknowledged, and the file ends behind it; then others are written. */
async function torn(): Promise<{
  disk: SimDisk;
  index: KeyValueStore;
  store: DeviceFragmentStore;
  corrupt: FragmentId[];
}> {
  const disk = new SimDisk();
  const index = memoryIndex();
  const before = await openStore(disk, index);
  await add(before, [0]);
  await before.append([fragment(1, 2 * pageBytes)]);
  const headerSectors = pageBytes / 512;
  disk.crashWith(() => ({ sectors: (place) => place < headerSectors }));
  const corrupt: FragmentId[] = [];
  const onCorrupt = (id: FragmentId): number => corrupt.push(id);
  const store = await openStore(disk, index, { onCorrupt });
  await add(store, [2, 3]);
  return { disk, index, store, corrupt };
}

/** What a release did that went on right behind a torn record: one at the first page claims four, and hides the second. */
async function hidden(): Promise<SimDisk> {
  const disk = new SimDisk();
  const store = await openStore(disk, memoryIndex());
  await add(store, [0, 1, 2]);
  await store.close();
  const { header, unit } = fragment(9, 3 * pageBytes);
  const page = encodeHeader(header, digestSubBlocks(unit));
  placeHeader(page, { deviceUuid, volume: 1, page: 1 });
  const file = await disk.open(path);
  invariant(file !== undefined, 'the volume is there');
  await file.writeDurably(pageBytes, [page]);
  return disk;
}

async function copyOf(index: KeyValueStore): Promise<KeyValueStore> {
  const copy = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
  });
  for await (const [key, value] of index.iterator({})) await copy.put(key, value);
  return copy;
}

describe('a record of which a crash left the header alone', () => {
  it('hides nothing that is written after it when the index is lost', async () => {
    const { disk, index, store } = await torn();
    await store.close();
    const again = await openStore(disk, index, { rebuild: true });
    await expectAll(again, [0, 2, 3]);
    expect(await again.has([fragment(1, 1).header])).toEqual([false]);
  });

  it('hides nothing that is written after it from the compactor', async () => {
    const { store, corrupt } = await torn();
    await store.append([fragment(4, 60 * KiB)]);
    await store.commit();
    await store.removeOne(fragment(0, 1).header);
    await store.removeOne(fragment(3, 1).header);
    expect(await store.compactVolume(1, noPace)).toMatchObject({ removed: true });
    expect(corrupt).toEqual([]);
    await expectAll(store, [2]);
  });

  it('does not hide what already lies in the pages that it claims', async () => {
    const store = await openStore(await hidden(), memoryIndex());
    await expectAll(store, [1, 2]);
    expect(await store.has([0, 9].map((seed) => fragment(seed, 1).header))).toEqual([false, false]);
  });

  it('does not let a volume be removed in which it hides something', async () => {
    const corrupt: FragmentId[] = [];
    const onCorrupt = (id: FragmentId): number => corrupt.push(id);
    const store = await openStore(await hidden(), memoryIndex(), { onCorrupt });
    await store.append([fragment(4, 60 * KiB)]);
    await store.commit();
    await store.removeOne(fragment(2, 1).header);
    expect(await store.compactVolume(1, noPace)).toMatchObject({ removed: false });
    const { objectId, stripe, index } = fragment(1, 1).header;
    expect(corrupt).toEqual([{ objectId, stripe, index }]);
    await expectAll(store, [1]);
  });
});

describe('a hole that a full disk leaves at the end of a volume', () => {
  it('is not written into: what lies before the checkpoint is never looked for again', async () => {
    const disk = new SimDisk();
    const index = memoryIndex();
    const first = await openStore(disk, index, { reserveBytes: 0 });
    await add(first, [0]);
    const { capacityBytes } = disk;
    const { freeBytes } = await disk.space();
    disk.capacityBytes = capacityBytes - freeBytes;
    await expect(first.append([fragment(1, 30 * KiB)])).rejects.toMatchObject({ kind: 'full' });
    disk.capacityBytes = capacityBytes;
    await first.close();
    const synced = await copyOf(index);
    const second = await openStore(disk, index);
    await add(second, [2]);
    // The volume is durable, and what the index was told since its last sync is lost.
    disk.crashWith(() => 'lost');
    const third = await openStore(disk, synced);
    await expectAll(third, [0, 2]);
  });
});

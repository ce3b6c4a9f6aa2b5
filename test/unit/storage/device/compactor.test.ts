import { describe, expect, it } from 'vitest';
import { KiB } from '../../../../base/units.ts';
import type { FragmentId } from '../../../../storage/fragment/fragment.ts';
import type { DeviceFragmentStore } from '../../../../storage/device/fragment-store.ts';
import { SimDisk } from '../../../sim/disk.ts';
import { bytesOf, fragment, memoryIndex, openStore } from './device-fixture.ts';

const noPace = async (): Promise<void> => undefined;
const idOf = (seed: number): FragmentId => {
  const { objectId, stripe, index } = fragment(seed, 1).header;
  return { objectId, stripe, index };
};

/** Twelve fragments in volumes of three (1, 2, 3, 4), and a current volume 5. */
async function filled(): Promise<{
  disk: SimDisk;
  store: DeviceFragmentStore;
  corrupt: FragmentId[];
}> {
  const disk = new SimDisk();
  const corrupt: FragmentId[] = [];
  const onCorrupt = (id: FragmentId): number => corrupt.push(id);
  const store = await openStore(disk, memoryIndex(), { onCorrupt });
  for (let i = 0; i < 13; i++) await store.append([fragment(i, 12_000)]);
  await store.commit();
  return { disk, store, corrupt };
}

async function expectAll(store: DeviceFragmentStore, seeds: readonly number[]): Promise<void> {
  for (const i of seeds) expect((await store.read(idOf(i)))?.bytes).toEqual(bytesOf(i, 12_000));
}

describe('compaction', () => {
  it('leaves volumes alone that are mostly live, or still written to', async () => {
    const { store } = await filled();
    expect(store.nextCompaction()).toBeUndefined();
    await store.removeOne(idOf(0));
    await store.removeOne(idOf(12));
    expect(store.nextCompaction()).toBeUndefined();
    const current = await store.compactVolume(5, noPace);
    expect(current.removed).toBe(false);
    expect((await store.compactVolume(99, noPace)).removed).toBe(false);
  });

  it('moves what is live, empties the most wasteful first, and gives the space back', async () => {
    const { disk, store } = await filled();
    for (const i of [0, 1, 3, 4, 5]) await store.removeOne(idOf(i));
    expect(store.nextCompaction()).toBe(2);
    let paced = 0;
    const pace = async (bytes: number): Promise<void> => void (paced += bytes);
    expect(await store.compactVolume(2, pace)).toMatchObject({ removed: true, movedBytes: 0 });
    expect(store.nextCompaction()).toBe(1);
    expect(await store.compactVolume(1, pace)).toMatchObject({ removed: true, movedBytes: 12_000 });
    expect(paced).toBe(24_000);
    expect(store.nextCompaction()).toBeUndefined();
    expect(await disk.list('volumes')).toEqual(['00000003.vol', '00000004.vol', '00000005.vol']);
    await expectAll(store, [2, 6, 7, 8, 9, 10, 11, 12]);
    expect(store.usage()).toMatchObject({ volumes: 3, liveBytes: 8 * 16 * KiB });
    await store.close();
    const again = await openStore(disk, memoryIndex());
    await expectAll(again, [2, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('reads and removes while it runs', async () => {
    const { store } = await filled();
    await store.removeOne(idOf(0));
    await store.removeOne(idOf(1));
    const [, read] = await Promise.all([
      store.compactVolume(1, async () => {
        await expectAll(store, [2]);
      }),
      store.read(idOf(2)),
      store.remove(idOf(6).objectId),
    ]);
    expect(read?.bytes).toEqual(bytesOf(2, 12_000));
    await expectAll(store, [2, 3, 4, 5, 7]);
    expect(await store.read(idOf(6))).toBeUndefined();
  });

  it('does not bring back what was removed or rewritten while it was copied', async () => {
    const { disk, store } = await filled();
    await store.removeOne(idOf(0));
    let once = false;
    disk.hook(({ type }) => {
      // At the sync of the copies: they are written, and not yet in the index.
      if (type !== 'sync' || once) return;
      once = true;
      void store.removeOne(idOf(1));
    });
    expect((await store.compactVolume(1, noPace)).removed).toBe(true);
    disk.hook(undefined);
    expect(once).toBe(true);
    expect(await store.read(idOf(1))).toBeUndefined();
    await expectAll(store, [2, 3]);
    expect(store.usage().liveBytes).toBe(11 * 16 * KiB);
  });

  it('reports damaged records and keeps their volume until they are repaired', async () => {
    const { disk, store, corrupt } = await filled();
    await store.removeOne(idOf(0));
    await store.removeOne(idOf(1));
    disk.flip('volumes/00000001.vol', 4096 + 2 * 16 * KiB + 4096 + 500);
    expect(store.nextCompaction()).toBe(1);
    expect(await store.compactVolume(1, noPace)).toEqual({
      removed: false,
      movedBytes: 0,
      corrupt: [idOf(2)],
    });
    expect(corrupt).toEqual([idOf(2)]);
    expect(store.nextCompaction()).toBeUndefined();
    expect(await disk.list('volumes')).toContain('00000001.vol');
    expect(await store.has([idOf(2)])).toEqual([true]);
    await store.append([fragment(2, 12_000)]);
    await store.commit();
    expect(store.nextCompaction()).toBe(1);
    expect((await store.compactVolume(1, noPace)).removed).toBe(true);
    await expectAll(store, [2, 3]);
  });

  it('does not lose sight of a live record whose header is damaged', async () => {
    const { disk, store, corrupt } = await filled();
    await store.removeOne(idOf(0));
    disk.flip('volumes/00000001.vol', 4096 + 16 * KiB + 60);
    const result = await store.compactVolume(1, noPace);
    expect(result).toMatchObject({ removed: false, corrupt: [idOf(1)], movedBytes: 12_000 });
    expect(corrupt).toEqual([idOf(1)]);
    await expectAll(store, [2]);
    await store.removeOne(idOf(1));
    expect(store.nextCompaction()).toBe(1);
    expect((await store.compactVolume(1, noPace)).removed).toBe(true);
  });

  it('runs once at a time', async () => {
    const { store } = await filled();
    for (const i of [0, 1, 3, 4]) await store.removeOne(idOf(i));
    const results = await Promise.all([
      store.compactVolume(1, noPace),
      store.compactVolume(2, noPace),
    ]);
    expect(results.map(({ removed }) => removed)).toEqual([true, false]);
  });
});

import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import { KiB } from '../../../../base/units.ts';
import { SimDisk } from '../../../sim/disk.ts';
import { bytesOf, fragment, memoryIndex, openStore } from './device-fixture.ts';

const noPace = async (): Promise<void> => undefined;

describe('a fragment store', () => {
  it('reads back what was committed, whole and in ranges', async () => {
    const store = await openStore(new SimDisk(), memoryIndex());
    const big = fragment(1, 200 * KiB + 17);
    const small = fragment(2, 1);
    expect(await store.read(big.header)).toBeUndefined();
    await store.append([big, small]);
    expect(await store.has([big.header, small.header])).toEqual([false, false]);
    await store.commit();
    expect(await store.has([big.header, small.header])).toEqual([true, true]);
    const read = await store.read(big.header);
    expect(read?.header).toEqual(big.header);
    expect(read?.bytes).toEqual(big.unit);
    expect((await store.read(small.header))?.bytes).toEqual(small.unit);
    const ranges = [
      [0, 0],
      [0, 1],
      [65_535, 2],
      [65_536, 65_536],
      [131_072, 5],
      [140_000, 60_000],
      [200 * KiB + 16, 1],
      [200 * KiB + 17, 0],
      [0, 200 * KiB + 17],
      [70_000, 0],
    ] as const;
    for (const [offset, length] of ranges) {
      const part = await store.read(big.header, { offset, length });
      expect(part?.bytes).toEqual(big.unit.subarray(offset, offset + length));
      expect(part?.header.key).toBe(big.header.key);
    }
    await expect(store.read(small.header, { offset: 1, length: 1 })).rejects.toMatchObject({
      kind: 'invalid-argument',
    });
  });

  it('shares one sync of each volume among all who wait', async () => {
    const disk = new SimDisk();
    const store = await openStore(disk, memoryIndex(), { volumeBytes: 1024 * KiB });
    await store.append([fragment(0, 100)]);
    await store.commit();
    let syncs = 0;
    disk.hook(({ type }) => {
      if (type === 'sync' || type === 'syncDirectory') syncs++;
    });
    await Promise.all(
      Array.from({ length: 50 }, async (_, i) => {
        await store.append([fragment(i + 1, 1000)]);
        await store.commit();
      }),
    );
    expect(syncs).toBeLessThanOrEqual(2);
    for (let i = 0; i <= 50; i++) expect(await store.read(fragment(i, 1).header)).toBeDefined();
  });

  it('fills volume after volume, and finds everything again when opened', async () => {
    const disk = new SimDisk();
    const index = memoryIndex();
    const store = await openStore(disk, index);
    const all = Array.from({ length: 40 }, (_, i) => fragment(i, 10_000 + i));
    await Promise.all(all.map((one) => store.append([one])));
    await store.append([fragment(100, 300 * KiB)]);
    await store.commit();
    await store.close();
    expect((await disk.list('volumes')).length).toBeGreaterThan(10);
    for (const options of [{}, { rebuild: true }]) {
      const again = await openStore(disk, index, options);
      expect(again.recovered.entered).toBe(options.rebuild === true ? 41 : 0);
      for (const { header, unit } of all) expect((await again.read(header))?.bytes).toEqual(unit);
      expect((await again.read(fragment(100, 1).header))?.bytes).toEqual(bytesOf(100, 300 * KiB));
      const live = 40 * 16 * KiB + 304 * KiB;
      expect(again.usage().liveBytes).toBe(live);
      await again.close();
    }
  });

  it('removes an object, one fragment, and what was not committed yet', async () => {
    const disk = new SimDisk();
    const store = await openStore(disk, memoryIndex());
    const objectId = 'ab'.repeat(16);
    const many = Array.from({ length: 30 }, (_, stripe) => fragment(5, 5000, { objectId, stripe }));
    await store.append(many.slice(0, 20));
    await store.append([fragment(1, 10)]);
    await store.commit();
    await store.append(many.slice(20));
    expect(await store.remove(objectId)).toBe(30);
    await store.commit();
    expect(await store.has(many.map(({ header }) => header))).toEqual(many.map(() => false));
    expect(await store.scan(undefined, 10)).toHaveLength(1);
    expect(store.usage().liveBytes).toBe(8 * KiB);
    await store.removeOne(fragment(1, 10).header);
    await store.removeOne(fragment(1, 10).header);
    expect(store.usage().liveBytes).toBe(0);
    expect(await store.read(fragment(1, 10).header)).toBeUndefined();
  });

  it('lists fragments in order, page by page', async () => {
    const store = await openStore(new SimDisk(), memoryIndex());
    const all = Array.from({ length: 25 }, (_, i) =>
      fragment(0, 10, {
        objectId: `${(i * 7) % 5}`.padStart(32, 'f'),
        stripe: 300 * Math.floor(i / 5),
      }),
    );
    await store.append(all);
    await store.commit();
    const seen: string[] = [];
    for (let after: Parameters<typeof store.scan>[0]; ; ) {
      const page = await store.scan(after, 4);
      seen.push(
        ...page.map(
          ({ objectId, stripe }) => `${objectId} ${stripe.toString(16).padStart(8, '0')}`,
        ),
      );
      after = page.at(-1);
      if (after === undefined) break;
    }
    expect(seen).toHaveLength(25);
    expect(seen).toEqual([...seen].sort());
  });

  it('keeps the newest of two records of one fragment', async () => {
    const disk = new SimDisk();
    const store = await openStore(disk, memoryIndex());
    await store.append([fragment(1, 20_000)]);
    await store.commit();
    disk.flip('volumes/00000001.vol', 4096 + 4096 + 10_000);
    await expect(store.read(fragment(1, 1).header)).rejects.toMatchObject({ kind: 'corrupt' });
    await store.append([fragment(1, 20_000)]);
    await store.append([fragment(1, 20_000)]);
    await store.commit();
    expect((await store.read(fragment(1, 1).header))?.bytes).toEqual(bytesOf(1, 20_000));
    expect(store.usage().liveBytes).toBe(24 * KiB);
    await store.close();
    const again = await openStore(disk, memoryIndex());
    expect((await again.read(fragment(1, 1).header))?.bytes).toEqual(bytesOf(1, 20_000));
  });

  it('verifies only what a range touches', async () => {
    const disk = new SimDisk();
    const store = await openStore(disk, memoryIndex());
    const { header, unit } = fragment(1, 256 * KiB);
    await store.append([{ header, unit }]);
    await store.commit();
    disk.flip('volumes/00000001.vol', 8192 + 130 * KiB);
    await expect(store.read(header)).rejects.toMatchObject({ kind: 'corrupt' });
    const range = { offset: 192 * KiB, length: 100 };
    expect((await store.read(header, range))?.bytes).toEqual(
      unit.subarray(192 * KiB, 192 * KiB + 100),
    );
    await expect(store.read(header, { offset: 128 * KiB, length: 1 })).rejects.toMatchObject({
      kind: 'corrupt',
    });
    disk.flip('volumes/00000001.vol', 4096 + 50);
    await expect(store.read(header, range)).rejects.toMatchObject({ kind: 'corrupt' });
  });
});

describe('a device in trouble', () => {
  it('answers full and keeps a reserve; deletes and compaction make room again', async () => {
    const disk = new SimDisk({ capacityBytes: 1024 * KiB });
    const store = await openStore(disk, memoryIndex());
    let stored = 0;
    const fill = async (): Promise<void> => {
      for (;;) {
        await store.append([fragment(stored, 10_000)]);
        await store.commit();
        stored++;
      }
    };
    await expect(fill()).rejects.toMatchObject({ kind: 'full' });
    expect((await disk.space()).freeBytes).toBeGreaterThanOrEqual(60 * KiB);
    expect(stored).toBeGreaterThan(40);
    for (let i = 0; i < stored; i += 2) await store.removeOne(fragment(i, 1).header);
    for (let id = store.nextCompaction(); id !== undefined; id = store.nextCompaction()) {
      expect((await store.compactVolume(id, noPace)).removed).toBe(true);
    }
    for (let i = 1; i < stored; i += 2) {
      expect((await store.read(fragment(i, 1).header))?.bytes).toEqual(bytesOf(i, 10_000));
    }
    await store.append([fragment(1000, 10_000)]);
    expect(store.failure).toBeUndefined();
  });

  it('survives a disk that fills up under it', async () => {
    const disk = new SimDisk({ capacityBytes: 600 * KiB });
    const store = await openStore(disk, memoryIndex(), { reserveBytes: 0 });
    await store.append([fragment(1, 10_000)]);
    await store.commit();
    const other = await disk.create('other');
    const { freeBytes } = await disk.space();
    await other.write(0, [new Uint8Array(freeBytes - 6000)]);
    await expect(store.append([fragment(2, 10_000)])).rejects.toMatchObject({ kind: 'full' });
    await other.truncate(0);
    await store.append([fragment(3, 10_000)]);
    await store.commit();
    expect(await store.has([2, 3].map((i) => fragment(i, 1).header))).toEqual([false, true]);
    await store.close();
    const again = await openStore(disk, memoryIndex(), { reserveBytes: 0 });
    expect(again.recovered.entered).toBe(2);
  });

  it.each(['sync', 'syncDirectory', 'write', 'create'] as const)(
    'takes no more writes after a failed %s, whatever comes after',
    async (type) => {
      const disk = new SimDisk();
      const failures: StoreError[] = [];
      const options = { onFailed: (cause: StoreError): number => failures.push(cause) };
      const store = await openStore(disk, memoryIndex(), options);
      const acknowledged: number[] = [];
      await store.append([fragment(0, 30_000)]);
      await store.commit();
      acknowledged.push(0);
      disk.hook((operation) => {
        if (operation.type !== type) return;
        disk.hook(undefined);
        throw new StoreError('corrupt', 'test', 'one error');
      });
      let error: unknown;
      for (let i = 1; i < 10 && error === undefined; i++) {
        await store
          .append([fragment(i, 30_000)])
          .then(() => store.commit())
          .then(() => acknowledged.push(i))
          .catch((thrown: unknown) => (error = thrown));
      }
      expect(error).toMatchObject({ kind: 'unavailable' });
      await expect(store.append([fragment(20, 10)])).rejects.toMatchObject({ kind: 'unavailable' });
      await expect(store.commit()).rejects.toMatchObject({ kind: 'unavailable' });
      await expect(store.remove(fragment(0, 1).header.objectId)).rejects.toMatchObject({
        kind: 'unavailable',
      });
      expect(failures).toHaveLength(1);
      for (const i of acknowledged) expect(await store.read(fragment(i, 1).header)).toBeDefined();
      await store.close();
    },
  );

  it('leaves the volume of another device alone', async () => {
    const disk = new SimDisk();
    const store = await openStore(disk, memoryIndex(), { deviceUuid: 'ff'.repeat(16) });
    await store.append([fragment(1, 10)]);
    await store.commit();
    await store.close();
    const ours = await openStore(disk, memoryIndex());
    expect(ours.recovered.foreignVolumes).toEqual([1]);
    await ours.append([fragment(2, 10)]);
    await ours.commit();
    expect(await ours.scan(undefined, 10)).toHaveLength(1);
    expect(await disk.list('volumes')).toEqual(['00000001.vol', '00000002.vol']);
  });

  it('does not claim fragments of a volume whose file is gone', async () => {
    const disk = new SimDisk();
    const index = memoryIndex();
    const store = await openStore(disk, index);
    const all = Array.from({ length: 12 }, (_, i) => fragment(i, 10_000));
    for (const one of all) await store.append([one]);
    await store.commit();
    await store.close();
    await disk.remove('volumes/00000002.vol');
    const again = await openStore(disk, index);
    expect(again.recovered.dropped).toBe(3);
    const held = await again.has(all.map(({ header }) => header));
    for (const [i, { header, unit }] of all.entries()) {
      if (held[i]) expect((await again.read(header))?.bytes).toEqual(unit);
    }
    expect(held.filter(Boolean)).toHaveLength(9);
  });

  it('refuses everything once closed', async () => {
    const store = await openStore(new SimDisk(), memoryIndex());
    await store.close();
    await store.close();
    await expect(store.commit()).rejects.toMatchObject({ kind: 'unavailable' });
  });
});

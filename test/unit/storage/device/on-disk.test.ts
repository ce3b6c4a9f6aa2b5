/** The same store on the real file system and `level`, as production runs it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { afterEach, expect, it } from 'vitest';
import { NodeDisk } from '../../../../base/node-disk.ts';
import { KiB } from '../../../../base/units.ts';
import { fragment, openStore } from './device-fixture.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

it('keeps fragments over a restart, a lost index, and compaction', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'torc-device-'));
  folders.push(folder);
  const disk = new NodeDisk(folder);
  const open = (name: string): Level<Uint8Array, Uint8Array> =>
    new Level(join(folder, name), { keyEncoding: 'view', valueEncoding: 'view' });
  const all = Array.from({ length: 30 }, (_, i) => fragment(i, 20_000 + i));
  const options = { volumeBytes: 256 * KiB, maxOpenFiles: 2 };

  const first = open('index');
  const store = await openStore(disk, first, options);
  await Promise.all(
    all.map(async (one) => {
      await store.append([one]);
      await store.commit();
    }),
  );
  for (let i = 0; i < 24; i += 2) await store.removeOne(fragment(i, 1).header);
  const kept = all.filter((_, i) => i % 2 === 1 || i >= 24);
  let removed = 0;
  for (let id = store.nextCompaction(); id !== undefined; id = store.nextCompaction()) {
    if ((await store.compactVolume(id, async () => undefined)).removed) removed++;
  }
  expect(removed).toBeGreaterThan(0);
  await store.close();
  await first.close();

  for (const name of ['index', 'fresh-index']) {
    const index = open(name);
    const again = await openStore(disk, index, options);
    for (const { header, unit } of kept) {
      expect((await again.read(header))?.bytes).toEqual(unit);
    }
    expect(await again.has(kept.map(({ header }) => header))).toEqual(kept.map(() => true));
    expect((await again.scan(undefined, 100)).length).toBeGreaterThanOrEqual(kept.length);
    await again.close();
    await index.close();
  }
});

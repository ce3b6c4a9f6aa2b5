/** Shards of which no replica is left come back from fragments alone. */
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/log.ts';
import { type RebuildReport, rebuildShards } from '../../../server/work/backup/rebuild.ts';
import { listed } from '../cell/fixture.ts';
import { Store } from '../rings/store.ts';

let store: Store;
afterEach(() => store.close());

function rebuild(givesUp = false): Promise<RebuildReport> {
  const { placement, coordinator, group } = store.cell;
  const parts = { placement, coordinator, group, clock: systemClock, logger: silentLogger };
  return rebuildShards(parts, givesUp);
}

async function backup(): Promise<void> {
  await store.until(async () => {
    while (await store.step('backup-keeper'));
    const { shards, followed } = store.cell.workers.backupKeeper?.counts ?? {};
    return shards === followed;
  });
}

test('objects of any size come back as the last backup had them', {
  timeout: 120_000,
}, async () => {
  store = new Store(4, listed({ scheme: 'ec:2+1' }), { backupMillis: 0 });
  await store.open();
  for (let i = 0; i < 20; i++) await store.put(`k${i}`, i % 2 === 0 ? 100 : 20_000);
  await backup();
  await store.put('later', 50);
  await backup();
  await store.close();
  await store.machine.loseMetadata();
  await store.open();
  const report = await rebuild();
  expect(report).toMatchObject({ shardsLost: 0, shardsUnknown: 0, shardsGood: 0, objects: 21 });
  expect(await store.wrong()).toEqual([]);
});

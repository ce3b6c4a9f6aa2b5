/** Shards of which no replica is left come back from fragments alone. */
import { afterEach, expect, test } from 'vitest';
import { systemClock } from '../../../base/clock.ts';
import { BusyStore } from './busy-store.ts';

let store: BusyStore;
afterEach(() => store.close());

async function openBusy(seed: number): Promise<void> {
  store = new BusyStore(seed);
  await store.open();
  await store.makeContainers();
}

test.each([1, 2, 3])(
  'all that the backups had comes back, and nothing else (seed %i)',
  {
    timeout: 120_000,
  },
  async (seed) => {
    await openBusy(seed);
    // Rows are copied while they change.
    await store.use(60);
    await store.backUp();
    for (let round = 0; round < 2; round++) {
      await store.use(30);
      await store.backUp();
      const written = await store.written();
      await store.lose();
      await store.open();
      await expect(store.written()).rejects.toThrow();
      const report = await store.rebuild();
      expect(report).toMatchObject({ shardsGood: 0, shardsUnknown: 0, shardsLost: 0 });
      expect(await store.written()).toEqual(written);
      const { containers, objects, bytes } = report;
      const { usage } = await accountOf(written);
      expect({ containers, objects, bytes }).toEqual(usage);
      expect(await store.count()).toMatchObject({ bodiesLost: 0, fragmentsMissing: 0 });
    }
  },
);

async function accountOf(written: ReadonlyMap<string, unknown>) {
  const { usage } = written.get('account') as { usage: Record<string, unknown> };
  const { containers, objects, bytes } = usage;
  return { usage: { containers, objects, bytes } };
}

test('what came after the last backup is undone: new objects are gone, deleted ones are back', {
  timeout: 120_000,
}, async () => {
  await openBusy(4);
  await store.use(40);
  await store.backUp();
  const written = await store.written();
  await store.useWithoutWork(20);
  await store.putLarge('only its fragments are left');
  expect(await store.written()).not.toEqual(written);
  await store.lose();
  await store.open();
  const { bodiesNotNamed = 0 } = await store.rebuild();
  expect(bodiesNotNamed).toBeGreaterThan(0);
  expect(await store.written()).toEqual(written);
  // A chain goes on where it ended, past the piece that the lost commits would have become.
  await store.use(20);
  await store.backUp();
  const later = await store.written();
  await store.lose();
  await store.open();
  expect(await store.rebuild()).toMatchObject({ shardsLost: 0 });
  expect(await store.written()).toEqual(later);
});

test('shards that have a replica are left alone; one that may have is given up only when told to', {
  timeout: 120_000,
}, async () => {
  await openBusy(5);
  await store.use(40);
  await store.backUp();
  const written = await store.written();
  const whole = store.cell.coordinator.current().shards.length;
  expect(await store.rebuild(true)).toMatchObject({ shardsGood: whole, shardsRebuilt: 0 });
  // Two replicas of each shard are on three devices: one keeps its log.
  await store.lose([0, 1, 2]);
  await store.open([3]);
  const away = await store.rebuild();
  expect(away).toMatchObject({ shardsGood: 0, shardsLost: 0 });
  expect(away.shardsUnknown).toBeGreaterThan(0);
  expect(away.shardsUnknown + away.shardsRebuilt).toBe(whole);
  await store.close();
  await store.open();
  // The device is back: what it has is good, and nothing is left to be made.
  expect(await store.rebuild()).toMatchObject({ shardsGood: whole, shardsRebuilt: 0 });
  expect(await store.written()).toEqual(written);
  await store.lose([0, 1, 2]);
  await store.open([3]);
  expect(await store.rebuild(true)).toMatchObject({ shardsUnknown: 0, shardsLost: 0 });
  expect(await store.written()).toEqual(written);
});

test('the map may be older than the backups: an older one was put back', {
  timeout: 120_000,
}, async () => {
  await openBusy(8);
  await store.use(40);
  const older = store.cell.coordinator.current();
  // Every start is a new epoch of each shard.
  for (let starts = 0; starts < 3; starts++) {
    await store.close();
    await store.open();
    await store.use(20);
    await store.backUp();
  }
  const written = await store.written();
  await store.lose();
  await store.machine.setMapBack(older);
  await store.open();
  expect(await store.rebuild()).toMatchObject({ shardsUnknown: 0, shardsLost: 0 });
  expect(await store.written()).toEqual(written);
  await store.use(20);
  await store.close();
  await store.open();
  expect(await store.rebuild()).toMatchObject({ shardsRebuilt: 0, shardsUnknown: 0 });
});

test('a piece that cannot be read costs what follows it, not the shard', {
  timeout: 120_000,
}, async () => {
  await openBusy(6);
  await store.use(40);
  await store.backUp();
  const written = await store.written();
  const since = systemClock.now();
  await store.useWithoutWork(20);
  await store.backUp();
  await store.lose();
  await store.open();
  expect(await store.spoilPieces(since)).toBeGreaterThan(0);
  expect(await store.rebuild()).toMatchObject({ shardsLost: 0 });
  expect(await store.written()).toEqual(written);
});

test('a chain that has grown long is begun anew, and what it takes the place of is freed', {
  timeout: 120_000,
}, async () => {
  await openBusy(7);
  let most = 0;
  for (let i = 0; i < 140; i++) {
    await store.putSmall(`k${i}`);
    await store.backUp();
    most = Math.max(most, await store.pieces());
  }
  // Eight shards have a piece or two each; that of the container had one for each object.
  expect(most).toBeGreaterThan(100);
  expect(await store.pieces()).toBeLessThan(60);
  await store.backUp();
  const { fragmentsUnclaimed, fragmentsNeeded, fragmentsHere } = await store.count();
  expect({ fragmentsUnclaimed, fragmentsHere }).toEqual({
    ...{ fragmentsUnclaimed: 0, fragmentsHere: fragmentsNeeded },
  });
  const written = await store.written();
  await store.lose();
  await store.open();
  await store.rebuild();
  expect(await store.written()).toEqual(written);
});

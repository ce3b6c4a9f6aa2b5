/** An independent count says what was really done to a store. */
import { afterEach, expect, test } from 'vitest';
import { type FsckReport, fsck } from '../../../server/work/fsck.ts';
import { listed } from '../cell/fixture.ts';
import { Store } from './store.ts';

let store: Store;
afterEach(() => store.close());

function check(): Promise<FsckReport> {
  const { placement, work, group } = store.cell;
  const devices = store.cell.devices().map(({ id, fragments }) => ({ id, store: fragments }));
  return fsck({ placement, own: work, all: group, devices: () => devices });
}

test('it counts what is needed, good, missing, elsewhere, unclaimed and lost', {
  timeout: 120_000,
}, async () => {
  store = new Store(4, listed({ scheme: 'ec:2+1' }));
  const { cell } = { cell: await store.open() };
  for (let i = 0; i < 5; i++) await store.put(`k${i}`, 40_000);
  // Stripes of 16 KiB: three of three fragments a body.
  const whole = { bodies: 5, fragmentsNeeded: 45, fragmentsGood: 45, fragmentsHere: 45 };
  const none = { fragmentsElsewhere: 0, fragmentsBad: 0, fragmentsMissing: 0, bodiesLost: 0 };
  expect(await check()).toMatchObject({ ...whole, ...none, fragmentsUnclaimed: 0 });
  const [device] = cell.devices();
  const [first] = (await device?.fragments.scan(undefined, 1)) ?? [];
  if (first === undefined) throw new Error('the device holds nothing');
  await device?.fragments.removeOne(first);
  expect(await check()).toMatchObject({ fragmentsGood: 44, fragmentsMissing: 1, bodiesLost: 0 });
  for (const { fragments } of cell.devices()) {
    const ids = await fragments.scan(undefined, 1000);
    for (const id of ids) {
      if (id.objectId === first.objectId && id.stripe === first.stripe)
        await fragments.removeOne(id);
    }
  }
  expect(await check()).toMatchObject({ fragmentsGood: 42, fragmentsMissing: 3, bodiesLost: 1 });
  // A ring that changes: what has not moved yet is elsewhere, and counted there.
  const at = { region: 'r1', zone: 'z1', node: 'n1', path: '/device-new' };
  await cell.rings.changes.apply([{ type: 'add', at, weight: 1 }], false);
  await store.until(async () => {
    // The steward waits for moments to pass between its steps.
    while (await store.step('ring-steward'));
    if ((await check()).fragmentsElsewhere > 0) return true;
    await store.step('rebalancer');
    return false;
  });
  const { fragmentsGood, fragmentsElsewhere, fragmentsMissing } = await check();
  expect(fragmentsGood + fragmentsElsewhere + fragmentsMissing).toBe(45);
  const stray = await cell.bodies.write(
    { account: 'a', container: 'c', containerId: '22'.repeat(16), key: 'k', policy: 'ec:2+1' },
    (async function* () {
      yield new Uint8Array(1000);
    })(),
  );
  expect(stray.missing).toEqual([]);
  expect(await check()).toMatchObject({ fragmentsUnclaimed: 3 });
});

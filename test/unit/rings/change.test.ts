/** Rings that change under stored bodies: a real cell, its workers stepped by hand. */
import { afterEach, expect, test } from 'vitest';
import { deviceId, micros } from '../../../base/units.ts';
import type { DeviceChange } from '../../../server/rings/plan.ts';
import { listed } from '../cell/fixture.ts';
import { Store } from './store.ts';

const at = { region: 'r1', zone: 'z1', node: 'n1', path: '/device-new' };
const added: DeviceChange = { type: 'add', at, weight: 1 };
const four = listed({ scheme: 'ec:2+1' }, { scheme: 'replica:2' });

const patient = { timeout: 180_000 };

let store: Store;
afterEach(() => store.close());

async function filled(devices: number, bodies = 30): Promise<Store> {
  store = new Store(devices, four);
  await store.open();
  for (let i = 0; i < bodies; i++) await store.put(`k${i}`, 300 + i * 3001);
  return store;
}

/** What every stripe of every body needs, and nothing more, is there; and it is where it belongs. */
async function expectWhole(): Promise<void> {
  expect(await store.wrong()).toEqual([]);
  store.cell.workers.reconciler.request();
  while (await store.step('reconciler'));
  const { report } = store.cell.workers.reconciler;
  expect(report?.degradedBodies).toBe(0);
  expect(report?.fragmentsHome).toBe(report?.fragmentsNeeded);
  const counts = [...(await store.fragments()).values()];
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(report?.fragmentsNeeded);
}

test(
  'a device that is added gets its share, one that is drained keeps nothing',
  patient,
  async () => {
    await filled(4);
    const [id = deviceId(0)] = await store.cell.rings.changes.apply([added], false);
    expect(id).toBe(5);
    await store.settle();
    await expectWhole();
    const shares = await store.fragments();
    const total = [...shares.values()].reduce((sum, count) => sum + count, 0);
    expect((shares.get(id) ?? 0) / total).toBeGreaterThan(0.12);
    await store.cell.rings.changes.apply(
      [{ type: 'weight', device: deviceId(1), weight: 0 }],
      false,
    );
    await store.settle();
    await expectWhole();
    expect((await store.fragments()).get(deviceId(1))).toBe(0);
    // It is as the map says, also after a restart that was told nothing of the new device.
    await store.open();
    await expectWhole();
  },
);

test('bodies stay readable, and are written, at every step of a change', patient, async () => {
  await filled(4, 12);
  await store.cell.rings.changes.apply([added], false);
  let steps = 0;
  let both = 0;
  for (let n = 0; !store.isSettled || steps < 5; n++) {
    await store.stepAll('ring-steward', 'rebalancer');
    steps++;
    const { policies } = store.cell.coordinator.current();
    if (policies.some(({ former }) => former !== undefined)) both++;
    // A ring is given up some moments after the last write by it: few, so that it does not take long.
    if (n === 5 || n === 20) await store.put(`during${n}`, 20_000);
    expect(await store.wrong()).toEqual([]);
  }
  expect(both).toBeGreaterThan(20);
  await expectWhole();
});

test('a change goes on after a restart at any moment', patient, async () => {
  await filled(4);
  await store.cell.rings.changes.apply([added], false);
  for (let round = 1; !store.isSettled || round < 4; round++) {
    for (let n = 0; n < round * 3; n++) await store.stepAll('ring-steward', 'rebalancer');
    await store.open();
    expect(await store.wrong()).toEqual([]);
  }
  await expectWhole();
});

test('a device that is away is removed: what it held is rebuilt elsewhere', patient, async () => {
  await filled(5);
  await store.open([1]);
  await store.cell.rings.changes.apply([{ type: 'remove', device: deviceId(2) }], false);
  await store.settle();
  await expectWhole();
});

test(
  'a device that is removed leaves the map when nothing of the cluster is on it',
  patient,
  async () => {
    await filled(5);
    const device = deviceId(1);
    await store.cell.rings.changes.apply([{ type: 'remove', device }], false);
    await store.settle();
    await store.until(async () => {
      await store.stepAll('ring-steward', 'shard-repair');
      return store.cell.coordinator.current().devices.every(({ id }) => id !== device);
    });
    await expectWhole();
    const { shards, lastDevice } = store.cell.coordinator.current();
    for (const { replicas, inSync } of shards) {
      expect(replicas).not.toContain(device);
      expect(inSync).toHaveLength(replicas.length);
    }
    expect(lastDevice).toBe(5);
  },
);

test(
  'a body that was written by a ring which is not read any more is refused',
  patient,
  async () => {
    await filled(4);
    const { cell } = store;
    const [policy] = cell.placement.all();
    const containerId = '22'.repeat(16);
    const target = { account: 'a', container: 'c', containerId, key: 'k' };
    const chunks = (async function* () {
      yield new Uint8Array(1000);
    })();
    const stored = await cell.bodies.write({ ...target, policy: policy?.name ?? '' }, chunks);
    expect(stored.ring).toBe(1);
    await cell.rings.changes.apply([added], false);
    const stage = (part: typeof stored) =>
      cell.rows.execute({
        ...{ type: 'move.stage-part', containerId, key: 'k', stagedId: part.objectId },
        part: {
          ...{ partNumber: 1, size: 1000, etag: '', modifiedAt: micros(0), checksums: [] },
          body: { type: 'stored', stored: part },
        },
      });
    // While the ring by which it was written is read it is taken, and moves like all others.
    while (cell.placement.policy(stored.policy).former.length === 0)
      await store.step('ring-steward');
    expect(await stage(stored)).toBe(true);
    await store.settle();
    const late = { ...stored, objectId: '33'.repeat(16) };
    await expect(stage(late)).rejects.toMatchObject({ kind: 'unavailable' });
    expect(await stage({ ...late, ring: cell.placement.policy(stored.policy).ring.version })).toBe(
      true,
    );
  },
);

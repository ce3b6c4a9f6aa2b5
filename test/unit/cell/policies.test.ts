import { expect, test } from 'vitest';
import { deviceId } from '../../../base/units.ts';
import { applyPolicies, createPolicy } from '../../../server/cell/policies.ts';
import type { Cell } from '../../../server/cell/cell.ts';
import { decodeRing } from '../../../ring/ring-file.ts';
import { listed, Machine } from './fixture.ts';

const standard = { type: 'standard', scheme: undefined } as const;

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function write(cell: Cell, policy: string, bytes: Uint8Array) {
  const target = { account: 'a', container: 'c', containerId: '11'.repeat(16), key: 'k', policy };
  return cell.bodies.write(target, chunksOf(bytes));
}

async function readAll(cell: Cell, stored: Awaited<ReturnType<typeof write>>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of cell.bodies.read(stored, 0, stored.size)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Devices that hold a fragment of the body. */
async function holders(cell: Cell, objectId: string): Promise<number> {
  let count = 0;
  for (const device of cell.devices()) {
    const ids = await device.fragments.scan(undefined, 1000);
    if (ids.some((id) => id.objectId === objectId)) count++;
  }
  return count;
}

test('a new store offers a second policy where its metadata carries it', async () => {
  const namesOf = async (devices: number, scheme: string | undefined) => {
    const cell = await new Machine(devices).open({ type: 'standard', scheme });
    const { policies, defaultPolicy } = cell.coordinator.current();
    await cell.close();
    return [defaultPolicy, ...policies.map(({ name }) => name)];
  };
  expect(await namesOf(6, undefined)).toEqual(['ec:4+2', 'ec:4+2', 'replica:3']);
  expect(await namesOf(3, 'ec:2+1')).toEqual(['ec:2+1', 'ec:2+1']);
  expect(await namesOf(3, 'replica:3')).toEqual(['replica:3', 'replica:3']);
  expect(await namesOf(1, 'replica:1')).toEqual(['replica:1', 'replica:1']);
  await expect(new Machine(5).open(standard)).rejects.toThrow(/needs 6 devices, there are 5/);
});

test('each policy places bodies by its own scheme and ring, also one that came later', async () => {
  const machine = new Machine(6);
  const bytes = machine.random.bytes(100_000);
  const first = await machine.open(standard);
  const wide = await write(first, 'ec:4+2', bytes);
  await first.close();
  const second = await machine.open(
    listed({ scheme: 'ec:4+2' }, { name: 'pair', scheme: 'ec:2+1', aliases: ['small'] }),
  );
  const narrow = await write(second, 'pair', bytes);
  const copies = await write(second, 'replica:3', bytes);
  expect(await holders(second, wide.objectId)).toBe(6);
  expect(await holders(second, narrow.objectId)).toBe(3);
  expect(await holders(second, copies.objectId)).toBe(3);
  for (const stored of [wide, narrow, copies]) {
    expect(Buffer.compare(await readAll(second, stored), bytes)).toBe(0);
  }
  expect(second.bodies.policies.map(({ name, aliases }) => [name, aliases])).toEqual([
    ['ec:4+2', []],
    ['replica:3', ['replica-3']],
    ['pair', ['small']],
  ]);
  await second.close();
  // Started without the list, it is as the map says.
  const third = await machine.open(standard);
  expect(Buffer.compare(await readAll(third, narrow), bytes)).toBe(0);
  await third.close();
});

test('a listed default takes over, a deprecated policy stays readable, a scheme never changes', async () => {
  const machine = new Machine(6);
  await (await machine.open(standard)).close();
  const cell = await machine.open(
    listed({ name: 'new', scheme: 'ec:2+2' }, { scheme: 'ec:4+2', isDeprecated: true }),
  );
  expect(cell.bodies.defaultPolicy).toBe('new');
  expect(cell.bodies.policies.map(({ isDeprecated }) => isDeprecated)).toEqual([
    true,
    false,
    false,
  ]);
  await cell.close();
  const changed = listed({ name: 'new', scheme: 'ec:2+1' });
  await expect(machine.open(changed)).rejects.toThrow(/was made as ec:2\+2 and cannot become/);
  const wide = listed({ scheme: 'ec:4+2' }, { scheme: 'ec:8+4' });
  await expect(machine.open(wide)).rejects.toThrow(/needs 12 devices, there are 6/);
  const other = { type: 'standard', scheme: 'ec:4+2' } as const;
  await expect(machine.open(other)).rejects.toThrow(/made with policy ec:2\+2; --policy ec:4\+2/);
});

test('shards get the replicas that a hardier policy asks for, and repair fills them', async () => {
  const machine = new Machine(6);
  await (await machine.open({ type: 'standard', scheme: 'ec:2+1' })).close();
  const cell = await machine.open(listed({ scheme: 'ec:2+1' }, { scheme: 'ec:3+3' }));
  const { shards, policies } = cell.coordinator.current();
  expect(new Set(shards.map(({ replicas }) => replicas.length))).toEqual(new Set([4]));
  expect(
    new Set(shards.flatMap(({ replicas }) => replicas.length - new Set(replicas).size)),
  ).toEqual(new Set([0]));
  expect(policies.map(({ ring }) => decodeRing(Buffer.from(ring, 'base64')).width)).toEqual([3, 6]);
  const repair = cell.workers.loops.find((loop) => loop.status.name === 'shard-repair');
  while ((await repair?.step()) === true);
  expect(cell.coordinator.current().shards.every((one) => one.inSync.length === 4)).toBe(true);
  await cell.close();
});

test('a cluster that serves takes policies as hardy as its metadata, and no hardier', async () => {
  const machine = new Machine(6);
  const cell = await machine.open({ type: 'standard', scheme: 'ec:2+1' });
  const { coordinator } = cell;
  const before = coordinator.current().shards;
  const fit = listed({ scheme: 'ec:2+1' }, { name: 'pair', scheme: 'replica:2' });
  await applyPolicies(coordinator, fit, 'serving');
  expect(coordinator.current().policies.map(({ name }) => name)).toEqual(['ec:2+1', 'pair']);
  const hardier = listed({ scheme: 'ec:2+1' }, { scheme: 'replica:3' });
  await expect(applyPolicies(coordinator, hardier, 'serving')).rejects.toThrow(/is kept 2 times/);
  expect(coordinator.current().shards).toEqual(before);
  await cell.close();
});

test('a store whose metadata survives no loss takes no policy that promises more', async () => {
  const machine = new Machine(3);
  await (await machine.open({ type: 'standard', scheme: 'replica:1' })).close();
  const more = listed({ scheme: 'replica:1' }, { scheme: 'replica:3' });
  await expect(machine.open(more)).rejects.toThrow(/keeps its metadata once/);
});

test("a large cluster's ring fits into the cluster map, also while it changes", () => {
  const devices = Array.from({ length: 480 }, (_, place) => ({
    ...{ id: deviceId(place + 1), uuid: '', path: '/d', weight: 1, status: 'up' as const },
    ...{ region: 'r1', zone: `z${place % 10}`, node: `n${place % 20}` },
  }));
  const spec = { name: 'p', aliases: [], isDeprecated: false, isDefault: true };
  const { ring } = createPolicy({ ...spec, scheme: 'ec:8+4' }, devices);
  expect(4 * ring.length).toBeLessThan(1.5 * 1024 * 1024);
  const { assignment } = decodeRing(Buffer.from(ring, 'base64'));
  const loads = devices.map(() => 0);
  for (const row of assignment) for (const place of row) loads[place] = (loads[place] ?? 0) + 1;
  expect(Math.min(...loads)).toBeGreaterThan(100);
  expect(Math.max(...loads) - Math.min(...loads)).toBeLessThanOrEqual(1);
});

/** Shards whose primaries are on different machines are merged when they are told to. */
import { expect, test } from 'vitest';
import type { DeviceId } from '../../../base/units.ts';
import { parseScheme } from '../../../ring/policy.ts';
import { createCodec } from '../../../storage/erasure/create-codec.ts';
import { inOrder } from '../../../storage/shard/ranges/extent.ts';
import { SimClock } from '../clock.ts';
import { isSettled } from '../shards/reshaping.ts';
import { ClusterWorld } from './world.ts';

const policy = 'replica:3';

test('a shard is handed to the machine of the one before it, also where it has no replica there', {
  timeout: 120_000,
}, async () => {
  await createCodec(parseScheme(policy));
  const clock = new SimClock();
  const shape = {
    nodes: 5,
    policy,
    proxies: 0,
    devicesPerNode: 1,
    zones: 1,
    readShare: 0,
    hasBackups: true,
  };
  const world = new ClusterWorld({ clock, seed: 1, mutate: undefined, ...shape });
  const merged = { withReplica: 0, without: 0 };
  await clock.run(world.form());
  await clock.run(Promise.all(world.machines.map((machine) => world.boot(machine))));
  await clock.run(clock.sleep(20_000));
  const cells = world.machines.flatMap(({ running }) => running?.cell ?? []);
  for (let place = 9; place > 0; place -= 2) {
    const { shards, devices } = cells[0]?.coordinator.current() ?? { shards: [], devices: [] };
    const [before, shard] = inOrder(shards).slice(place - 1, place + 1);
    if (before === undefined || shard === undefined) throw new Error('there are too few shards');
    const nodeOf = (id: DeviceId): string | undefined => devices.find((one) => one.id === id)?.node;
    const home = nodeOf(before.primary);
    const isNear = shard.replicas.some((id) => nodeOf(id) === home);
    if (nodeOf(shard.primary) !== home) merged[isNear ? 'withReplica' : 'without']++;
    const source = cells.find(({ group }) => group.find(shard.id)?.primary !== undefined);
    if (source === undefined) throw new Error('nobody serves the shard');
    // Whoever was asked has handed the shard on by then, and sees it go.
    await clock.run(source.workers.merge({ shard: shard.id }));
    for (const { coordinator } of cells) {
      expect(coordinator.current().shards.map(({ id }) => id)).not.toContain(shard.id);
    }
  }
  await clock.run(clock.sleep(20_000));
  expect(cells.every(isSettled)).toBe(true);
  expect(merged.withReplica).toBeGreaterThan(0);
  expect(merged.without).toBeGreaterThan(0);
  expect(world.errors).toEqual([]);
});

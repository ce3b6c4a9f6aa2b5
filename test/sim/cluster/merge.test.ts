/** Shards whose primaries are on different machines are merged when they are told to. */
import { expect, test } from 'vitest';
import { utf8 } from '../../../base/bytes.ts';
import { silentLogger } from '../../../base/log.ts';
import type { DeviceId } from '../../../base/units.ts';
import { parseScheme } from '../../../ring/policy.ts';
import type { Core } from '../../../server/core/api.ts';
import { rebuildShards } from '../../../server/work/backup/rebuild.ts';
import { createCodec } from '../../../storage/erasure/create-codec.ts';
import { inOrder } from '../../../storage/shard/ranges/extent.ts';
import { putCommand, readAll } from '../../unit/core/fixture.ts';
import { context } from '../clients.ts';
import { SimClock } from '../clock.ts';
import { isSettled } from '../shards/reshaping.ts';
import { ClusterWorld, type Running } from './world.ts';

const policy = 'replica:3';
const account = 'AUTH_sim';

async function textOf(core: Core, container: string): Promise<string> {
  const reader = await core.openObject(context, {
    ...{ account, container, key: 'k', condition: {} },
  });
  return Buffer.from(await readAll(reader)).toString('utf8');
}

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
    // The others follow the map some milliseconds behind.
    await clock.run(clock.sleep(1000));
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

test('what a shard brings is in the backup of the one that takes it before its own goes', {
  timeout: 120_000,
}, async () => {
  await createCodec(parseScheme(policy));
  const clock = new SimClock();
  const shape = { nodes: 3, policy, proxies: 0, devicesPerNode: 1, zones: 1, readShare: 0 };
  const backups = { hasBackups: true, backupMillis: 30_000 };
  const world = new ClusterWorld({ clock, seed: 2, mutate: undefined, ...backups, ...shape });
  const bootAll = (): Promise<unknown> =>
    clock.run(Promise.all(world.machines.map((machine) => world.boot(machine))));
  const first = (): Running => {
    const running = world.machines[0]?.running;
    if (running === undefined) throw new Error('it does not run');
    return running;
  };
  await clock.run(world.form());
  await bootAll();
  await clock.run(clock.sleep(60_000));
  const options = { claimName: 'if-free', policy: undefined, settings: {} } as const;
  const containers = Array.from({ length: 24 }, (_, i) => `c${i}`);
  const put = (container: string, text: string): Promise<unknown> => {
    const stored = putCommand(container, text, utf8(text));
    return first().core.putObject(context, { ...stored, account });
  };
  for (const container of containers) {
    await clock.run(first().core.createContainer(context, { account, container }, options));
    await clock.run(put(container, 'k'));
  }
  await clock.run(clock.sleep(60_000));
  // What comes now is in a backup at once, and what comes then not for half a minute.
  for (const container of containers) await clock.run(put(container, 'l'));
  await clock.run(clock.sleep(1000));
  const [, shard] = inOrder(first().cell.coordinator.current().shards);
  const source = world.machines.find(
    ({ running }) => shard && running?.cell.group.find(shard.id)?.primary !== undefined,
  );
  if (shard === undefined || source === undefined) throw new Error('nobody serves the shard');
  await clock.run(source.running?.cell.workers.merge({ shard: shard.id }) ?? Promise.resolve());
  await clock.run(Promise.all(world.machines.map((machine) => world.stop(machine))));
  await clock.run(world.loseMetadata());
  await bootAll();
  await clock.run(clock.sleep(10_000));
  const { placement, coordinator, group } = first().cell;
  const parts = { placement, coordinator, group, clock, logger: silentLogger };
  expect(await clock.run(rebuildShards(parts, false))).toMatchObject({
    ...{ shardsLost: 0, shardsUnknown: 0, containers: containers.length },
  });
  await clock.run(clock.sleep(10_000));
  for (const container of containers) {
    expect(await clock.run(textOf(first().core, container))).toBe('k');
  }
  expect(world.errors).toEqual([]);
});

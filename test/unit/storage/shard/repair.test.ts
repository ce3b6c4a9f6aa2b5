import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../../base/errors.ts';
import { deviceId, shardId } from '../../../../base/units.ts';
import { ShardRepair } from '../../../../storage/shard/repair.ts';
import { SimIndexStore } from '../../../sim/index-store.ts';
import { SimDisk } from '../../../sim/disk.ts';
import { World } from './world.ts';

// Seven devices where three go: the cluster map needs a majority of them.
const one = shardId(1);
const bodyOf = (i: number): string => `body ${i} `.repeat(1 + (i % 40));

/** Another device in the place of a failed one: a new disk and an empty index under the old id. */
async function replaceDevice(world: World, place: number): Promise<void> {
  world.disks[place] = new SimDisk();
  world.indexes[place] = new SimIndexStore();
  const device = await world.openDevice(place);
  world.devices[place] = device;
  await world.group.attach(device);
}

function repairOf(world: World, awayMillis = 600_000): ShardRepair {
  const { group, coordinator, clock, logger } = world;
  return new ShardRepair({ group, coordinator, clock, logger, awayMillis });
}

/** Runs the worker until it finds nothing more; returns the kinds of what it did. */
async function repairAll(world: World, repair: ShardRepair): Promise<string[]> {
  const done: string[] = [];
  for (let round = 0; round < 20; round++) {
    const job = await repair.next();
    if (job === undefined) return done;
    await world.clock.run(repair.run(job));
    done.push(job.type);
  }
  throw new Error('repair finds no end');
}

async function fill(world: World, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    const put = { type: 'put', name: `n${i}`, text: `${i}`, body: bodyOf(i) } as const;
    await world.clock.run(world.execute(put));
  }
}

async function expectRows(world: World, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) {
    expect(await world.read(`n${i}`)).toEqual({ text: `${i}`, body: bodyOf(i) });
  }
}

describe('shard repair', () => {
  it('rebuilds a replica on a fresh device while writes go on, and any other two may fail then', async () => {
    const world = await World.open({ devices: 7 });
    await fill(world, 0, 300);
    world.disks[2]?.fail('all');
    await fill(world, 300, 320);
    expect(world.group.state(one).inSync).toEqual([deviceId(1), deviceId(2)]);
    await replaceDevice(world, 2);
    const repair = repairOf(world);
    const writer = async (): Promise<void> => {
      for (let i = 320; i < 400; i++) {
        await world.execute({ type: 'put', name: `n${i}`, text: `${i}`, body: bodyOf(i) });
        await world.execute({ type: 'delete', name: `n${i - 320}` });
        await world.execute({ type: 'move', from: `n${i - 200}`, name: `m${i}`, text: 'moved' });
      }
    };
    const [done] = await world.clock.run(Promise.all([repairAll(world, repair), writer()]));
    expect(done).toEqual(['rebuild']);
    expect(world.group.state(one).inSync.toSorted((a, b) => a - b)).toEqual(
      [1, 2, 3].map(deviceId),
    );
    // The new one alone has to answer: all disks of the other two are dead.
    for (const place of [0, 1]) {
      world.disks[place]?.fail('all');
      world.devices[place]?.fail(new StoreError('unavailable', 'test', 'the device is gone'));
    }
    await world.clock.run(world.execute({ type: 'put', name: 'late', text: 'x' }).catch(() => 0));
    await world.clock.advance(10_000);
    expect(world.group.state(one).primary).toBe(deviceId(3));
    expect(await world.read('n0')).toBeUndefined();
    await expectRows(world, 80, 120);
    await expectRows(world, 200, 400);
    for (let i = 320; i < 400; i++) {
      expect(await world.read(`m${i}`)).toEqual({ text: 'moved', body: bodyOf(i - 200) });
    }
  });

  /** Found by test/cluster: a device that had once been full never took part again. */
  it('brings a replica level whose device was full, as soon as there is room', async () => {
    const world = await World.open({ devices: 7 });
    const disk = world.disks[2];
    if (disk === undefined) throw new Error('no disk');
    await fill(world, 0, 20);
    disk.capacityBytes = 0;
    await fill(world, 20, 40);
    expect(world.group.state(one).inSync).toEqual([deviceId(1), deviceId(2)]);
    const repair = repairOf(world);
    const job = await repair.next();
    if (job === undefined) throw new Error('nothing is to be repaired');
    const failed = world.clock.run(repair.run(job).catch((error: StoreError) => error.kind));
    expect(await failed).toBe('full');
    disk.capacityBytes = 2 ** 30;
    expect(await repairAll(world, repair)).toEqual(['rebuild']);
    expect(world.group.state(one).inSync).toHaveLength(3);
    await world.crash('all');
    for (const place of [0, 1]) world.away.add(place);
    await world.start();
    await expectRows(world, 0, 40);
  });

  it('has the rebuilt replica whole after a power loss', async () => {
    const world = await World.open({ devices: 7, log: { segmentBytes: 65536 } });
    await fill(world, 0, 60);
    world.disks[0]?.fail('all');
    await world.clock.run(world.execute({ type: 'put', name: 'y', text: 'y' }).catch(() => 0));
    await replaceDevice(world, 0);
    await repairAll(world, repairOf(world));
    expect(world.group.state(one).inSync).toHaveLength(3);
    await world.crash('all');
    world.away.add(1);
    world.away.add(2);
    await world.start();
    await expectRows(world, 0, 60);
  });

  it('leaves an absent device its replica for a while, then gives it to another, and removes the old', async () => {
    const world = await World.open({ devices: 6 });
    await fill(world, 0, 20);
    await world.stop();
    world.away.add(2);
    await world.start();
    const repair = repairOf(world, 60_000);
    expect(await repair.next()).toBeUndefined();
    await world.clock.advance(59_000);
    expect(await repair.next()).toBeUndefined();
    await world.clock.advance(2000);
    expect(await repairAll(world, repair)).toEqual(['replace']);
    const { replicas, inSync } = world.group.state(one);
    expect(replicas).toHaveLength(3);
    expect(replicas).not.toContain(deviceId(3));
    expect(inSync.toSorted((a, b) => a - b)).toEqual(replicas.toSorted((a, b) => a - b));
    await world.group.attach(await world.openDevice(2));
    expect(await repairAll(world, repair)).toEqual(['remove']);
    expect(await repair.next()).toBeUndefined();
    await expectRows(world, 0, 20);
    await world.group.close();
  });

  it('does not wait that long for a device that is to leave', async () => {
    const world = await World.open({ devices: 6 });
    await fill(world, 0, 20);
    await world.stop();
    world.away.add(2);
    await world.start();
    const { coordinator, clock } = world;
    const gone = coordinator.current().devices.find(({ id }) => id === deviceId(3));
    if (gone === undefined) throw new Error('no device');
    const leaving = { ...gone, weight: 0, isLeaving: true } as const;
    await clock.run(coordinator.updateDevice(gone.id, gone.uuid, leaving));
    const repair = repairOf(world);
    expect(await repair.next()).toBeUndefined();
    await clock.advance(6000);
    expect(await repairAll(world, repair)).toEqual(['replace']);
    expect(world.group.state(one).replicas).not.toContain(deviceId(3));
    await expectRows(world, 0, 20);
  });

  it('does not wait that long for a shard that cannot take writes', async () => {
    const world = await World.open({ devices: 6 });
    await fill(world, 0, 20);
    const [, second, third] = world.group.state(one).replicas;
    await world.stop();
    for (const device of [second, third]) if (device !== undefined) world.away.add(device - 1);
    await world.start();
    const repair = repairOf(world);
    await expect(
      world.clock.run(world.execute({ type: 'put', name: 'x', text: 'x' })),
    ).rejects.toThrow();
    expect(await repair.next()).toBeUndefined();
    await world.clock.advance(6_000);
    expect(await repairAll(world, repair)).toContain('replace');
    await fill(world, 20, 25);
    await expectRows(world, 0, 25);
    await world.group.close();
  });

  it('gives up when the learner fails, goes on serving, and succeeds with the next device', async () => {
    const world = await World.open({ devices: 6 });
    await fill(world, 0, 200);
    world.disks[1]?.fail('all');
    await fill(world, 200, 202);
    await replaceDevice(world, 1);
    const repair = repairOf(world);
    const job = await repair.next();
    if (job === undefined) throw new Error('nothing to repair');
    let writes = 0;
    world.disks[1]?.hook((operation) => {
      if (operation.type === 'sync' && ++writes > 2) world.disks[1]?.fail('all');
    });
    await expect(world.clock.run(repair.run(job))).rejects.toThrow();
    await fill(world, 202, 210);
    expect(world.group.state(one).inSync).toEqual([deviceId(1), deviceId(3)]);
    await replaceDevice(world, 1);
    expect(await repairAll(world, repair)).toEqual(['rebuild']);
    expect(world.group.state(one).inSync).toHaveLength(3);
    await expectRows(world, 0, 210);
    await world.stop();
  });

  it('sends a replica that was away for a while only what it lacks', async () => {
    const world = await World.open({ devices: 3 });
    await fill(world, 0, 50);
    await world.stop();
    world.away.add(1);
    await world.start();
    await fill(world, 50, 70);
    world.away.clear();
    const device = await world.openDevice(1);
    await world.group.attach(device);
    expect(await repairAll(world, repairOf(world))).toEqual(['rebuild']);
    expect(world.group.state(one).inSync).toHaveLength(3);
    // A copy would have made the history new from its base on.
    expect(device.replica(one).state.sequence).toBe(70);
    await expectRows(world, 0, 70);
  });

  it('moves replicas off drained devices, the primary too, with never fewer copies than before', async () => {
    const world = await World.open({ devices: 7 });
    await fill(world, 0, 200);
    const { group, coordinator, clock, logger } = world;
    for (const device of coordinator.current().devices.slice(0, 2)) {
      await clock.run(coordinator.updateDevice(device.id, device.uuid, { ...device, weight: 0 }));
    }
    const repair = new ShardRepair({ group, coordinator, clock, logger, wanted: () => 3 });
    const counts: number[] = [];
    coordinator.watch((map) => counts.push(map.shards[0]?.inSync.length ?? 0));
    const writer = fill(world, 200, 300);
    const done = await repairAll(world, repair);
    await writer;
    expect(done.filter((type) => type === 'rebuild')).toHaveLength(2);
    expect(Math.min(...counts)).toBeGreaterThanOrEqual(3);
    const { replicas, inSync, primary } = group.state(one);
    for (const list of [replicas, inSync]) {
      expect(list).toHaveLength(3);
      expect(list).not.toContain(deviceId(1));
      expect(list).not.toContain(deviceId(2));
    }
    expect(inSync).toContain(primary);
    await expectRows(world, 0, 300);
    // What is left may lose two.
    for (const device of inSync.slice(0, 2)) world.disks[device - 1]?.fail('all');
    await expectRows(world, 0, 300);
  });
});

it('a change of replicas that the map did not take is none here either', async () => {
  const world = await World.open({ devices: 4 });
  const { coordinator, clock, group } = world;
  const primary = group.find(shardId(1))?.primary;
  const update = coordinator.updateShard.bind(coordinator);
  coordinator.updateShard = () => Promise.reject(new StoreError('unavailable', 'test', 'not now'));
  const replicas = [1, 2, 3, 4].map(deviceId);
  await clock.run(primary?.changeReplicas(replicas) ?? Promise.resolve());
  expect(primary?.state.replicas).toEqual(group.state(shardId(1)).replicas);
  coordinator.updateShard = update;
  await clock.run(primary?.changeReplicas(replicas) ?? Promise.resolve());
  expect(group.state(shardId(1)).replicas).toEqual(replicas);
});

it('a replica joins, or does not, also while one that has failed cannot leave the set', async () => {
  const world = await World.open({ devices: 7 });
  const { clock, group, coordinator, disks } = world;
  const primary = group.find(one)?.primary;
  if (primary === undefined) throw new Error('the shard has no primary');
  const done = async (): Promise<void> => undefined;
  const none = (): Promise<never> => Promise.reject(new Error('nobody asks for it'));
  const learner = primary.addLearner(
    {
      ...{ device: deviceId(7), shard: one, append: done, begin: done, level: done, remove: done },
      ...{ status: none, initialise: none, reset: none, copy: none, missing: none, readBody: none },
    },
    false,
  );
  coordinator.updateShard = () => Promise.reject(new StoreError('unavailable', 'test', 'not now'));
  disks[2]?.fail('all');
  const writes = [1, 2, 3, 4, 5].map(async (i) => {
    await clock.sleep(i);
    await world.execute({ type: 'put', name: `n${i}`, text: `${i}`, body: 'b' });
  });
  for (const write of writes) write.catch(() => undefined);
  await clock.advance(10);
  // No more than so many shipments are under way: the last commits wait for one to settle, and none does.
  await expect(clock.run(primary.promote(learner, learner.synced))).rejects.toThrow(
    /could not join/,
  );
});

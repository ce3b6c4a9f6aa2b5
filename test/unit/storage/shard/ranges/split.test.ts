import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../../../base/errors.ts';
import { shardId } from '../../../../../base/units.ts';
import type { Shard } from '../../../../../storage/shard/shard.ts';
import {
  busyWorld,
  checkTidy,
  localNames,
  middle,
  one,
  routes,
  slowMap,
  split,
  splitterOf,
  work,
} from './reshaping.ts';
import { World } from '../world.ts';

describe('a shard that is split', () => {
  it('goes on under load: nothing is lost, nothing comes back, no key waits for 200 ms', async () => {
    const { world, writers, all } = await busyWorld();
    const { clock } = world;
    await clock.run(clock.sleep(300));
    const done = await clock.run(split(world));
    expect(done).toContain('trim');
    await clock.run(clock.sleep(100));
    writers.end();
    await clock.run(all);
    expect(writers.failed).toBe(0);
    expect(writers.acknowledged.size).toBeGreaterThan(100);
    expect(writers.slowest).toBeLessThan(200);
    const { shards, lastShard } = world.coordinator.current();
    expect(shards.map(({ start }) => start)).toEqual(['00'.repeat(16), middle]);
    expect(shards.every(({ takesFrom, untrimmed }) => takesFrom === undefined && !untrimmed)).toBe(
      true,
    );
    expect(lastShard).toBe(2);
    await clock.run(writers.check());
    // The old shard holds none of them any more.
    const { primary } = world.group.find(one) ?? {};
    await clock.run(primary?.local.flush() ?? Promise.resolve());
    const keys = await world.indexes[0]?.open().keys().all();
    const ofOne = (keys ?? []).filter((key) => key[0] === 0x72 && key[4] === 1);
    expect(ofOne.length).toBeGreaterThan(0);
    expect(ofOne.every((key) => (key[6] ?? 0) < 0x80)).toBe(true);
    await clock.run(world.restart());
    await clock.run(writers.check());
  });

  it('keeps nobody waiting for a slow map: what is decided meanwhile goes over at once', async () => {
    const { world, writers, all } = await busyWorld(3);
    const { clock } = world;
    await clock.run(clock.sleep(100));
    slowMap(world, 1000);
    const before = writers.done;
    const done = await clock.run(split(world));
    expect(done).toContain('trim');
    expect(writers.done - before).toBeGreaterThan(500);
    await clock.run(clock.sleep(100));
    writers.end();
    await clock.run(all);
    expect(writers.failed).toBe(0);
    expect(writers.slowest).toBeLessThan(200);
    await clock.run(writers.check());
    await clock.run(world.restart());
    await clock.run(writers.check());
  });

  it('takes its own rows along with what they are about, and shows them once', async () => {
    const world = await World.open();
    const { clock } = world;
    for (const [place, route] of routes.entries()) {
      for (let i = 0; i < 60; i++)
        await clock.run(world.execute({ type: 'local', name: `${i}-${place}` }, route));
    }
    const splitter = splitterOf(world);
    const asked = splitter.request({ shard: one, at: middle });
    const before = (await localNames(world.group.all()[0] as Shard)).length;
    expect(before).toBe(300);
    let isSplit = false;
    void asked.then(() => {
      isSplit = true;
    });
    for (let i = 0; !isSplit && i < 100; i++) await clock.run(work(world, splitter, 1));
    // Nothing is deleted yet, and the old shard shows only what is still its own, whatever the size of the page.
    const [old, young] = world.group.all();
    expect(world.group.state(one).untrimmed).toBe(true);
    for (const limit of [7, 120, 1000]) {
      const names = await clock.run(localNames(old as Shard, limit));
      expect(names).toHaveLength(Math.min(limit, 120));
      expect(names.every((name) => /-[01]$/.test(name))).toBe(true);
    }
    expect(await clock.run(localNames(young as Shard))).toHaveLength(180);
    await clock.run(work(world, splitter));
    expect(world.group.state(one).untrimmed).toBeUndefined();
    expect(await clock.run(localNames(old as Shard))).toHaveLength(120);
  });

  it('is whole after a crash at any point of it, and can be split again', async () => {
    for (let steps = 1; steps < 40; steps += 3) {
      const { world, writers, all } = await busyWorld(steps);
      const { clock } = world;
      await clock.run(clock.sleep(60));
      const splitter = splitterOf(world);
      splitter.request({ shard: one, at: middle }).catch(() => undefined);
      await clock.run(work(world, splitter, steps));
      writers.end();
      // What was under way has an unknown outcome: it comes to its end before the crash.
      await clock.run(all);
      await world.crash(steps % 2 === 0 ? 'all' : 'none');
      await clock.run(world.start());
      await clock.run(writers.check());
      const next = splitterOf(world);
      await clock.run(work(world, next));
      const { shards } = world.coordinator.current();
      expect(
        shards.every(({ takesFrom, untrimmed }) => takesFrom === undefined && !untrimmed),
      ).toBe(true);
      if (shards.length === 1) await clock.run(split(world));
      await checkTidy(world);
      await clock.run(writers.check());
    }
  });

  it('stays as it is when the map does not take the change, and goes on', async () => {
    const { world, writers, all } = await busyWorld(5);
    const { clock, coordinator } = world;
    await clock.run(clock.sleep(50));
    const splitter = splitterOf(world);
    const asked = splitter.request({ shard: one, at: middle });
    asked.catch(() => undefined);
    const reshape = coordinator.reshape.bind(coordinator);
    let calls = 0;
    coordinator.reshape = async (edits) => {
      calls++;
      if (calls !== 2) return reshape(edits);
      throw new StoreError('unavailable', 'test', 'nobody knows');
    };
    const working = (async () => {
      for (let i = 0; i < 200; i++) {
        await work(world, splitter, 1).catch(() => undefined);
        await clock.sleep(1);
      }
    })();
    await clock.run(working);
    await expect(asked).rejects.toMatchObject({ kind: 'unavailable' });
    expect(world.coordinator.current().shards).toHaveLength(1);
    coordinator.reshape = reshape;
    await clock.run(split(world));
    writers.end();
    await clock.run(all);
    await clock.run(writers.check());
    expect(world.coordinator.current().shards).toHaveLength(2);
  });

  it('lets commands go on rather than wait for slow devices, and comes back to it', async () => {
    const { world, writers, all } = await busyWorld(9);
    const { clock } = world;
    const slow = (millis: number): void => {
      for (const disk of world.disks) {
        disk.setLatency((operation) => (operation.type === 'sync' ? millis : 0));
      }
    };
    await clock.run(clock.sleep(50));
    slow(120);
    const splitter = splitterOf(world);
    const asked = splitter.request({ shard: one, at: middle });
    let isOver = false;
    const end = (): void => {
      isOver = true;
    };
    asked.then(end, end);
    const working = (async () => {
      while (!isOver) {
        await work(world, splitter, 1).catch(() => undefined);
        await clock.sleep(1);
      }
    })();
    await clock.run(clock.sleep(3000));
    expect(world.group.all()).toHaveLength(1);
    // A commit takes two syncs here at most, when it has just missed one.
    expect(writers.slowest).toBeLessThan(500);
    slow(2);
    await clock.run(asked);
    await clock.run(working);
    writers.end();
    await clock.run(all);
    expect(writers.failed).toBe(0);
    expect(world.group.all()).toHaveLength(2);
    await clock.run(writers.check());
  });

  it('refuses an id that it does not have', async () => {
    const world = await World.open();
    for (const at of ['00'.repeat(16), 'zz']) {
      await expect(world.clock.run(split(world, at))).rejects.toMatchObject({
        kind: 'invalid-argument',
      });
    }
    await world.clock.run(split(world));
    await expect(world.clock.run(split(world, 'c0'.repeat(16)))).rejects.toMatchObject({
      kind: 'invalid-argument',
    });
    await world.clock.run(split(world, 'c0'.repeat(16), shardId(2)));
    expect(world.group.all()).toHaveLength(3);
  });
});

import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../../../base/errors.ts';
import { shardId } from '../../../../../base/units.ts';
import type { Shard } from '../../../../../storage/shard/shard.ts';
import {
  busyWorld,
  checkTidy,
  localNames,
  one,
  routes,
  slowMap,
  split,
  splitterOf,
  work,
} from './reshaping.ts';
import { World } from '../world.ts';

const two = shardId(2);

async function merge(world: World, shard = two): Promise<string[]> {
  const splitter = splitterOf(world);
  const asked = splitter.merge({ shard });
  asked.catch(() => undefined);
  const done = await work(world, splitter);
  await asked;
  return done;
}

const starts = (world: World): string[] =>
  world.coordinator.current().shards.map(({ start }) => start);

describe('shards that are merged', () => {
  it('go on under load: nothing is lost, nothing comes back, no key waits for 200 ms', async () => {
    const { world, writers, all } = await busyWorld(2, 2);
    const { clock } = world;
    await clock.run(clock.sleep(300));
    slowMap(world, 500);
    const done = await clock.run(merge(world));
    expect(done).toContain('trim');
    await clock.run(clock.sleep(100));
    writers.end();
    await clock.run(all);
    expect(writers.failed).toBe(0);
    expect(writers.acknowledged.size).toBeGreaterThan(100);
    expect(writers.slowest).toBeLessThan(200);
    expect(world.coordinator.current().shards).toMatchObject([{ id: one, start: '00'.repeat(16) }]);
    await clock.run(writers.check());
    await checkTidy(world);
    // Of sums that came along one row is left.
    const [left] = world.group.all();
    expect(await clock.run(localNames(left as Shard))).toEqual(['~sum']);
    await clock.run(world.restart());
    await clock.run(writers.check());
  });

  it('acknowledge nothing before the slower one of the two has it', async () => {
    const { world, writers, all } = await busyWorld(4, 2);
    const { clock } = world;
    await clock.run(clock.sleep(100));
    slowMap(world, 300);
    // Only the one that takes has a replica there.
    world.disks[0]?.setLatency((operation) => (operation.type === 'sync' ? 40 : 0));
    await clock.run(merge(world));
    writers.end();
    await clock.run(all);
    expect(writers.failed).toBe(0);
    await clock.run(writers.check());
  });

  it('shows its own rows once, before and after', async () => {
    const world = await World.open({ shards: 2 });
    const { clock } = world;
    for (const [place, route] of routes.entries()) {
      for (let i = 0; i < 60; i++)
        await clock.run(world.execute({ type: 'local', name: `${i}-${place}` }, route));
    }
    const splitter = splitterOf(world);
    const asked = splitter.merge({ shard: two });
    let isOver = false;
    void asked.then(() => {
      isOver = true;
    });
    while (!isOver) {
      const shards = world.group.all();
      for (const limit of [7, 1000]) {
        const names = await Promise.all(shards.map((shard) => clock.run(localNames(shard, limit))));
        const most = shards.length === 1 ? [300] : [120, 180];
        expect(names.map(({ length }) => length)).toEqual(
          most.map((count) => Math.min(count, limit)),
        );
      }
      await clock.run(work(world, splitter, 1));
    }
    await clock.run(work(world, splitter));
    expect(await clock.run(localNames(world.group.all()[0] as Shard))).toHaveLength(300);
  });

  it('is whole after a crash at any point of it, and comes to its end', async () => {
    for (let steps = 1; steps < 20; steps += 2) {
      const { world, writers, all } = await busyWorld(steps, 2);
      const { clock } = world;
      await clock.run(clock.sleep(60));
      const splitter = splitterOf(world);
      splitter.merge({ shard: two }).catch(() => undefined);
      await clock.run(work(world, splitter, steps));
      writers.end();
      await clock.run(all);
      await world.crash(steps % 2 === 0 ? 'all' : 'none');
      await clock.run(world.start());
      await clock.run(writers.check());
      const more = writers.run();
      await clock.run(work(world, splitterOf(world)));
      writers.end();
      await clock.run(more);
      await checkTidy(world);
      expect(starts(world)).toHaveLength(1);
      await clock.run(writers.check());
    }
  });

  it('stays as it is when the map does not take the change, and what was copied goes', async () => {
    for (const refused of ['unavailable', 'conflict'] as const) {
      const { world, writers, all } = await busyWorld(5, 2);
      const { clock, coordinator } = world;
      await clock.run(clock.sleep(50));
      const splitter = splitterOf(world);
      const asked = splitter.merge({ shard: two });
      asked.catch(() => undefined);
      const reshape = coordinator.reshape.bind(coordinator);
      coordinator.reshape = async () => {
        coordinator.reshape = reshape;
        throw new StoreError(refused, 'test', 'nobody knows');
      };
      const working = (async () => {
        for (let i = 0; i < 200; i++) {
          await work(world, splitter, 1).catch(() => undefined);
          await clock.sleep(1);
        }
      })();
      await clock.run(working);
      if (refused === 'conflict') {
        // Nobody was lost: it is given up, and can be asked for again.
        await expect(asked).rejects.toMatchObject({ kind: 'unavailable' });
        expect(starts(world)).toHaveLength(2);
        expect(await clock.run(localNames(world.group.all()[0] as Shard))).toEqual(['~sum']);
        await clock.run(merge(world));
      }
      writers.end();
      await clock.run(all);
      await clock.run(writers.check());
      await checkTidy(world);
      expect(starts(world)).toHaveLength(1);
    }
  });

  it('do not bring back what was deleted after a merge that came to nothing', async () => {
    const world = await World.open({ shards: 2 });
    const { clock, coordinator } = world;
    const route = 'c0'.repeat(16);
    for (const name of ['a', 'b', 'c']) {
      await clock.run(world.execute({ type: 'put', name, text: name }, route));
    }
    const reshape = coordinator.reshape.bind(coordinator);
    coordinator.reshape = () => Promise.reject(new StoreError('conflict', 'test', 'not now'));
    const splitter = splitterOf(world);
    const asked = splitter.merge({ shard: two });
    asked.catch(() => undefined);
    await expect(clock.run(work(world, splitter))).rejects.toMatchObject({ kind: 'conflict' });
    coordinator.reshape = reshape;
    await clock.run(world.execute({ type: 'delete', name: 'b' }, route));
    await clock.run(merge(world));
    expect(await clock.run(world.names(route))).toEqual(['a', 'c']);
  });

  it('can be split again, and merged again', async () => {
    const { world, writers, all } = await busyWorld(8);
    const { clock } = world;
    for (let round = 0; round < 3; round++) {
      await clock.run(split(world));
      const [, young] = world.coordinator.current().shards;
      expect(young?.id).toBe(2 + round);
      await clock.run(merge(world, young?.id));
    }
    writers.end();
    await clock.run(all);
    expect(writers.failed).toBe(0);
    await clock.run(writers.check());
    await checkTidy(world);
  });

  it('are not the first one, nor two at once', async () => {
    const world = await World.open({ shards: 4 });
    const refused = { kind: 'conflict' };
    for (const shard of [one, shardId(9)]) {
      await expect(world.clock.run(merge(world, shard))).rejects.toMatchObject({
        kind: shard === one ? 'conflict' : 'unavailable',
      });
    }
    const splitter = splitterOf(world);
    const asked = splitter.merge({ shard: two });
    asked.catch(() => undefined);
    await world.clock.run(work(world, splitter, 1));
    const others = [
      splitter.merge({ shard: shardId(3) }),
      splitter.merge({ shard: two }),
      splitter.request({ shard: two, at: '48'.repeat(16) }),
    ];
    for (const other of others) other.catch(() => undefined);
    for (let i = 0; i < 40; i++) {
      await world.clock.run(work(world, splitter).catch(() => undefined));
    }
    for (const other of others.slice(0, 2)) await expect(other).rejects.toMatchObject(refused);
    await asked;
    expect(world.coordinator.current().shards.map(({ id }) => id)).toEqual([1, 3, 4]);
  });
});

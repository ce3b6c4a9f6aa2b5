import { describe, expect, it } from 'vitest';
import { fromUtf8 } from '../../../../base/bytes.ts';
import { StoreError } from '../../../../base/errors.ts';
import { shardId } from '../../../../base/units.ts';
import { ShardSplitter } from '../../../../storage/shard/ranges/splitter.ts';
import { ShardRepair } from '../../../../storage/shard/repair.ts';
import type { Shard } from '../../../../storage/shard/shard.ts';
import { stateMachine, World } from './world.ts';

const routes = ['10', '60', '80', 'c0', 'f0'].map((byte) => byte.repeat(16));
const middle = '80'.repeat(16);
const one = shardId(1);

function splitterOf(world: World): ShardSplitter {
  const { group, coordinator, clock, logger } = world;
  return new ShardSplitter({ group, coordinator, stateMachine, clock, logger });
}

/** Does what there is to do, at most so many jobs; the kinds of what was done. */
async function work(world: World, splitter: ShardSplitter, most = 10_000): Promise<string[]> {
  const done: string[] = [];
  while (done.length < most) {
    const job = await splitter.next();
    if (job === undefined) break;
    done.push(job.type);
    await splitter.run(job);
    await world.clock.sleep(1);
  }
  return done;
}

async function split(world: World, at = middle, shard = one): Promise<string[]> {
  const splitter = splitterOf(world);
  const asked = splitter.request({ shard, at });
  asked.catch(() => undefined);
  const done = await work(world, splitter);
  await asked;
  return done;
}

const local = { gte: Uint8Array.of(0), lt: Uint8Array.of(1) };

async function localNames(shard: Shard, limit = 1000): Promise<string[]> {
  const rows = await shard.scan({ ...local, limit });
  return rows.map(({ key }) => fromUtf8(key.subarray(1)));
}

/** What clients wrote, and what was acknowledged to them. */
class Writers {
  readonly acknowledged = new Map<string, string>();
  slowest = 0;
  failed = 0;
  #over = false;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  async run(route: string, seed: number): Promise<void> {
    const { clock } = this.#world;
    for (let i = 0; !this.#over; i++) {
      const name = `${seed}-${i % 40}`;
      const began = clock.monotonic();
      await this.#put(route, name, `${i}`);
      this.slowest = Math.max(this.slowest, clock.monotonic() - began);
      await clock.sleep(this.#world.random.fraction() * 3);
    }
  }

  async #put(route: string, name: string, text: string): Promise<void> {
    const body = text.repeat(1 + (Number(text) % 50));
    const command = { type: 'put', name, text, body } as const;
    try {
      if (Number(text) % 5 === 4) {
        await this.#world.execute({ type: 'delete', name }, route);
        this.acknowledged.delete(`${route} ${name}`);
      } else if (Number(text) % 7 === 6 && this.acknowledged.has(`${route} ${name}`)) {
        const bodyOf = this.acknowledged.get(`${route} ${name}`)?.split(' ')[1] ?? '';
        await this.#world.execute({ type: 'move', from: name, name, text }, route);
        this.acknowledged.set(`${route} ${name}`, `${text} ${bodyOf}`);
      } else {
        await this.#world.execute(command, route);
        this.acknowledged.set(`${route} ${name}`, `${text} ${body}`);
      }
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.failed++;
    }
  }

  end(): void {
    this.#over = true;
  }

  /** Everything acknowledged is there, and nothing else. */
  async check(): Promise<void> {
    const found = new Map<string, string>();
    for (const route of routes) {
      for (const name of await this.#world.names(route)) {
        const row = await this.#world.read(name, route);
        found.set(`${route} ${name}`, `${row?.text} ${row?.body}`);
      }
    }
    const sorted = (map: ReadonlyMap<string, string>): unknown =>
      [...map].toSorted(([a], [b]) => (a < b ? -1 : 1));
    expect(sorted(found)).toEqual(sorted(this.acknowledged));
  }
}

async function busyWorld(
  seed = 1,
): Promise<{ world: World; writers: Writers; all: Promise<unknown> }> {
  const world = await World.open({
    devices: 4,
    slowDisks: true,
    seed,
    log: { segmentBytes: 65_536 },
  });
  for (const disk of world.disks) {
    disk.setLatency((operation) => (operation.type === 'sync' ? world.random.fraction() * 4 : 0));
  }
  const writers = new Writers(world);
  const all = Promise.all(routes.map((route, place) => writers.run(route, place)));
  return { world, writers, all };
}

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
      const { group, coordinator, logger } = world;
      const repair = new ShardRepair({ group, coordinator, clock, logger });
      for (let job = await repair.next(); job !== undefined; job = await repair.next()) {
        await clock.run(repair.run(job));
      }
      const numbers = world.coordinator.current().shards.map(({ id }) => id);
      for (const device of world.group.devices()) {
        const held = [...device.replicas].filter(([, { state }]) => state.condition !== 'absent');
        expect(held.every(([id]) => numbers.includes(id))).toBe(true);
      }
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

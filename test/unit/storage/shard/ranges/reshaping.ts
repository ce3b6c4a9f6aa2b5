/** Shards that are split and merged while clients write. */
import { expect } from 'vitest';
import { fromUtf8 } from '../../../../../base/bytes.ts';
import { StoreError } from '../../../../../base/errors.ts';
import { type ShardId, shardId } from '../../../../../base/units.ts';
import { ShardSplitter } from '../../../../../storage/shard/ranges/splitter.ts';
import { ShardRepair } from '../../../../../storage/shard/repair.ts';
import type { Shard } from '../../../../../storage/shard/shard.ts';
import { isSum, stateMachine, sumOf, World } from '../world.ts';

export const routes: readonly string[] = ['10', '60', '80', 'c0', 'f0'].map((byte) =>
  byte.repeat(16),
);
export const middle: string = '80'.repeat(16);
export const one: ShardId = shardId(1);

export function splitterOf(world: World): ShardSplitter {
  const { group, coordinator, clock, logger } = world;
  return new ShardSplitter({ group, coordinator, stateMachine, clock, logger });
}

/** Does what there is to do, at most so many jobs; the kinds of what was done. */
export async function work(
  world: World,
  splitter: ShardSplitter,
  most = 10_000,
): Promise<string[]> {
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

export async function split(
  world: World,
  at: string = middle,
  shard: ShardId = one,
): Promise<string[]> {
  const splitter = splitterOf(world);
  const asked = splitter.request({ shard, at });
  asked.catch(() => undefined);
  const done = await work(world, splitter);
  await asked;
  return done;
}

const localRange = { gte: Uint8Array.of(0), lt: Uint8Array.of(1) };

export async function localNames(shard: Shard, limit = 1000): Promise<string[]> {
  const rows = await shard.scan({ ...localRange, limit });
  return rows.map(({ key }) => fromUtf8(key.subarray(1)));
}

/** What clients wrote, and what was acknowledged to them. */
export class Writers {
  readonly acknowledged: Map<string, string> = new Map();
  slowest = 0;
  failed = 0;
  counted = 0;
  done = 0;
  /** What was not as acknowledged when it was read right afterwards. */
  readonly stale: string[] = [];
  #over = false;
  /** What may have been done or not: nobody was told. */
  readonly #unknown = new Set<string>();
  #uncounted = 0;
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  /** One client for every route, until `end`. */
  run(): Promise<unknown> {
    this.#over = false;
    return Promise.all(routes.map((route, place) => this.#client(route, place)));
  }

  async #client(route: string, seed: number): Promise<void> {
    const { clock } = this.#world;
    for (let i = 0; !this.#over; i++) {
      const name = `${seed}-${i % 40}`;
      if (i % 4 === 0) await this.#count(route);
      const began = clock.monotonic();
      await this.#put(route, name, `${i}`);
      await this.#readBack(route, name);
      this.slowest = Math.max(this.slowest, clock.monotonic() - began);
      await clock.sleep(this.#world.random.fraction() * 3);
    }
  }

  async #put(route: string, name: string, text: string): Promise<void> {
    const body = text.repeat(1 + (Number(text) % 50));
    const command = { type: 'put', name, text, body } as const;
    const key = `${route} ${name}`;
    const before = this.#unknown.has(key) ? undefined : this.acknowledged.get(key);
    try {
      if (Number(text) % 5 === 4) {
        await this.#world.execute({ type: 'delete', name }, route);
        this.acknowledged.delete(key);
      } else if (Number(text) % 7 === 6 && before !== undefined) {
        await this.#world.execute({ type: 'move', from: name, name, text }, route);
        this.acknowledged.set(key, `${text} ${before.split(' ')[1] ?? ''}`);
      } else {
        await this.#world.execute(command, route);
        this.acknowledged.set(key, `${text} ${body}`);
      }
      this.#unknown.delete(key);
      this.done++;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.failed++;
      this.#unknown.add(key);
    }
  }

  /** What was acknowledged is seen at once, whoever owns it by now. */
  async #readBack(route: string, name: string): Promise<void> {
    const key = `${route} ${name}`;
    if (this.#unknown.has(key)) return;
    try {
      const row = await this.#world.read(name, route);
      const found = row === undefined ? undefined : `${row.text} ${row.body}`;
      if (found !== this.acknowledged.get(key)) this.stale.push(key);
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
    }
  }

  async #count(route: string): Promise<void> {
    try {
      await this.#world.execute({ type: 'count' }, route);
      this.counted++;
    } catch (error) {
      if (!(error instanceof StoreError)) throw error;
      this.failed++;
      this.#uncounted++;
    }
  }

  end(): void {
    this.#over = true;
  }

  /** Everything acknowledged is there, and nothing else. */
  async check(): Promise<void> {
    expect(this.stale).toEqual([]);
    const found = new Map<string, string>();
    for (const route of routes) {
      for (const name of await this.#world.names(route)) {
        const row = await this.#world.read(name, route);
        found.set(`${route} ${name}`, `${row?.text} ${row?.body}`);
      }
    }
    const sorted = (map: ReadonlyMap<string, string>): unknown =>
      [...map].filter(([key]) => !this.#unknown.has(key)).toSorted(([a], [b]) => (a < b ? -1 : 1));
    expect(sorted(found)).toEqual(sorted(this.acknowledged));
    const local = await Promise.all(
      this.#world.group.all().map((shard) => shard.scan({ ...localRange, limit: 1000 })),
    );
    const sums = local.flat().filter(({ key }) => isSum(key));
    const sum = sums.reduce((all, row) => all + sumOf(row), 0);
    expect(sum).toBeGreaterThanOrEqual(this.counted);
    expect(sum).toBeLessThanOrEqual(this.counted + this.#uncounted);
  }
}

export async function busyWorld(
  seed = 1,
  shards = 1,
): Promise<{ world: World; writers: Writers; all: Promise<unknown> }> {
  const world = await World.open({
    ...{ devices: 4, shards },
    slowDisks: true,
    seed,
    log: { segmentBytes: 65_536 },
  });
  for (const disk of world.disks) {
    disk.setLatency((operation) => (operation.type === 'sync' ? world.random.fraction() * 4 : 0));
  }
  const writers = new Writers(world);
  return { world, writers, all: writers.run() };
}

/** Nothing of it is left to do, and devices hold replicas of shards that there are. */
export async function checkTidy(world: World): Promise<void> {
  const { group, coordinator, clock, logger } = world;
  const { shards } = coordinator.current();
  expect(
    shards.every(
      ({ takesFrom, untrimmed, joins }) =>
        takesFrom === undefined && joins === undefined && untrimmed !== true,
    ),
  ).toBe(true);
  const repair = new ShardRepair({ group, coordinator, clock, logger });
  for (let job = await repair.next(); job !== undefined; job = await repair.next()) {
    await clock.run(repair.run(job));
  }
  const numbers = coordinator.current().shards.map(({ id }) => id);
  for (const device of world.group.devices()) {
    const held = [...device.replicas].filter(([, { state }]) => state.condition !== 'absent');
    expect(held.every(([id]) => numbers.includes(id))).toBe(true);
  }
}

/** Each change of two shards takes so long to come to the map. */
export function slowMap({ coordinator, clock }: World, millis: number): void {
  const reshape = coordinator.reshape.bind(coordinator);
  coordinator.reshape = async (edits) => {
    if (edits.length > 1) await clock.sleep(millis);
    return reshape(edits);
  };
}

/**
 * Random commands on several shards, with restarts, crashes, devices that fail and come back (empty
 * or not), repair and compaction, against a map in memory. A command whose outcome was unknown may
 * have happened or not, but every replica and every later moment must agree which.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUtf8 } from '../../../../base/bytes.ts';
import { isStoreError, StoreError } from '../../../../base/errors.ts';
import { silentLogger } from '../../../../base/log.ts';
import { LogCompaction } from '../../../../storage/shard/compaction.ts';
import { ShardRepair } from '../../../../storage/shard/repair.ts';
import type { Loss } from '../../../sim/disk.ts';
import { type Command, keyOf, regionOf, World } from './world.ts';

type Action =
  | { readonly type: 'commands'; readonly commands: readonly (readonly [number, Command])[] }
  | { readonly type: 'restart' | 'repair' | 'compact' | 'checkpoint' }
  | { readonly type: 'crash'; readonly lose: Loss }
  | { readonly type: 'fail'; readonly device: number; readonly how: 'all' | 'syncs' | 'writes' };

const deviceCount = 5;
const shardCount = 3;
const routes = Array.from({ length: shardCount }, (_, place) =>
  ((BigInt(place) << 128n) / BigInt(shardCount)).toString(16).padStart(32, '0'),
);

type Rows = ReadonlyMap<string, string>;

/** What the state machine does, on rows of text. */
function apply(rows: Rows, command: Command): Rows {
  const next = new Map(rows);
  if (command.type === 'put') next.set(command.name, `${command.text} ${command.body ?? '-'}`);
  if (command.type === 'delete') next.delete(command.name);
  if (command.type === 'move') {
    const from = rows.get(command.from);
    if (from === undefined) return rows;
    next.delete(command.from);
    next.set(command.name, `${command.text} ${from.slice(from.indexOf(' ') + 1)}`);
  }
  if (command.type === 'swap') {
    const existing = rows.get(command.name);
    const text = existing?.slice(0, existing.indexOf(' '));
    if (text !== command.expected) return rows;
    next.set(command.name, `${command.text} -`);
  }
  return next;
}

const textOf = (rows: Rows): string => JSON.stringify([...rows].sort());

class Run {
  readonly world: World;
  /** For each shard, every state that it may be in. */
  readonly possible: Rows[][] = routes.map(() => [new Map()]);
  #failed: number | undefined;

  constructor(world: World) {
    this.world = world;
  }

  static async begin(seed: number): Promise<Run> {
    const world = await World.open({
      devices: deviceCount,
      shards: shardCount,
      seed,
      log: { segmentBytes: 16 * 1024 },
      settings: { patienceMillis: 100 },
    });
    return new Run(world);
  }

  async #execute(shard: number, command: Command): Promise<'done' | 'refused' | 'unknown'> {
    try {
      await this.world.execute(command, routes[shard]);
      return 'done';
    } catch (error) {
      if (!isStoreError(error)) throw error;
      if (error.kind === 'precondition-failed' || error.kind === 'no-such-object') return 'refused';
      if (error.kind === 'unavailable') return 'unknown';
      throw error;
    }
  }

  /** All at once; those of one shard are ordered as they were issued. */
  async #commands(commands: readonly (readonly [number, Command])[]): Promise<void> {
    const results = await this.world.clock.run(
      Promise.all(commands.map(([shard, command]) => this.#execute(shard, command))),
    );
    for (const [place, [shard, command]] of commands.entries()) {
      const before = this.possible[shard] ?? [];
      const after = before.flatMap((rows) => {
        const applied = apply(rows, command);
        return results[place] === 'unknown' ? [rows, applied] : [applied];
      });
      this.possible[shard] = [...new Map(after.map((rows) => [textOf(rows), rows])).values()];
    }
  }

  async #rowsOf(shard: number): Promise<Rows | undefined> {
    const route = routes[shard] ?? '';
    const served = this.world.group.route(route);
    const none = new Uint8Array(0);
    const rows = new Map<string, string>();
    try {
      const page = await served.list({
        region: regionOf(route),
        prefix: none,
        delimiter: none,
        after: undefined,
        before: undefined,
        reverse: false,
        limit: 1000,
      });
      for (const { name } of page.items) {
        const found = await served.getWithBody(keyOf(fromUtf8(name), route));
        const body = found?.body === undefined ? '-' : fromUtf8(found.body);
        rows.set(fromUtf8(name), `${fromUtf8(found?.row.meta ?? none)} ${body}`);
      }
      return rows;
    } catch (error) {
      if (isStoreError(error, 'unavailable')) return undefined;
      throw error;
    }
  }

  /** What can be read must be one of the possible states, and is from now on the only one. */
  async check(mustAnswer: boolean): Promise<void> {
    for (const shard of routes.keys()) {
      const rows = await this.world.clock.run(this.#rowsOf(shard));
      if (mustAnswer) expect(rows, `shard ${shard} answers`).toBeDefined();
      if (rows === undefined) continue;
      const texts = (this.possible[shard] ?? []).map(textOf);
      expect(texts).toContain(textOf(rows));
      this.possible[shard] = [rows];
    }
  }

  /** The failed device comes back, then everything is made whole. */
  async repair(empty: boolean): Promise<void> {
    const { world } = this;
    await this.#bringBack(empty);
    const { group, coordinator, clock } = world;
    const repair = new ShardRepair({ group, coordinator, clock, logger: silentLogger });
    for (let step = 0; step < 50; step++) {
      const job = await repair.next();
      if (job === undefined) break;
      await clock.run(repair.run(job)).catch((error: unknown) => {
        if (!isStoreError(error)) throw error;
      });
      await clock.advance(1000);
    }
    for (const shard of group.all()) {
      expect(group.state(shard.id).inSync).toHaveLength(3);
    }
  }

  async #bringBack(empty: boolean): Promise<void> {
    const place = this.#failed;
    const { world } = this;
    if (place === undefined) return;
    this.#failed = undefined;
    const disk = world.disks[place];
    disk?.fail('nothing');
    if (empty) {
      disk?.wipe();
      world.indexes[place]?.wipe();
    }
    // The device's failure may not have been noticed: then it still serves.
    const id = world.coordinator.current().devices[place]?.id;
    const known = id === undefined ? undefined : world.group.device(id);
    if (known !== undefined) known.fail(new StoreError('unavailable', 'test', 'pulled'));
    const device = await world.openDevice(place);
    world.devices = [...world.devices.filter((other) => other.id !== device.id), device];
    await world.clock.run(world.group.attach(device));
    await world.clock.advance(1000);
  }

  async act(action: Action): Promise<void> {
    const { world } = this;
    switch (action.type) {
      case 'commands':
        return this.#commands(action.commands);
      case 'fail':
        // One at a time: a second one during repair may be more than was promised.
        if (this.#failed !== undefined) return;
        this.#failed = action.device;
        world.disks[action.device]?.fail(action.how);
        return;
      case 'repair':
        return this.repair(world.random.chance(0.5));
      case 'checkpoint':
        await Promise.allSettled(world.devices.map((device) => device.checkpoint()));
        return;
      case 'compact':
        return this.#compact();
      case 'restart':
        await world.clock.run(world.stop());
        await world.clock.run(world.start());
        return;
      case 'crash':
        await world.crash(action.lose);
        await world.clock.run(world.start());
    }
  }

  async #compact(): Promise<void> {
    const devices = (): typeof this.world.devices => this.world.devices;
    const settings = { liveShareMax: 1 };
    const worker = new LogCompaction({ devices, logger: silentLogger, settings });
    for (const device of devices()) {
      // A copy: bodies written anew begin new segments.
      for (const segment of [...device.segments.keys()]) {
        if (device.failure !== undefined || segment >= device.checkpointed.segment) continue;
        await this.world.clock.run(worker.run({ device, segment })).catch((error: unknown) => {
          if (!isStoreError(error)) throw error;
        });
      }
    }
  }
}

const name = fc.constantFrom('a', 'b', 'c', 'd');
const text = fc.integer({ min: 0, max: 99 }).map(String);
const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('put' as const),
      name,
      text,
      body: fc.integer({ min: 0, max: 3000 }).map((length) => 'x'.repeat(length)),
    }),
  },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('put' as const), name, text }) },
  { weight: 2, arbitrary: fc.record({ type: fc.constant('delete' as const), name }) },
  {
    weight: 3,
    arbitrary: fc.record({ type: fc.constant('move' as const), from: name, name, text }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('swap' as const),
      name,
      expected: fc.option(text, { nil: undefined }),
      text,
    }),
  },
);
const commands = fc
  .array(fc.tuple(fc.integer({ min: 0, max: shardCount - 1 }), command), {
    minLength: 1,
    maxLength: 8,
  })
  .map((list) => ({ type: 'commands' as const, commands: list }));
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: commands },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constantFrom(
        'restart' as const,
        'repair' as const,
        'compact' as const,
        'checkpoint' as const,
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('crash' as const),
      lose: fc.constantFrom<Loss>('none', 'all', 'some', 'tear'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('fail' as const),
      device: fc.integer({ min: 0, max: deviceCount - 1 }),
      how: fc.constantFrom('all' as const, 'syncs' as const, 'writes' as const),
    }),
  },
);

describe('the shards as a whole', () => {
  it('agree with a map, whatever crashes and fails', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 1_000_000 }),
        fc.array(action, { minLength: 1, maxLength: 25 }),
        async (seed, actions) => {
          const run = await Run.begin(seed);
          for (const one of actions) {
            await run.act(one);
            await run.check(false);
          }
          await run.repair(seed % 2 === 0);
          await run.check(true);
          await run.world.clock.run(run.world.stop());
          await run.world.clock.run(run.world.start());
          await run.check(true);
        },
      ),
      { numRuns: 60, timeout: 20_000 },
    );
  }, 120_000);
});

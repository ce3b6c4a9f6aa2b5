/** A small cluster in memory for tests of the shard layer: simulated disks and indexes, virtual time, the embedded coordinator. */
import { fromHex, fromUtf8, utf8 } from '../../../../base/bytes.ts';
import type { Disk } from '../../../../base/disk.ts';
import { StoreError } from '../../../../base/errors.ts';
import { type LogFields, type Logger, silentLogger } from '../../../../base/log.ts';
import { deviceId, epoch, shardId } from '../../../../base/units.ts';
import { EmbeddedCoordinator } from '../../../../server/coordinator/embedded.ts';
import type { ClusterMap } from '../../../../storage/shard/coordinator.ts';
import { ShardDevice } from '../../../../storage/shard/device.ts';
import { ShardGroup } from '../../../../storage/shard/group.ts';
import type { LogSettings } from '../../../../storage/shard/log/log.ts';
import { containerRegion, rowKey } from '../../../../storage/shard/row-key.ts';
import type { ShardSettings } from '../../../../storage/shard/settings.ts';
import type { Row, RowView, RowWrite, StateMachine } from '../../../../storage/shard/shard.ts';
import { quiet, SimClock } from '../../../sim/clock.ts';
import { type Loss, SimDisk } from '../../../sim/disk.ts';
import { SimIndexStore } from '../../../sim/index-store.ts';
import { SeededRandom } from '../../../sim/random.ts';

/** Commands of the test's state machine. Names become rows of one table of one id. */
export type Command = { readonly route?: string } & (
  | { readonly type: 'put'; readonly name: string; readonly text: string; readonly body?: string }
  | { readonly type: 'delete'; readonly name: string }
  /** Puts a row that takes over the body of another. */
  | { readonly type: 'move'; readonly from: string; readonly name: string; readonly text: string }
  /** Puts only where the row's text is `expected` (undefined: where there is none). */
  | {
      readonly type: 'swap';
      readonly name: string;
      readonly expected: string | undefined;
      readonly text: string;
    }
  /** A row of the shard's own area, which goes where its route goes. */
  | { readonly type: 'local'; readonly name: string }
  /** Adds one to a sum over all that the shard ever counted. */
  | { readonly type: 'count' }
  /** Adds what came with another shard to the shard's own. */
  | { readonly type: 'settle'; readonly key: Uint8Array }
  | { readonly type: 'nothing' }
);

export const firstRoute: string = '00'.repeat(16);
export const regionOf = (route: string): Uint8Array => containerRegion(fromHex(route), 0x20);
export const region: Uint8Array = regionOf(firstRoute);
export const keyOf = (name: string, route: string = firstRoute): Uint8Array =>
  rowKey(regionOf(route), utf8(name), new Uint8Array(0));
export const localKeyOf = (name: string): Uint8Array => utf8(`\u0000${name}`);
export const textOf = (row: Row | undefined): string | undefined =>
  row === undefined ? undefined : fromUtf8(row.meta);

export const sumKey: Uint8Array = localKeyOf('~sum');
export const isSum = (key: Uint8Array): boolean => fromUtf8(key).startsWith(fromUtf8(sumKey));
/** What came with another shard has an id before it. */
export const sumOf = (row: Row | undefined): number =>
  Number((textOf(row) ?? '0').split(' ').at(-1));

function writesOf(command: Command, existing: Row | undefined, view: RowView): readonly RowWrite[] {
  const key = (name: string): Uint8Array => keyOf(name, command.route);
  switch (command.type) {
    case 'nothing':
      return [];
    case 'local':
      return [{ type: 'put', key: localKeyOf(command.name), meta: utf8(command.route ?? '') }];
    case 'count':
      return [{ type: 'put', key: sumKey, meta: utf8(`${sumOf(view.get(sumKey)) + 1}`) }];
    case 'settle': {
      const joined = view.get(command.key);
      if (joined === undefined) return [];
      const sum = sumOf(view.get(sumKey)) + sumOf(joined);
      return [
        { type: 'delete', key: command.key },
        { type: 'put', key: sumKey, meta: utf8(`${sum}`) },
      ];
    }
    case 'delete':
      return existing === undefined ? [] : [{ type: 'delete', key: key(command.name) }];
    case 'move':
      return [
        {
          type: 'put-with-body-of',
          key: key(command.name),
          meta: utf8(command.text),
          from: key(command.from),
        },
        ...(command.from === command.name
          ? []
          : [{ type: 'delete', key: key(command.from) } as const]),
      ];
    case 'swap':
      if (textOf(existing) !== command.expected) {
        throw new StoreError('precondition-failed', 'test.swap', 'not what was expected');
      }
      return [{ type: 'put', key: key(command.name), meta: utf8(command.text) }];
    case 'put': {
      const { name, text, body } = command;
      const put = { type: 'put', key: key(name), meta: utf8(text) } as const;
      return [body === undefined ? put : { ...put, body: utf8(body) }];
    }
  }
}

export const stateMachine: StateMachine = {
  decide(command, view, stamp) {
    const known = command as Command;
    if (known.type === 'move' && view.get(keyOf(known.from, known.route)) === undefined) {
      throw new StoreError('no-such-object', 'test.move', 'there is nothing to move');
    }
    const existing = 'name' in known ? view.get(keyOf(known.name, known.route)) : undefined;
    return { writes: writesOf(known, existing, view), result: stamp };
  },
  idOf: (command) => (command as Command).route,
  // A local row's text begins with the id that it goes with.
  homeOf: (row) => /^[0-9a-f]{32}/.exec(textOf(row) ?? '')?.[0],
  checkKey: () => undefined,
  checkListed: () => undefined,
  keyJoined: (key, { shard }) => {
    const isJoinedSum = isSum(key) && fromUtf8(key) !== fromUtf8(sumKey);
    return isJoinedSum ? key : utf8(`${fromUtf8(key)} of ${shard}`);
  },
  metaJoined: ({ key, meta }, _view, { home }) => {
    if (!isSum(key)) return meta;
    return /^[0-9a-f]{32}/.test(fromUtf8(meta)) ? meta : utf8(`${home} ${fromUtf8(meta)}`);
  },
  settling: ({ key }) =>
    isSum(key) && fromUtf8(key) !== fromUtf8(sumKey) ? { type: 'settle', key } : undefined,
};

export interface WorldOptions {
  readonly devices?: number;
  readonly shards?: number;
  readonly replicas?: number;
  readonly seed?: number;
  readonly log?: Partial<LogSettings>;
  readonly settings?: Partial<ShardSettings>;
  /** Disks that take their time (`SimDisk.setLatency`): everything must then run by the clock. */
  readonly slowDisks?: boolean;
}

function firstMap(
  options: Required<Pick<WorldOptions, 'devices' | 'shards' | 'replicas'>>,
): ClusterMap {
  const ids = Array.from({ length: options.devices }, (_, place) => deviceId(place + 1));
  return {
    format: 1,
    clusterId: '00'.repeat(16),
    version: 1,
    devices: ids.map((id) => ({
      id,
      uuid: `${id}`,
      region: 'r',
      zone: 'z',
      node: 'n',
      path: `d${id}`,
      weight: 1,
      status: 'up',
    })),
    policies: [],
    defaultPolicy: 'none',
    shards: Array.from({ length: options.shards }, (_, place) => {
      const start = ((BigInt(place) << 128n) / BigInt(options.shards)).toString(16);
      const replicas = Array.from(
        { length: options.replicas },
        (__, step) => ids[(place + step) % ids.length] ?? deviceId(0),
      );
      const primary = replicas[0] ?? deviceId(0);
      return {
        id: shardId(place + 1),
        start: start.padStart(32, '0'),
        epoch: epoch(1),
        replicas,
        primary,
        inSync: replicas,
      };
    }),
  };
}

/** A device's disk and index outlive the process; what is open dies with it. */
export class World {
  readonly clock: SimClock = new SimClock();
  readonly random: SeededRandom;
  readonly disks: SimDisk[];
  readonly indexes: SimIndexStore[];
  readonly warnings: string[] = [];
  readonly #options: WorldOptions;
  #coordinator: EmbeddedCoordinator | undefined;
  #group: ShardGroup | undefined;
  #life = 0;
  devices: ShardDevice[] = [];
  /** Devices (from 0) that are not there at the next open. */
  readonly away: Set<number> = new Set();

  constructor(options: WorldOptions = {}) {
    this.#options = options;
    this.random = new SeededRandom(options.seed ?? 1);
    const count = options.devices ?? 3;
    const clock = options.slowDisks === true ? { clock: this.clock } : {};
    this.disks = Array.from({ length: count }, () => new SimDisk(clock));
    this.indexes = Array.from({ length: count }, () => new SimIndexStore());
  }

  static async open(options: WorldOptions = {}): Promise<World> {
    const world = new World(options);
    const { devices = 3, shards = 1, replicas = 3 } = options;
    const map = firstMap({ devices, shards, replicas });
    await world.clock.run(EmbeddedCoordinator.create(map, world.disks));
    await world.clock.run(world.start());
    return world;
  }

  get group(): ShardGroup {
    if (this.#group === undefined) throw new Error('the world is not started');
    return this.#group;
  }

  get coordinator(): EmbeddedCoordinator {
    if (this.#coordinator === undefined) throw new Error('the world is not started');
    return this.#coordinator;
  }

  get logger(): Logger {
    const warn = (fields: LogFields & { event: string }): void => {
      this.warnings.push(fields.event);
    };
    return { ...silentLogger, warn };
  }

  async start(): Promise<void> {
    const present = this.disks.map((disk, place) => (this.away.has(place) ? deadDisk() : disk));
    const life = this.#life;
    const alive = (): boolean => this.#life === life;
    this.#coordinator = await EmbeddedCoordinator.open(present.map((disk) => mortal(disk, alive)));
    this.devices = [];
    for (const place of this.disks.keys()) {
      // A device that cannot be opened is missing, no more.
      const device = this.away.has(place)
        ? undefined
        : await this.openDevice(place).catch(() => undefined);
      if (device !== undefined) this.devices.push(device);
    }
    this.#group = await ShardGroup.open({
      coordinator: this.coordinator,
      devices: this.devices,
      stateMachine,
      clock: this.clock,
      logger: this.logger,
      settings: this.#options.settings ?? {},
    });
  }

  async openDevice(place: number): Promise<ShardDevice> {
    const disk = this.disks[place];
    const index = this.indexes[place];
    if (disk === undefined || index === undefined) throw new Error('no such device');
    return ShardDevice.open({
      id: deviceId(place + 1),
      disk: disk.session(),
      clock: this.clock,
      index: index.open(),
      logger: this.logger,
      settings: this.#options.log ?? {},
    });
  }

  async stop(): Promise<void> {
    await this.group.close();
    await Promise.allSettled(this.devices.map((device) => device.close()));
    await this.coordinator.close();
    this.#group = undefined;
    // A clean stop leaves the index as it is.
    for (const index of this.indexes) await index.killed();
  }

  /** The machine loses power, or the process is killed, at this moment. */
  async crash(lose: Loss): Promise<void> {
    this.#life++;
    for (const disk of this.disks) disk.crash(this.random, { lose });
    for (const index of this.indexes) {
      if (lose === 'none') await index.killed();
      else await index.powerLost(this.random);
    }
    this.clock.clear();
    await quiet();
    this.#group = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  execute(command: Command, route: string = firstRoute): Promise<unknown> {
    return this.group.route(route).execute({ ...command, route });
  }

  async read(
    name: string,
    route: string = firstRoute,
  ): Promise<{ text: string; body: string | undefined } | undefined> {
    const found = await this.group.route(route).getWithBody(keyOf(name, route));
    if (found === undefined) return undefined;
    const { row, body } = found;
    return { text: fromUtf8(row.meta), body: body === undefined ? undefined : fromUtf8(body) };
  }

  async names(route: string = firstRoute): Promise<string[]> {
    const page = await this.group.route(route).list({
      region: regionOf(route),
      prefix: new Uint8Array(0),
      delimiter: new Uint8Array(0),
      after: undefined,
      before: undefined,
      reverse: false,
      limit: 100_000,
    });
    return page.items.map((item) => fromUtf8(item.name));
  }
}

function deadDisk(): SimDisk {
  const disk = new SimDisk();
  disk.fail('all');
  return disk;
}

/** The disk as one life of the process sees it; unlike `session` it goes on when the disk itself is replaced. */
function mortal(disk: SimDisk, alive: () => boolean): Disk {
  const living = (): SimDisk => {
    if (alive()) return disk;
    throw new StoreError('internal', 'disk', 'the process is dead');
  };
  return {
    open: async (path) => living().open(path),
    create: async (path) => living().create(path),
    readAll: async (path) => living().readAll(path),
    list: async (path) => living().list(path),
    makeDirectory: async (path) => living().makeDirectory(path),
    rename: async (from, to) => living().rename(from, to),
    remove: async (path) => living().remove(path),
    syncDirectory: async (path) => living().syncDirectory(path),
    space: async () => living().space(),
  };
}

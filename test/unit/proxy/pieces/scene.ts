import type { Commands } from '../../../../server/core/commands.ts';
import type { ContainerRow, Id, Versioning } from '../../../../server/core/model.ts';
import { ClusterRows, type ShardMap } from '../../../../server/proxy/rows.ts';
import type { Shard, StateMachine } from '../../../../storage/shard/shard.ts';
import { pour } from '../../../memory/pour.ts';
import { type Hook, MemoryShards } from '../../../memory/shards.ts';
import { SimClock } from '../../../sim/clock.ts';

export const containerId: Id = `40${'0'.repeat(29)}1`;

/** Ids that lie in different shards when there are several. */
export function pieceId(number: number): Id {
  return (
    ((number * 97) % 256).toString(16).padStart(2, '0') + number.toString(16).padStart(30, '0')
  );
}

export interface Scene {
  readonly clock: SimClock;
  readonly shards: MemoryShards;
  readonly rows: ClusterRows;
  /** Lets the world run until this is settled. */
  readonly run: <T>(work: Promise<T>) => Promise<T>;
}

export interface SceneOptions {
  readonly shards?: number;
  readonly versioning?: Versioning;
  readonly machine?: StateMachine;
}

/** A container that lies in one piece. */
export async function createScene(options: SceneOptions = {}): Promise<Scene> {
  const clock = new SimClock();
  const { shards: count = 3, machine } = options;
  const shards = new MemoryShards({
    clock,
    shards: count,
    ...(machine === undefined ? {} : { machine }),
  });
  const rows = new ClusterRows(shards, clock);
  await rows.execute({
    type: 'container.create',
    containerId,
    ...{ account: 'AUTH_test', name: 'c', policy: 'default', settings: {} },
    versioning: options.versioning ?? 'off',
  });
  return { clock, shards, rows, run: (work) => clock.run(work) };
}

/** Divides it at these names, which are given in order: the first new piece is number 1. */
export function divide(shards: MemoryShards, ...names: readonly string[]): void {
  for (const [place, name] of names.entries()) {
    if (!pour(shards, place === 0 ? containerId : pieceId(place), name, pieceId(place + 1))) {
      throw new Error(`it was not divided at ${name}`);
    }
  }
}

/** What a put of an inline object takes. */
export function putOf(
  key: string,
  text: string = key,
): { type: 'object.put' } & Commands['object.put']['args'] {
  const inline = Buffer.from(text);
  return {
    type: 'object.put',
    containerId,
    key,
    object: {
      size: inline.length,
      etag: `e-${text}`,
      contentType: 'text/plain',
      system: {},
      user: {},
      checksums: [],
      body: { type: 'inline' },
    },
    inline,
    condition: {},
  };
}

/** The same shards, with something between them and one of their callers. */
export function through(shards: ShardMap, hook: Hook): ShardMap {
  const wrap = (shard: Shard): Shard => {
    const call = async <R>(
      type: 'execute' | 'get' | 'scan' | 'list',
      what: unknown,
      act: () => Promise<R>,
    ): Promise<R> => {
      await hook({ when: 'before', type, what });
      const result = await act();
      await hook({ when: 'after', type, what });
      return result;
    };
    return {
      id: shard.id,
      execute: (command) => call('execute', command, () => shard.execute(command)),
      get: (key) => call('get', key, () => shard.get(key)),
      getWithBody: (key) => call('get', key, () => shard.getWithBody(key)),
      scan: (range) => call('scan', range, () => shard.scan(range)),
      list: (query) => call('list', query, () => shard.list(query)),
    };
  };
  return { route: (id) => wrap(shards.route(id)), all: () => shards.all().map(wrap) };
}

/** The rows of all pieces, in order. */
export function rowsOfPieces(shards: MemoryShards): readonly ContainerRow[] {
  const found: ContainerRow[] = [];
  for (let id: Id | undefined = containerId; id !== undefined; id = found.at(-1)?.piece?.next) {
    const row = shards.peek('container', { containerId: id });
    if (row !== undefined) found.push(row);
  }
  return found;
}

export const limits = { maxCount: 90, maxTotalBytes: 4096 };

/** Several shards in memory: changed by the real decisions, read as a primary reads. */
import { toHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { HybridClock } from '../../base/timestamp.ts';
import { epoch, sequence, type ShardId, shardId } from '../../base/units.ts';
import { createDecide } from '../../server/core/decide/decide.ts';
import type { KeyOf, RowOf, TableName } from '../../server/core/ports.ts';
import { decodeRow, encodeKey, encodeRow, routeOf } from '../../server/proxy/row-codec.ts';
import type { ShardMap } from '../../server/proxy/rows.ts';
import { createStateMachine } from '../../server/proxy/state-machine.ts';
import { listPage, scanRows } from '../../storage/shard/list.ts';
import type {
  ListPage,
  ListQuery,
  Row,
  ScanRange,
  Shard,
  StateMachine,
} from '../../storage/shard/shard.ts';
import { noPrefix, StoredRows } from './stored-rows.ts';

/** A call of a shard, before it is done or after it. What the hook throws is what the caller gets. */
export interface ShardCall {
  readonly when: 'before' | 'after';
  readonly type: 'execute' | 'get' | 'scan' | 'list';
  readonly what: unknown;
}

export type Hook = (call: ShardCall) => Promise<void> | void;

export interface MemoryShardsOptions {
  readonly clock: Clock;
  /** How many shards the ids are spread over. Default: one. */
  readonly shards?: number;
  readonly machine?: StateMachine;
  readonly hook?: Hook;
}

interface Scene {
  readonly machine: StateMachine;
  readonly stamps: HybridClock;
  hook: Hook;
}

export function realMachine(): StateMachine {
  return createStateMachine(createDecide({ releaseGraceMillis: 60_000 }));
}

class MemoryShard implements Shard {
  readonly id: ShardId;
  readonly rows: StoredRows = new StoredRows();
  readonly #scene: Scene;

  constructor(id: ShardId, scene: Scene) {
    this.id = id;
    this.#scene = scene;
  }

  /** The decision and its writes are one step; others may come before it, and before its answer. */
  execute(command: unknown): Promise<unknown> {
    return this.#call('execute', command, () => {
      const { machine, stamps } = this.#scene;
      const stamp = { epoch: epoch(1), sequence: sequence(1), time: stamps.next() };
      const { writes, result } = machine.decide(command, this.rows, stamp);
      this.rows.apply(writes);
      return result;
    });
  }

  async #call<R>(type: ShardCall['type'], what: unknown, act: () => R | Promise<R>): Promise<R> {
    await this.#scene.hook({ when: 'before', type, what });
    const result = await act();
    await this.#scene.hook({ when: 'after', type, what });
    return result;
  }

  get(key: Uint8Array): Promise<Row | undefined> {
    return this.#call('get', key, () => {
      const row = this.rows.get(key);
      this.#scene.machine.checkKey(key, this.rows);
      return row;
    });
  }

  getWithBody(key: Uint8Array): Promise<{ row: Row; body: Uint8Array | undefined } | undefined> {
    return this.#call('get', key, async () => {
      const row = this.rows.get(key);
      const body = this.rows.bodyOf(key)?.slice();
      // The bytes are read from the log.
      if (body !== undefined) await Promise.resolve();
      this.#scene.machine.checkKey(key, this.rows);
      return row && { row, body };
    });
  }

  scan(range: ScanRange): Promise<readonly Row[]> {
    return this.#call('scan', range, async () => {
      const found = await scanRows(this.rows.index(), noPrefix, range);
      this.#scene.machine.checkKey(range.gte, this.rows);
      return found;
    });
  }

  list(query: ListQuery): Promise<ListPage> {
    return this.#call('list', query, async () => {
      const page = await listPage(this.rows.index(), noPrefix, query);
      this.#scene.machine.checkListed(query, this.rows);
      return page;
    });
  }
}

/** Ids go to the shards by their first byte. */
export class MemoryShards implements ShardMap {
  readonly #shards: readonly MemoryShard[];
  readonly #scene: Scene;

  constructor({ clock, shards = 1, machine = realMachine(), hook }: MemoryShardsOptions) {
    const stamps = new HybridClock(clock);
    this.#scene = { machine, stamps, hook: hook ?? (() => Promise.resolve()) };
    const numbers = Array.from({ length: shards }, (_, place) => shardId(place + 1));
    this.#shards = numbers.map((number) => new MemoryShard(number, this.#scene));
  }

  set hook(hook: Hook) {
    this.#scene.hook = hook;
  }

  route(id: string): MemoryShard {
    const first = Number.parseInt(id.slice(0, 2), 16) || 0;
    const found = this.#shards[Math.floor((first * this.#shards.length) / 256)];
    if (found === undefined) throw new Error(`no shard owns ${id}`);
    return found;
  }

  all(): readonly Shard[] {
    return this.#shards;
  }

  /** All rows, as text. */
  dump(): string {
    const ends = [Uint8Array.of(0), Uint8Array.of(2)] as const;
    const rows = this.#shards.flatMap((shard) => shard.rows.range(...ends));
    return rows.map(({ key, meta }) => `${toHex(key)} ${toHex(meta)}`).join('\n');
  }

  /** A row as it is now, without waiting. */
  peek<T extends TableName>(table: T, key: KeyOf<T>): RowOf<T> | undefined {
    const row = this.route(routeOf(key)).rows.get(encodeKey(table, key));
    return row && decodeRow<T>(row.meta);
  }

  /** Writes a row past all decisions. */
  write<T extends TableName>(table: T, key: KeyOf<T>, row: RowOf<T>): void {
    const put = { type: 'put', key: encodeKey(table, key), meta: encodeRow(row) } as const;
    this.route(routeOf(key)).rows.apply([put]);
  }
}

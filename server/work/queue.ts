import type { Clock } from '../../base/clock.ts';
import { keyAfter } from '../../storage/shard/row-key.ts';
import type { Shard } from '../../storage/shard/shard.ts';
import type { Command, CommandResult } from '../core/commands.ts';
import type { QueueRow } from '../core/model.ts';
import type { RowStore } from '../core/ports.ts';
import { decodeQueueKey, decodeRow, localRange, queueBound } from '../proxy/row-codec.ts';
import type { ShardMap } from '../proxy/rows.ts';

/** One due row of a shard's queue. */
export interface QueueJob {
  readonly shard: Shard;
  readonly dueAt: number;
  readonly id: string;
  readonly row: QueueRow;
}

/** Rows looked at in one step: 128 rows of some 300 bytes. */
const PAGE_ROWS = 128;

/**
 * Finds due queue rows of some types. It goes round all shards from where it stopped, so a row that
 * cannot be done now (its device is away) does not block those behind it.
 */
export class QueueReader {
  readonly #shards: ShardMap;
  readonly #clock: Clock;
  readonly #types: ReadonlySet<QueueRow['type']>;
  #shard = 0;
  #from: Uint8Array | undefined;
  readonly #found: QueueJob[] = [];

  constructor(shards: ShardMap, clock: Clock, types: readonly QueueRow['type'][]) {
    this.#shards = shards;
    this.#clock = clock;
    this.#types = new Set(types);
  }

  /** Undefined when one whole round met nothing due. */
  async next(): Promise<QueueJob | undefined> {
    const shards = this.#shards.all();
    let turns = 0;
    while (this.#found.length === 0 && turns <= shards.length) {
      const shard = shards[this.#shard % shards.length];
      if (shard === undefined) return undefined;
      const full = await this.#page(shard);
      if (!full) {
        this.#shard = (this.#shard + 1) % shards.length;
        this.#from = undefined;
        turns++;
      }
    }
    return this.#found.shift();
  }

  async #page(shard: Shard): Promise<boolean> {
    const rows = await shard.scan({
      gte: this.#from ?? localRange('queue').gte,
      lt: queueBound(this.#clock.now() + 1),
      limit: PAGE_ROWS,
    });
    for (const stored of rows) {
      const row = decodeRow<'queue'>(stored.meta);
      if (this.#types.has(row.type)) {
        this.#found.push({ shard, ...decodeQueueKey(stored.key), row });
      }
    }
    const last = rows.at(-1);
    if (last !== undefined) this.#from = keyAfter(last.key);
    return rows.length === PAGE_ROWS;
  }
}

/** Runs a command at a shard that is known already. */
export async function executeAt<C extends Command>(
  shard: Shard,
  command: C,
): Promise<CommandResult<C>> {
  // Commands and their results are core's; the shard layer carries them as opaque values.
  return (await shard.execute(command)) as CommandResult<C>;
}

/**
 * Runs what a local row of the shard asks for. What is about a name is for the piece that the name lies in now (decision
 * 0036): the row may still name the one that it went over from, which lies in the same shard until the row has followed.
 */
export function executeFrom<C extends Command>(
  shard: Shard,
  rows: Pick<RowStore, 'execute'>,
  command: C,
): Promise<CommandResult<C>> {
  return 'key' in command ? rows.execute(command) : executeAt(shard, command);
}

export async function finishJob(job: QueueJob): Promise<void> {
  const { dueAt, id } = job;
  await executeAt(job.shard, { type: 'queue.done', containerId: '', dueAt, id });
}

import type { Clock } from '../../../base/clock.ts';
import { keyAfter } from '../../../storage/shard/row-key.ts';
import type { Shard } from '../../../storage/shard/shard.ts';
import type { DueDone } from '../../core/lifecycle/commands.ts';
import type { DueRow } from '../../core/model.ts';
import type { RowStore } from '../../core/ports.ts';
import type { DueLane } from '../../core/lifecycle/due-key.ts';
import { decodeDueKey, decodeRow, dueRange } from '../../proxy/row-codec.ts';
import type { ShardMap } from '../../proxy/rows.ts';
import { executeFrom } from '../queue.ts';

/** One due row, and the way to where it is done. */
export interface DueJob {
  readonly row: DueRow;
  /** What ends it. */
  readonly done: DueDone;
  readonly execute: RowStore['execute'];
}

/** Due rows of one lane; at most so many, none: nothing is due. What is not ended comes again. */
export type DueSource = (limit: number) => Promise<readonly DueJob[]>;

/** Goes round all shards from where it stopped, so a row that cannot be done now does not block those behind it. */
export function dueSource(
  parts: { readonly shards: ShardMap; readonly rows: RowStore; readonly clock: Clock },
  lane: DueLane,
): DueSource {
  const { shards, rows: store, clock } = parts;
  let turn = 0;
  let from: Uint8Array | undefined;
  const page = async (shard: Shard, limit: number): Promise<readonly DueJob[]> => {
    const range = dueRange(lane, clock.now());
    const rows = await shard.scan({ gte: from ?? range.gte, lt: range.lt, limit });
    const last = rows.at(-1);
    from = last === undefined ? undefined : keyAfter(last.key);
    if (rows.length < limit) {
      turn++;
      from = undefined;
    }
    return rows.map((stored): DueJob => {
      const row = decodeRow<'due'>(stored.meta);
      const { containerId, stamp } = row;
      return {
        row,
        done: { containerId, ...decodeDueKey(stored.key), stamp },
        execute: (command) => executeFrom(shard, store, command),
      };
    });
  };
  return async (limit) => {
    const all = shards.all();
    for (let tries = 0; tries <= all.length; tries++) {
      const shard = all[turn % Math.max(1, all.length)];
      if (shard === undefined) return [];
      const found = await page(shard, limit);
      if (found.length > 0) return found;
    }
    return [];
  };
}

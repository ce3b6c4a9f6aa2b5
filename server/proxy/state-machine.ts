import { invariant } from '../../base/invariant.ts';
import type { Decision, RowView, RowWrite, StateMachine } from '../../storage/shard/shard.ts';
import type { Command } from '../core/commands.ts';
import type { Change, ShardView } from '../core/ports.ts';
import type { Decide } from '../core/decide/decide.ts';
import { homeOfLocal, idOfCommand } from './home.ts';
import { keyJoined, metaJoined, settling } from './joined.ts';
import { checkKey, checkListed } from './pieces/guard.ts';
import { encodeKey, encodeRow, readRow } from './row-codec.ts';

/** Lets core's decisions run at a shard's primary: tables over row bytes, changes into row writes. */
export function createStateMachine(decide: Decide): StateMachine {
  return {
    decide(command, rows, stamp): Decision {
      // The shard layer carries commands as opaque values; only RowStore.execute makes them.
      const { changes, result } = decide(command as Command, viewOf(rows), stamp);
      return { writes: changes.map(toWrite), result };
    },
    // Workers that have a shard at hand name no container.
    idOf: (command) => idOfCommand(command as Command) || undefined,
    homeOf: homeOfLocal,
    checkKey,
    checkListed,
    keyJoined,
    metaJoined,
    settling,
  };
}

/** Tables over row bytes. */
export function viewOf(rows: RowView): ShardView {
  return {
    get: (table, key) => {
      const row = rows.get(encodeKey(table, key));
      return row === undefined ? undefined : readRow<typeof table>(row);
    },
  };
}

export function toWrite(change: Change): RowWrite {
  const key = encodeKey(change.table, change.key);
  if (change.type === 'delete') return { type: 'delete', key };
  const meta = encodeRow(change.row);
  if (change.bodyOf !== undefined) {
    invariant(change.body === undefined, 'a row has one inline body');
    const from = encodeKey(change.bodyOf.table, change.bodyOf.key);
    return { type: 'put-with-body-of', key, meta, from };
  }
  return change.body === undefined
    ? { type: 'put', key, meta }
    : { type: 'put', key, meta, body: change.body };
}

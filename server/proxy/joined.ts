/** How a shard's own rows stand in the shard that it is merged into (decision 0035). */
import { StoreError } from '../../base/errors.ts';
import { concatBytes, utf8 } from '../../base/bytes.ts';
import type { Joining, Row, RowView } from '../../storage/shard/shard.ts';
import type { Command } from '../core/commands.ts';
import type { Id, QueueRow } from '../core/model.ts';
import { homeOfLocal } from './home.ts';
import {
  decodeAccountUsageKey,
  decodeBackupKey,
  encodeKey,
  encodeRow,
  localTableOf,
  readRow,
} from './row-codec.ts';

/** Ids of queued work are unique within a shard; shards have each a number that no other ever had. */
function idJoined(id: string, { shard }: Joining): string {
  return `${id}.${shard}`;
}

export function keyJoined(key: Uint8Array, from: Joining): Uint8Array {
  switch (localTableOf(key)) {
    case 'queue':
      return concatBytes([key, utf8(idJoined('', from))]);
    case 'accountUsage': {
      const at = decodeAccountUsageKey(key);
      const number = at.from ?? from.shard;
      return encodeKey('accountUsage', { ...at, containerId: '', from: number });
    }
    // The shard that is no more needs no backup.
    case 'backup':
      return queuedKey(decodeBackupKey(key), from);
    // Named by what they are about, which is here or there.
    case 'claim':
    case 'event':
    case 'backlog':
    case 'due':
    case 'pour':
    case undefined:
      return key;
  }
}

export function metaJoined(row: Row, view: RowView, from: Joining): Uint8Array {
  const table = localTableOf(row.key);
  switch (table) {
    case 'queue':
      return encodeRow<'queue'>(queuedAt(readRow<'queue'>(row), homeOfLocal(row, view), from));
    case 'accountUsage': {
      const sums = readRow<'accountUsage'>(row);
      return encodeRow<'accountUsage'>({ ...sums, home: sums.home ?? from.home });
    }
    case 'claim': {
      const claim = readRow<'claim'>(row);
      if (claim.repair === undefined) return row.meta;
      const { dueAt, id } = claim.repair;
      return encodeRow<'claim'>({ ...claim, repair: { dueAt, id: idJoined(id, from) } });
    }
    case 'backup': {
      const { stored } = readRow<'backup'>(row);
      return encodeRow<'queue'>({ type: 'release', stored, containerId: from.home });
    }
    case 'event':
    case 'backlog':
    case 'due':
    case 'pour':
      return row.meta;
    case undefined:
      throw new StoreError('conflict', 'shard.merge', 'the shard holds rows of a newer release');
  }
}

/** Of what releases a piece of its backup: the claim's container is the first id that the shard owned. */
function queuedKey(place: number, from: Joining): Uint8Array {
  return encodeKey('queue', { containerId: '', dueAt: 0, id: idJoined(`backup-${place}`, from) });
}

/** What older releases queued without a word of whose it is goes with the shard. */
function queuedAt(row: QueueRow, home: Id | undefined, from: Joining): QueueRow {
  if (row.type !== 'release' || row.containerId !== undefined) return row;
  return { ...row, containerId: home ?? from.home };
}

export function settling(row: Row): Command | undefined {
  if (localTableOf(row.key) !== 'accountUsage') return undefined;
  const { accountId, from } = decodeAccountUsageKey(row.key);
  if (from === undefined) return undefined;
  const { home = '' } = readRow<'accountUsage'>(row);
  return { type: 'usage.join', containerId: home, accountId, from };
}

/** Which id a command or a row is about: the shard that owns it has them (decision 0035). */
import type { Row, RowView } from '../../storage/shard/shard.ts';
import type { Command } from '../core/commands.ts';
import type { Id } from '../core/model.ts';
import { encodeKey, localTableOf, readRow } from './row-codec.ts';

/** The id that routes a command: the first of these that it has. */
export function idOfCommand(command: Command): Id {
  if ('containerId' in command && !command.type.startsWith('directory.')) {
    if (!command.type.startsWith('bucketName.')) return command.containerId;
  }
  if ('nameId' in command) return command.nameId;
  if ('accountId' in command) return command.accountId;
  return command.containerId;
}

/** The container that a local row goes with; undefined: it is its shard's, wherever containers go. */
export function homeOfLocal(row: Row, view: RowView): Id | undefined {
  const table = localTableOf(row.key);
  switch (table) {
    case 'queue':
      return homeOfQueued(row, view);
    case 'claim':
    case 'event':
    case 'backlog':
    case 'due':
    case 'pour':
      return readRow<typeof table>(row).containerId;
    // Sums of all containers that the shard ever had: they mean something only together with those of all shards.
    case 'accountUsage':
      return readRow<'accountUsage'>(row).home;
    // A backup is of a shard's rows, whichever they are.
    case 'backup':
    case undefined:
      return undefined;
  }
}

/** Rows of older releases do not say what they release; the claim of the body does, as long as it is there. */
function homeOfQueued(row: Row, view: RowView): Id | undefined {
  const queued = readRow<'queue'>(row);
  if (queued.containerId !== undefined) return queued.containerId;
  if (queued.type !== 'release') return undefined;
  const key = encodeKey('claim', { containerId: '', objectId: queued.stored.objectId });
  const claim = view.get(key);
  return claim === undefined ? undefined : readRow<'claim'>(claim).containerId;
}

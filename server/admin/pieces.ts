/** What an operator asks of containers that lie in pieces: `torc shard pieces`, `torc shard divide`. */
import { StoreError } from '../../base/errors.ts';
import { ownerIn } from '../../storage/shard/ranges/extent.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import type { Cell } from '../cell/cell.ts';
import { accountIdOf } from '../core/ids.ts';
import { accountNameOf } from '../core/users.ts';
import type { PieceSums } from '../proxy/pieces/walk.ts';

const op = 'control.pieces';

async function containerOf({ rows }: Cell, params: URLSearchParams): Promise<string> {
  const name = params.get('container') ?? '';
  const account = params.get('account') ?? '';
  // As it stands in URLs, or as users sign in with it.
  for (const accountId of [account, accountNameOf(account)].map(accountIdOf)) {
    const line = await rows.get('directory', { accountId, name });
    if (line !== undefined) return line.containerId;
  }
  throw new StoreError('invalid-argument', op, 'there is no such container');
}

function ownerOf({ coordinator }: Cell, id: string): ShardState {
  const owner = ownerIn(coordinator.current().shards, id);
  if (owner !== undefined) return owner;
  throw new StoreError('unavailable', op, 'no shard owns the piece');
}

/** The node that has the shard's primary. */
export function nodeOf(
  { coordinator }: Pick<Cell, 'coordinator'>,
  { primary }: Pick<ShardState, 'primary'>,
): string {
  return coordinator.current().devices.find(({ id }) => id === primary)?.node ?? '?';
}

/** One line a piece. */
export async function listPieces(cell: Cell, params: URLSearchParams): Promise<string> {
  const containerId = await containerOf(cell, params);
  const pieces = await cell.rows.pieces(containerId);
  if (pieces.length === 0) {
    const owner = ownerOf(cell, containerId);
    return `The container lies in one piece, in shard ${owner.id} on ${nodeOf(cell, owner)}.`;
  }
  return pieces.map((one) => lineOf(cell, one)).join('\n');
}

function lineOf(cell: Cell, { id, piece, usage }: PieceSums): string {
  const owner = ownerOf(cell, id);
  const from = piece.from === '' ? 'the first name' : JSON.stringify(piece.from);
  const to = piece.to === undefined ? 'the last' : `before ${JSON.stringify(piece.to)}`;
  const place = `${id} in shard ${owner.id} on ${nodeOf(cell, owner)}`;
  return `${place}: from ${from} to ${to}, ${usage.objects} objects, ${usage.versions} versions`;
}

/** The largest piece, in the shard that has it. Throws `conflict` where another node serves that. */
export async function largestPiece(
  cell: Cell,
  params: URLSearchParams,
): Promise<{ readonly shard: ShardState['id']; readonly divide: string }> {
  const containerId = await containerOf(cell, params);
  const pieces = await cell.rows.pieces(containerId);
  const [first = containerId] = pieces
    .toSorted((a, b) => b.usage.versions - a.usage.versions)
    .map(({ id }) => id);
  const owner = ownerOf(cell, first);
  if (cell.group.find(owner.id)?.primary !== undefined) return { shard: owner.id, divide: first };
  throw new StoreError('conflict', op, `shard ${owner.id} is served by ${nodeOf(cell, owner)}`);
}

import type { Shard } from '../../../storage/shard/shard.ts';
import type { Id, UsageRow } from '../../core/model.ts';
import type { Piece } from '../../core/pieces/piece.ts';
import { noUsage } from '../../core/quota/usage.ts';
import { sumsIn, sumsRange } from '../row-codec.ts';

export interface PieceSums {
  readonly id: Id;
  readonly piece: Piece;
  readonly usage: UsageRow;
}

/**
 * The pieces of a container in order, with the sums of each; none for a container in one piece. Undefined when names
 * went from one piece to the next meanwhile.
 */
export async function walkPieces(
  shards: { route(id: Id): Shard },
  containerId: Id,
): Promise<readonly PieceSums[] | undefined> {
  const found: PieceSums[] = [];
  let from: string | undefined = '';
  let next: Id | undefined = containerId;
  while (next !== undefined) {
    const id: Id = next;
    const rows = await shards.route(id).scan({ ...sumsRange(id), limit: 2 });
    const [container, usage = noUsage] = sumsIn(rows);
    const piece = container?.piece;
    if (piece === undefined && id === containerId) return [];
    if (piece === undefined || piece.from !== from) return undefined;
    found.push({ id, piece, usage });
    from = piece.to;
    next = piece.next;
  }
  return found;
}

/** What a shard's primary does not answer though it owns the id: names that lie in another piece of the container. */
import { compareBytes, utf8 } from '../../../base/bytes.ts';
import { keyAfter, prefixEnd } from '../../../storage/shard/row-key.ts';
import type { ListQuery, RowView } from '../../../storage/shard/shard.ts';
import { elsewhere } from '../../core/pieces/elsewhere.ts';
import { holds, type Piece } from '../../core/pieces/piece.ts';
import { containerKeyOf, isNamed, nameIn, readRow } from '../row-codec.ts';

/** As `StateMachine.checkKey`. */
export function checkKey(key: Uint8Array, view: RowView): void {
  const piece = pieceAt(key, view);
  if (piece === undefined) return;
  if (!holds(piece, nameIn(key))) throw elsewhere();
}

/** As `StateMachine.checkListed`: a piece gives names away from its end only. */
export function checkListed(query: ListQuery, view: RowView): void {
  const piece = pieceAt(query.region, view);
  if (piece?.to === undefined) return;
  const to = utf8(piece.to);
  const { before, beforeSuffix } = query;
  // With a suffix, rows of that very name count too.
  const end = before === undefined || beforeSuffix === undefined ? before : keyAfter(before);
  const ends = [end, prefixEnd(query.prefix)];
  if (!ends.some((one) => one !== undefined && compareBytes(one, to) <= 0)) throw elsewhere();
}

function pieceAt(key: Uint8Array, view: RowView): Piece | undefined {
  if (!isNamed(key)) return undefined;
  const row = view.get(containerKeyOf(key));
  return row && readRow<'container'>(row).piece;
}

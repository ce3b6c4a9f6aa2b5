/**
 * A container that has grown large lies in pieces (decision 0036). Each is a range of names with an id of its own,
 * under which the rows of these names lie; for the shards it is a container. The first piece has the container's id.
 */
import { compareUtf8 } from '../../../base/bytes.ts';

/** Stands in the container's row of each piece. A piece only ever gives names away, from its end; they go to the piece behind it. */
export interface Piece {
  /** The container's own id: that of the first piece. */
  readonly of: string;
  /** The first name; '' in the first piece. */
  readonly from: string;
  /** The first name behind it; undefined: it is the last piece. */
  readonly to?: string | undefined;
  /** The piece that `to` and what follows lie in. */
  readonly next?: string | undefined;
  /** The last change of the container's row that is in this copy. */
  readonly round: number;
  /** The change that is under way: no name is written, and none goes over, until this copy has it. */
  readonly fence?: number | undefined;
}

/** Names of a piece are going over to the next one: the shard that both lie in must not be split between them. */
export interface PourRow {
  readonly containerId: string;
  /** The next piece. */
  readonly into: string;
}

/** Whether the name lies in a piece behind it. */
export function isBehind({ to }: Piece, name: string): boolean {
  return to !== undefined && compareUtf8(name, to) >= 0;
}

/** Whether the name lies in the piece. */
export function holds(piece: Piece, name: string): boolean {
  if (isBehind(piece, name)) return false;
  return piece.from === '' || compareUtf8(name, piece.from) >= 0;
}

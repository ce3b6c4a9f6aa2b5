/**
 * A container that has grown large lies in pieces (decision 0036). Each is a range of names with an id of its own,
 * under which the rows of these names lie; for the shards it is a container. The first piece has the container's id.
 */
import { compareUtf8 } from '../../../base/bytes.ts';
import type { Commands } from '../commands.ts';
import type { ContainerRow, Id } from '../model.ts';

/** Stands in the row of each piece. A piece only ever gives names away, from its end; they go to the piece behind it. */
export interface Piece {
  /** The container's own id: that of the first piece. */
  readonly of: Id;
  /** The first name; '' in the first piece. */
  readonly from: string;
  /** The first name behind it; undefined: it is the last piece. */
  readonly to?: string | undefined;
  /** The piece that `to` and what follows lie in. */
  readonly next?: Id | undefined;
  /** The last change of the container's row that is in this copy. */
  readonly round: number;
  /** The change that is under way: no name is written until this copy has it. */
  readonly fence?: number | undefined;
  /** Names are going over to the next piece. */
  readonly isPouring?: true | undefined;
}

/** A change of the container's row, recorded in the first piece so that anyone can bring it to its end. */
export interface Round {
  readonly number: number;
  readonly change: RoundChange;
  /** `begun`: pieces are being fenced. `decided`: the first piece's row has it. `over`: all copies have it. */
  readonly state: 'begun' | 'decided' | 'over';
  /** It was a deletion, and something was left. */
  readonly refusal?: { readonly versionsLeft: boolean; readonly uploadsLeft: boolean } | undefined;
}

/** Without the container's id, which is that of the row. */
export type RoundChange =
  | ({ readonly type: 'container.update' } & Omit<
      Commands['container.update']['args'],
      'containerId'
    >)
  | { readonly type: 'container.delete' };

/** Whether the name lies in the piece. */
export function holds(piece: Piece | undefined, name: string): boolean {
  if (piece === undefined) return true;
  if (piece.to !== undefined && compareUtf8(name, piece.to) >= 0) return false;
  return piece.from === '' || compareUtf8(name, piece.from) >= 0;
}

/** No name of it can be written: its row is being changed. */
export function isFenced(row: Pick<ContainerRow, 'piece' | 'round'>): boolean {
  if (row.piece?.fence !== undefined) return true;
  return row.round !== undefined && row.round.state !== 'over';
}

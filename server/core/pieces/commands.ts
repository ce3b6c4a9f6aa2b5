/** Commands of containers that lie in pieces (decision 0036): a part of `Commands`. */
import type { ContainerRow, Id, UsageRow } from '../model.ts';
import type { Piece, Round, RoundChange } from './piece.ts';

export interface PieceCommands {
  /** Records a change of the container's row in the first piece. `conflict` (detail `round`) while another one is under way; throws what the change would. Gives its number. */
  'round.begin': { args: { containerId: Id; change: RoundChange }; result: number };
  /** Lets no name of the piece be written until it has the change. Nothing is done when it has it. */
  'piece.fence': {
    args: { containerId: Id; round: number };
    result: { readonly piece: Piece; readonly usage: UsageRow };
  };
  /** Changes the first piece's row, once all others are fenced. `others`: their sums. */
  'round.decide': {
    args: { containerId: Id; round: number; others: UsageRow };
    result: { readonly container: ContainerRow };
  };
  /** The piece gets the container's row as it is now, and its names may be written again. */
  'piece.adopt': {
    args: { containerId: Id; round: number; container: ContainerRow };
    result: null;
  };
  /** All pieces have it. Gives the round as it ended; undefined: another one has begun since. */
  'round.end': { args: { containerId: Id; round: number }; result: Round | null };
}

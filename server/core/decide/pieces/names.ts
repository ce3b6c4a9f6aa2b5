/** Whether a command may be decided here: the names that it is about lie in this piece, and nobody changes the row. */
import { StoreError } from '../../../../base/errors.ts';
import type { Id } from '../../model.ts';
import { elsewhere } from '../../pieces/elsewhere.ts';
import { holds } from '../../pieces/piece.ts';
import type { Commit } from '../commit.ts';

interface About {
  readonly containerId: Id;
  readonly key: string;
  /** Of a renaming: the object's name so far. */
  readonly source?: string;
}

/** Throws `elsewhere` for a name of another piece, and `conflict` with detail `fenced`: nothing was done, and it may be tried again. */
export function checkPlace(commit: Commit, { containerId, key, source }: About): void {
  const row = commit.view.get('container', { containerId });
  if (row?.piece === undefined) return;
  if (!holds(row.piece, key)) throw elsewhere();
  if (source !== undefined && !holds(row.piece, source)) {
    // Two pieces may lie in two shards, and no commit is of both (decision 0036).
    const message = 'the container is too large for an object to get this name in one step';
    throw new StoreError('not-implemented', 'object.rename', message);
  }
  if (row.piece.fence === undefined) return;
  throw new StoreError('conflict', 'decide', 'the container is being changed', {
    detail: { fenced: true },
  });
}

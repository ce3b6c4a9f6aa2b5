/**
 * The end of a pouring (decision 0036): names of a piece have gone over to the next one, which lies in the same shard.
 * What the shard keeps beside them still names the piece that they came from.
 */
import type { Commands, LocalRowName } from '../../commands.ts';
import type { Id, QueueRow } from '../../model.ts';
import { isBehind, type Piece } from '../../pieces/piece.ts';
import type { Commit } from '../commit.ts';
import { startScans } from '../lifecycle.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

/** What an event waits for is counted with the feed of the piece that it was told to: it stays. */
export function settlePour(commit: Commit, { containerId, rows }: Args<'pour.settle'>): null {
  const piece = commit.view.get('container', { containerId })?.piece;
  if (piece?.next === undefined) return null;
  for (const row of rows) settle(commit, { containerId, piece, into: piece.next }, row);
  return null;
}

interface Pour {
  readonly containerId: Id;
  readonly piece: Piece;
  readonly into: Id;
}

function settle(commit: Commit, pour: Pour, name: LocalRowName): void {
  const { containerId, into } = pour;
  switch (name.table) {
    case 'claim': {
      const key = { containerId, objectId: name.objectId };
      const row = commit.view.get('claim', key);
      if (row?.containerId !== containerId || !isBehind(pour.piece, row.key)) return;
      const moved = { ...row, containerId: into };
      commit.change({ type: 'put', table: 'claim', key, row: moved });
      return;
    }
    case 'queue': {
      const key = { containerId, dueAt: name.dueAt, id: name.id };
      const row = commit.view.get('queue', key);
      if (row?.containerId !== containerId || !goesOver(commit, pour, row)) return;
      commit.change({ type: 'put', table: 'queue', key, row: { ...row, containerId: into } });
      return;
    }
    case 'due': {
      const key = { containerId, lane: name.lane, dueAt: name.dueAt, id: name.id };
      const row = commit.view.get('due', key);
      if (row?.containerId !== containerId || row.type === 'scan') return;
      if (!isBehind(pour.piece, row.key)) return;
      commit.change({ type: 'put', table: 'due', key, row: { ...row, containerId: into } });
    }
  }
}

function goesOver(commit: Commit, { containerId, piece, into }: Pour, row: QueueRow): boolean {
  switch (row.type) {
    case 'release-parts':
    case 'expire':
      return isBehind(piece, row.key);
    case 'release':
    case 'repair': {
      // It goes where the body's claim goes.
      const objectId = row.type === 'repair' ? row.objectId : row.stored.objectId;
      const claim = commit.view.get('claim', { containerId, objectId });
      if (claim === undefined) return false;
      return claim.containerId === into || isBehind(piece, claim.key);
    }
    case 'report':
      return false;
  }
}

export function endPour(commit: Commit, { containerId }: Args<'pour.end'>): null {
  if (commit.view.get('pour', { containerId }) === undefined) return null;
  commit.change({ type: 'delete', table: 'pour', key: { containerId } });
  const row = commit.view.get('container', { containerId });
  const next = row?.piece?.next;
  // A scan of the old piece passed over what had gone already.
  if (row?.lifecycle !== undefined && next !== undefined) startScans(commit, next);
  return null;
}

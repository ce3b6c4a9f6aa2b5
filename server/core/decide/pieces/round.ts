/**
 * How the row of a container in pieces is changed (decision 0036): a round. The change is recorded in the first
 * piece, every other piece is fenced, the first piece's row is changed, every other piece gets a copy. So each
 * write of a name is decided by the row as it was before the change or after it, and never by the old one once somebody was shown the new one.
 *
 * Every step may be taken by anyone, again, and late: by its number it finds out that it is over.
 */
import { StoreError } from '../../../../base/errors.ts';
import type { Commands, RoundChange, RoundRow } from '../../commands.ts';
import { markOf } from '../../feed/mark.ts';
import { feedIdOf } from '../../ids.ts';
import type { ContainerRow, Feed, Id, UsageRow } from '../../model.ts';
import type { Piece } from '../../pieces/piece.ts';
import type { Commit } from '../commit.ts';
import { changeContainer, leftOf, removeContainer } from '../container.ts';
import { beginSync } from '../feed.ts';
import { startScans } from '../lifecycle.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

export function beginRound(commit: Commit, args: Args<'round.begin'>): number {
  const { containerId, change } = args;
  const container = commit.container(containerId);
  const piece = pieceOf(container);
  if (piece.fence !== undefined) {
    throw new StoreError('conflict', change.type, 'another change is under way', {
      detail: { round: true },
    });
  }
  // What it refuses it refuses now: nothing but a round changes the row.
  if (change.type === 'container.update') {
    changeContainer(commit, container, { ...change, containerId });
  }
  const number = piece.round + 1;
  putContainer(commit, containerId, { ...container, piece: { ...piece, fence: number } });
  putRound(commit, containerId, { number, change, state: 'begun' });
  return number;
}

export function fencePiece(
  commit: Commit,
  args: Args<'piece.fence'>,
): Commands['piece.fence']['result'] {
  const { containerId, round } = args;
  const row = rowOf(commit, containerId);
  const piece = pieceOf(row);
  const usage = commit.usage(containerId);
  // A late step never takes a later round's fence away.
  if (Math.max(piece.round, piece.fence ?? 0) >= round) return { piece, usage };
  const fenced: Piece = { ...piece, fence: round };
  putContainer(commit, containerId, { ...row, piece: fenced });
  return { piece: fenced, usage };
}

export function raiseRound(commit: Commit, args: Args<'round.raise'>): null {
  const { containerId, to } = args;
  const round = roundOf(commit, containerId);
  if (round.number !== args.round || round.state !== 'begun' || to <= round.number) return null;
  const row = rowOf(commit, containerId);
  putContainer(commit, containerId, { ...row, piece: { ...pieceOf(row), fence: to } });
  putRound(commit, containerId, { ...round, number: to });
  return null;
}

export function decideRound(commit: Commit, args: Args<'round.decide'>): null {
  const { containerId, others } = args;
  const round = roundOf(commit, containerId);
  if (round.number !== args.round || round.state !== 'begun') return null;
  const refusal = decide(commit, { containerId, change: round.change, others });
  const decided = refusal === undefined ? {} : { refusal };
  putRound(commit, containerId, { ...round, state: 'decided', ...decided });
  return null;
}

function decide(
  commit: Commit,
  of: { readonly containerId: Id; readonly change: RoundChange; readonly others: UsageRow },
): RoundRow['refusal'] {
  const { containerId, change, others } = of;
  const container = commit.container(containerId);
  if (change.type === 'container.update') {
    const changed = changeContainer(commit, container, { ...change, containerId });
    putContainer(commit, containerId, changed);
    followUp(commit, containerId, changed, change);
    for (const { dueAt, row } of change.later ?? []) commit.enqueue(containerId, dueAt, row);
    return undefined;
  }
  const refusal = leftOf([commit.usage(containerId), others]);
  if (refusal !== undefined) return refusal;
  putContainer(commit, containerId, removeContainer(commit, containerId, container));
  return undefined;
}

export function adoptRow(commit: Commit, args: Args<'piece.adopt'>): null {
  const { containerId, round, container, change } = args;
  const piece = pieceOf(rowOf(commit, containerId));
  if (piece.fence !== round) return null;
  const { fence: _fence, ...open } = piece;
  const copy = copyFor(containerId, container, { ...open, round });
  putContainer(commit, containerId, copy);
  if (copy.state === 'deleted') {
    commit.change({ type: 'delete', table: 'usage', key: { containerId } });
  } else if (change.type === 'container.update') {
    followUp(commit, containerId, copy, change);
  }
  return null;
}

/** What a change has each piece do for its own names. */
function followUp(
  commit: Commit,
  containerId: Id,
  row: ContainerRow,
  change: Pick<Args<'container.update'>, 'lifecycle' | 'feeds'>,
): void {
  if (row.lifecycle !== undefined && change.lifecycle !== undefined) {
    startScans(commit, containerId);
  }
  if (change.feeds?.purpose === 'sync') beginSync(commit, containerId, row);
}

export function endRound(commit: Commit, args: Args<'round.end'>): RoundRow {
  const { containerId } = args;
  const round = roundOf(commit, containerId);
  if (round.number !== args.round || round.state !== 'decided') return round;
  const row = rowOf(commit, containerId);
  const { fence: _fence, ...open } = pieceOf(row);
  putContainer(commit, containerId, { ...row, piece: { ...open, round: round.number } });
  const over: RoundRow = { ...round, state: 'over' };
  putRound(commit, containerId, over);
  return over;
}

/** The container's row as a piece that is not the first one has it. */
export function copyFor(containerId: Id, container: ContainerRow, piece: Piece): ContainerRow {
  const { feeds, ...copy } = container;
  if (feeds === undefined) return { ...copy, piece };
  // What waits in a feed is counted for each piece.
  const own = feeds.map((feed): Feed => {
    return { ...feed, id: feedIdOf(containerId, feed.purpose, feed.rule), of: markOf(feed) };
  });
  return { ...copy, feeds: own, piece };
}

function rowOf(commit: Commit, containerId: Id): ContainerRow {
  const row = commit.view.get('container', { containerId });
  if (row !== undefined) return row;
  throw new StoreError('no-such-container', 'round', 'the piece does not exist');
}

function pieceOf({ piece }: ContainerRow): Piece {
  if (piece !== undefined) return piece;
  throw new StoreError('invalid-state', 'round', 'the container lies in one piece');
}

function roundOf(commit: Commit, containerId: Id): RoundRow {
  const round = commit.view.get('round', { containerId });
  if (round !== undefined) return round;
  throw new StoreError('invalid-state', 'round', 'the container was never changed in pieces');
}

function putContainer(commit: Commit, containerId: Id, row: ContainerRow): void {
  commit.change({ type: 'put', table: 'container', key: { containerId }, row });
}

function putRound(commit: Commit, containerId: Id, row: RoundRow): void {
  commit.change({ type: 'put', table: 'round', key: { containerId }, row });
}

/**
 * How the row of a container in pieces is changed (decision 0036): a round. The change is recorded in the first
 * piece, every other piece is fenced, the first piece's row is changed, every other piece gets a copy. So each
 * write of a name is decided by the row as it was before the change or after it, and never by the old one once somebody was shown the new one.
 *
 * Every step may be taken by anyone, again, and late: by its number it finds out that it is over.
 */
import { StoreError } from '../../../../base/errors.ts';
import type { Commands } from '../../commands.ts';
import { feedIdOf } from '../../ids.ts';
import type { ContainerRow, Feed, Id, UsageRow } from '../../model.ts';
import type { PieceCommands } from '../../pieces/commands.ts';
import type { Piece, Round, RoundChange } from '../../pieces/piece.ts';
import type { Commit } from '../commit.ts';
import { changeContainer, leftOf, removeContainer } from '../container.ts';
import { beginSync } from '../feed.ts';
import { startScans } from '../lifecycle.ts';

type Args<N extends keyof PieceCommands> = PieceCommands[N]['args'];
type Result<N extends keyof PieceCommands> = PieceCommands[N]['result'];

export function beginRound(commit: Commit, args: Args<'round.begin'>): Result<'round.begin'> {
  const { containerId, change } = args;
  const row = commit.container(containerId);
  const piece = pieceOf(row);
  if (row.round !== undefined && row.round.state !== 'over') {
    throw new StoreError('conflict', change.type, 'another change is under way', {
      detail: { round: true },
    });
  }
  // What it refuses it refuses now: nothing but a round changes the row.
  if (change.type === 'container.update') changeContainer(commit, row, { ...change, containerId });
  const round: Round = { number: piece.round + 1, change, state: 'begun' };
  put(commit, containerId, { ...row, round });
  return round.number;
}

export function fencePiece(commit: Commit, args: Args<'piece.fence'>): Result<'piece.fence'> {
  const { containerId, round } = args;
  const row = rowOf(commit, containerId);
  const piece = pieceOf(row);
  const usage = commit.usage(containerId);
  if (piece.round >= round || piece.fence === round) return { piece, usage };
  const fenced: Piece = { ...piece, fence: round };
  put(commit, containerId, { ...row, piece: fenced });
  return { piece: fenced, usage };
}

export function decideRound(commit: Commit, args: Args<'round.decide'>): Result<'round.decide'> {
  const { containerId, round: number, others } = args;
  const row = rowOf(commit, containerId);
  const { round } = row;
  if (round?.number !== number || round.state !== 'begun') return { container: row };
  const [changed, refusal] = changedBy(commit, row, { containerId, change: round.change, others });
  const decided: Round = {
    ...round,
    state: 'decided',
    ...(refusal === undefined ? {} : { refusal }),
  };
  const container: ContainerRow = { ...changed, round: decided };
  put(commit, containerId, container);
  return { container };
}

function changedBy(
  commit: Commit,
  row: ContainerRow,
  of: { readonly containerId: Id; readonly change: RoundChange; readonly others: UsageRow },
): readonly [ContainerRow, Round['refusal']] {
  const { containerId, change, others } = of;
  if (change.type === 'container.update') {
    const args = { ...change, containerId };
    const changed = changeContainer(commit, row, args);
    followUp(commit, containerId, changed, args);
    for (const { dueAt, row: work } of change.later ?? []) commit.enqueue(containerId, dueAt, work);
    return [changed, undefined];
  }
  const refusal = leftOf([commit.usage(containerId), others]);
  if (refusal !== undefined) return [row, refusal];
  return [removeContainer(commit, containerId, row), undefined];
}

export function adoptRow(commit: Commit, args: Args<'piece.adopt'>): Result<'piece.adopt'> {
  const { containerId, round, container } = args;
  const old = rowOf(commit, containerId);
  const piece = pieceOf(old);
  if (piece.fence !== round) return null;
  const { fence: _fence, ...open } = piece;
  const { round: decided } = container;
  const copy = copyFor(containerId, container, { ...open, round });
  put(commit, containerId, copy);
  if (copy.state === 'deleted') {
    commit.change({ type: 'delete', table: 'usage', key: { containerId } });
  } else if (decided?.change.type === 'container.update') {
    followUp(commit, containerId, copy, decided.change);
  }
  return null;
}

/** What a change has each piece do for its own names. */
function followUp(
  commit: Commit,
  containerId: Id,
  row: ContainerRow,
  change: Pick<Commands['container.update']['args'], 'lifecycle' | 'feeds'>,
): void {
  if (row.lifecycle !== undefined && change.lifecycle !== undefined) {
    startScans(commit, containerId);
  }
  if (change.feeds?.purpose === 'sync') beginSync(commit, containerId, row);
}

export function endRound(commit: Commit, args: Args<'round.end'>): Result<'round.end'> {
  const { containerId, round: number } = args;
  const row = rowOf(commit, containerId);
  const { round } = row;
  if (round?.number !== number) return null;
  if (round.state !== 'decided') return round;
  const over: Round = { ...round, state: 'over' };
  put(commit, containerId, { ...row, piece: { ...pieceOf(row), round: number }, round: over });
  return over;
}

/** The container's row as a piece that is not the first one has it. */
export function copyFor(containerId: Id, row: ContainerRow, piece: Piece): ContainerRow {
  const { round: _round, piece: _piece, feeds, ...copy } = row;
  if (feeds === undefined) return { ...copy, piece };
  // What waits in a feed is counted for each piece.
  const own = feeds.map((feed): Feed => {
    return { ...feed, id: feedIdOf(containerId, feed.purpose, feed.rule) };
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
  throw new StoreError('conflict', 'round', 'the container lies in one piece', {
    detail: { inOnePiece: true },
  });
}

function put(commit: Commit, containerId: Id, row: ContainerRow): void {
  commit.change({ type: 'put', table: 'container', key: { containerId }, row });
}

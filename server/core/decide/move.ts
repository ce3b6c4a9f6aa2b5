/**
 * Bytes of a version that lie elsewhere from now on, or in two places for a time: transitions, and readable copies of archived versions. Clients
 * see the same version throughout; whoever reads the old bytes has the grace that a replaced version's readers have.
 */
import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import type { Commands } from '../commands.ts';
import type { RestoreOutcome } from '../lifecycle/commands.ts';
import { dueAfter } from '../lifecycle/due.ts';
import type { BodyRef, ContainerRow, VersionRow } from '../model.ts';
import type { Commit } from './commit.ts';
import { tellFeeds } from './feed.ts';
import { dropDue } from './lifecycle.ts';
import { dueId } from './lifecycle-plan.ts';
import { chainOf, versionToUpdate } from './object.ts';
import type { VersionChain } from './version-chain.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

/** A part row of its own for a rewritten part. False when there is one already. */
export function stagePart(commit: Commit, args: Args<'move.stage-part'>): boolean {
  const { containerId, key, stagedId, part, inlineOf } = args;
  const at = { containerId, key, uploadId: stagedId, partNumber: part.partNumber };
  if (commit.view.get('part', at) !== undefined) return false;
  const from = { containerId, key, uploadId: inlineOf ?? '', partNumber: part.partNumber };
  const isInline = part.body.type === 'inline';
  invariant(isInline === (inlineOf !== undefined), 'an inline part comes from another');
  const bodyOf = isInline ? { bodyOf: { table: 'part', key: from } as const } : {};
  commit.change({ type: 'put', table: 'part', key: at, row: part, ...bodyOf });
  commit.claimBody(containerId, key, part.body);
  return true;
}

interface Movable {
  readonly container: ContainerRow;
  readonly chain: VersionChain;
  readonly row: VersionRow;
}

/** The version, if it still is what was rewritten; otherwise what was rewritten goes. */
function findMoved(
  commit: Commit,
  args: Pick<Args<'object.move'>, 'containerId' | 'key' | 'version' | 'from' | 'body'>,
): Movable | undefined {
  const { containerId, key } = args;
  const container = commit.view.get('container', { containerId });
  if (container?.state === 'live') {
    const chain = chainOf(commit, container, args);
    const row = chain.find(args.version);
    if (row?.kind === 'object' && isSameBody(row.body, args.from)) return { container, chain, row };
  }
  // Bytes of one piece have no claim yet: whoever wrote them discards them.
  const { body } = args;
  if (body?.type === 'parts' && !isSameBody(body, args.from)) {
    commit.releaseBody(containerId, key, body, 0);
  }
  return undefined;
}

function isSameBody(a: BodyRef, b: BodyRef): boolean {
  if (a.type === 'stored' && b.type === 'stored') return a.stored.objectId === b.stored.objectId;
  if (a.type === 'parts' && b.type === 'parts') {
    // Appended bytes are one more part of the same upload.
    return a.uploadId === b.uploadId && JSON.stringify(a.runs) === JSON.stringify(b.runs);
  }
  return a.type === b.type;
}

/** Whether the version is of the class now. */
export function moveObject(commit: Commit, args: Args<'object.move'>): boolean {
  const { containerId, key, storageClass, body } = args;
  dropDue(commit, args.done);
  const found = findMoved(commit, args);
  if (found === undefined) return false;
  const { container, chain, row: old } = found;
  const row = { ...old, storageClass, body };
  chain.replace(row);
  chain.commitTo(commit);
  if (!isSameBody(old.body, body)) {
    commit.releaseBody(containerId, key, old.body);
    commit.claimBody(containerId, key, body);
  }
  tellFeeds(commit, container, { containerId, key, event: 'transitioned', row });
  return true;
}

/** The move is given up: its version is gone, or already where it shall be. */
export function dropMove(commit: Commit, args: Args<'move.drop'>): null {
  const { containerId, key, stagedId } = args;
  dropDue(commit, args.done);
  commit.releaseBody(containerId, key, { type: 'parts', uploadId: stagedId, runs: [] }, 0);
  return null;
}

/** Begins a readable copy of an archived version, or keeps the one there is for longer. */
export function restoreObject(commit: Commit, args: Args<'object.restore'>): RestoreOutcome {
  const { containerId, key, days } = args;
  const container = commit.container(containerId);
  const chain = chainOf(commit, container, args);
  const old = versionToUpdate(commit, chain, { version: args.version });
  const { classes, dayMillis } = commit.lifecycle;
  if (classes.find((one) => one.name === old.storageClass)?.isArchive !== true) {
    throw new StoreError('invalid-state', 'object.restore', 'the object is not archived', {
      detail: { storageClass: old.storageClass ?? '' },
    });
  }
  if (old.restore?.state === 'ongoing') {
    throw new StoreError('conflict', 'object.restore', 'Object restore is already in progress', {
      detail: { restore: 'ongoing' },
    });
  }
  const told = (event: 'restore:post' | 'restore:completed', row: VersionRow): void =>
    tellFeeds(commit, container, { containerId, key, event, row });
  const until = dueAfter(commit.nowMillis, days, dayMillis);
  if (old.restore !== undefined && old.restore.until > commit.nowMillis) {
    const row = { ...old, restore: { ...old.restore, until } };
    keep(commit, chain, { containerId, key, row, until });
    return { isNew: false, row };
  }
  if (!isOutside(old.body)) {
    const row = { ...old, restore: { state: 'done', until } as const };
    keep(commit, chain, { containerId, key, row, until });
    told('restore:post', row);
    told('restore:completed', row);
    return { isNew: true, row };
  }
  const row = { ...old, restore: { state: 'ongoing', days } as const };
  chain.replace(row);
  chain.commitTo(commit);
  const { version } = row;
  const id = dueId('restore', containerId, key, version);
  const stagedId = dueId('staged', containerId, key, version, commit.time);
  const task = { type: 'restore', key, version, days, stagedId } as const;
  commit.enqueueDue({ containerId, lane: 'move', dueAt: 0, id }, task);
  told('restore:post', row);
  return { isNew: true, row };
}

/** Whether there are bytes that a copy would be made of. */
function isOutside(body: BodyRef): boolean {
  return body.type === 'stored' || body.type === 'parts';
}

function keep(
  commit: Commit,
  chain: VersionChain,
  what: { containerId: string; key: string; row: VersionRow; until: number },
): void {
  const { containerId, key, row, until } = what;
  chain.replace(row);
  chain.commitTo(commit);
  const { version } = row;
  const id = dueId('unrestore', containerId, key, version);
  const task = { type: 'unrestore', key, version } as const;
  commit.enqueueDue({ containerId, lane: 'check', dueAt: until, id }, task);
}

/** The copy is there. Whether the version still waits for it. */
export function finishRestore(commit: Commit, args: Args<'object.restored'>): boolean {
  const { containerId, key, body, days } = args;
  dropDue(commit, args.done);
  const found = findMoved(commit, args);
  if (found === undefined || found.row.restore?.state !== 'ongoing') return false;
  const { container, chain, row: old } = found;
  const until = dueAfter(commit.nowMillis, days, commit.lifecycle.dayMillis);
  const isCopy = !isSameBody(old.body, body);
  const row = { ...old, restore: { state: 'done', until, ...(isCopy ? { body } : {}) } as const };
  keep(commit, chain, { containerId, key, row, until });
  if (isCopy) commit.claimBody(containerId, key, body);
  tellFeeds(commit, container, { containerId, key, event: 'restore:completed', row });
  return true;
}

/** The copy goes when its time is over; the version stays archived. */
export function endRestore(commit: Commit, args: Args<'object.unrestore'>): null {
  const { containerId, key } = args;
  dropDue(commit, args.done);
  const container = commit.view.get('container', { containerId });
  if (container?.state !== 'live') return null;
  const chain = chainOf(commit, container, args);
  const old = chain.find(args.version);
  // It may have been asked for longer since: that has a row of its own.
  if (old?.restore?.state !== 'done' || old.restore.until > commit.nowMillis) return null;
  const { body } = old.restore;
  const row = { ...old, restore: undefined };
  chain.replace(row);
  chain.commitTo(commit);
  if (body !== undefined) commit.releaseBody(containerId, key, body);
  tellFeeds(commit, container, { containerId, key, event: 'restore:delete', row });
  return null;
}

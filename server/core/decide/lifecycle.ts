/**
 * What rules do to versions and uploads. The worker says only where to look: what is done is decided
 * here, by the rules and rows as they are at the commit, so a racing overwrite, a tag that was taken
 * away, a lock or a new set of rules always wins.
 */
import type { Commands } from '../commands.ts';
import type { LifecycleOutcome } from '../lifecycle/commands.ts';
import {
  dueAction,
  duesOf,
  type LifecycleAction,
  uploadDue,
  type VersionState,
} from '../lifecycle/due.ts';
import { mostKept } from '../lifecycle/matching.ts';
import type { ContainerRow, DueRow, Id, VersionRow } from '../model.ts';
import type { Commit } from './commit.ts';
import { tellFeeds } from './feed.ts';
import { dueId, enqueueKey, enqueueUpload } from './lifecycle-plan.ts';
import { isLocked } from './lock.ts';
import { holds } from '../pieces/piece.ts';
import { chainOf, pushMarker, removeVersion } from './object.ts';
import { abortUpload } from './upload.ts';
import { bury } from './sync/last-change.ts';
import type { VersionChain } from './version-chain.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

interface At {
  readonly containerId: Id;
  readonly key: string;
}

export function applyLifecycle(commit: Commit, args: Args<'lifecycle.apply'>): LifecycleOutcome {
  const { containerId, key } = args;
  // First: what is planned below may be the same row, anew.
  if (args.done !== undefined) dropDue(commit, args.done);
  const outcome = { removed: 0, marked: 0, moving: 0, kept: 0 };
  const container = commit.view.get('container', { containerId });
  if (container?.state === 'live' && container.lifecycle !== undefined) {
    const chain = chainOf(commit, container, args);
    for (const version of args.versions) {
      const row = chain.find(version);
      if (row === undefined) continue;
      const action = actionOn(commit, container, chain, { key, row });
      if (action?.type === 'transition') {
        enqueueMove(commit, { containerId, key }, row, action.storageClass);
        outcome.moving++;
      } else if (action !== undefined) {
        outcome[expire(commit, container, chain, { containerId, key, row })]++;
      }
    }
    if (outcome.removed + outcome.marked > 0) chain.commitTo(commit);
    if (args.nextDueAt !== undefined) enqueueKey(commit, containerId, key, args.nextDueAt);
  }
  const { kept: _, ...done } = outcome;
  return done;
}

function actionOn(
  commit: Commit,
  container: ContainerRow,
  chain: VersionChain,
  of: { readonly key: string; readonly row: VersionRow },
): LifecycleAction | undefined {
  const { lifecycle } = container;
  if (lifecycle === undefined) return undefined;
  const head = chain.head();
  const isCurrent = head?.version === of.row.version;
  const state: VersionState = {
    ...of,
    noncurrent: isCurrent
      ? undefined
      : { newerNoncurrent: newerThan(chain, of.row, mostKept(lifecycle, of.key)) },
    isLone: isCurrent && head.older === undefined,
  };
  const dues = duesOf(lifecycle, state, commit.lifecycle);
  return dueAction(dues, commit.nowMillis, commit.lifecycle)?.action;
}

/** How many noncurrent versions are newer, as far as `most`. */
function newerThan(chain: VersionChain, row: VersionRow, most: number): number {
  const head = chain.head();
  let count = 0;
  let at: VersionRow | undefined = row;
  while (count < most && at?.newer !== undefined && at.newer !== head?.version) {
    at = chain.find(at.newer);
    if (at !== undefined) count++;
  }
  return count;
}

/** Takes the version out, or hides it under a marker; locked ones stay. */
function expire(
  commit: Commit,
  container: ContainerRow,
  chain: VersionChain,
  { row, ...at }: At & { readonly row: VersionRow },
): 'removed' | 'marked' | 'kept' {
  const isCurrent = chain.head()?.version === row.version;
  const hides = isCurrent && row.kind === 'object' && container.versioning !== 'off';
  // A marker takes the place of a null version; of all others it lies on top.
  const removes = !hides || (row.isNull && container.versioning === 'suspended');
  if (removes && isLocked(row, { nowMillis: commit.nowMillis })) return 'kept';
  if (hides) {
    const marker = pushMarker(commit, chain, container, {
      ...at,
      cause: { event: 'expired:marker' },
    });
    tellFeeds(commit, container, { ...at, event: 'expired:marker', row: marker });
    return 'marked';
  }
  if (isCurrent) bury(commit, { at, container, head: row }, undefined);
  removeVersion(commit, chain, row, {});
  tellFeeds(commit, container, { ...at, event: 'expired:delete', row });
  return 'removed';
}

function enqueueMove(commit: Commit, at: At, row: VersionRow, storageClass: string): void {
  const { containerId, key } = at;
  const { version } = row;
  // One move of a version to a class at a time, however often it is found due.
  const id = dueId('transition', containerId, key, version, storageClass);
  const stagedId = dueId('staged', containerId, key, version, storageClass, commit.time);
  const due = { containerId, lane: 'move', dueAt: 0, id } as const;
  if (commit.view.get('due', due) !== undefined) return;
  commit.enqueueDue(due, { type: 'transition', key, version, storageClass, stagedId });
}

/** Aborts the upload if the rules still say so and its time has come. */
export function expireUpload(commit: Commit, args: Args<'lifecycle.expire-upload'>): boolean {
  const { containerId, key, uploadId } = args;
  dropDue(commit, args.done);
  const container = commit.view.get('container', { containerId });
  if (container?.state !== 'live' || container.lifecycle === undefined) return false;
  const upload = commit.view.get('upload', { containerId, key, uploadId });
  if (upload === undefined || upload.completed !== undefined) return false;
  const due = uploadDue(container.lifecycle, key, upload, commit.lifecycle);
  if (due === undefined) return false;
  if (due.at > commit.nowMillis) {
    enqueueUpload(commit, { containerId, key, uploadId }, due.at);
    return false;
  }
  abortUpload(commit, { containerId, key, uploadId });
  return true;
}

/** What a page of a scan found, and where the scan goes on. */
export function planScanned(commit: Commit, args: Args<'lifecycle.plan'>): null {
  const { containerId, done, next } = args;
  const piece = commit.view.get('container', { containerId })?.piece;
  for (const { key, dueAt, uploadId } of args.dues) {
    // What went over to the next piece meanwhile is scanned there.
    if (piece !== undefined && !holds(piece, key)) continue;
    if (uploadId === undefined) enqueueKey(commit, containerId, key, dueAt);
    else enqueueUpload(commit, { containerId, key, uploadId }, dueAt);
  }
  if (next === undefined) {
    dropDue(commit, done);
    return null;
  }
  // Another set of rules may have begun a scan of its own in this row: that one starts anew.
  if (commit.view.get('due', done)?.stamp !== done.stamp) return null;
  const { stamp: _old, ...key } = done;
  commit.enqueueDue(key, next);
  return null;
}

/** The row goes, unless a later commit has written it anew. */
export function dropDue(commit: Commit, done: Args<'lifecycle.expire-upload'>['done']): void {
  const { stamp, ...key } = done;
  const row: DueRow | undefined = commit.view.get('due', key);
  if (row?.stamp === stamp) commit.change({ type: 'delete', table: 'due', key });
}

export function finishDue(commit: Commit, args: Args<'lifecycle.done'>): null {
  dropDue(commit, args.done);
  return null;
}

/** New rules: every key, every history without a current version and every upload is looked at. */
export function startScans(commit: Commit, containerId: Id): void {
  for (const table of ['current', 'version', 'upload'] as const) {
    const id = dueId('scan', containerId, table);
    commit.enqueueDue({ containerId, lane: 'check', dueAt: 0, id }, { type: 'scan', table });
  }
}

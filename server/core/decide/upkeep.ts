import { StoreError } from '../../../base/errors.ts';
import { addAccountUsage, noAccountUsage } from '../account/usage.ts';
import { backupKey } from '../backup/backup-row.ts';
import type { Commands } from '../commands.ts';
import type { ClaimRow, Id, QueueRow } from '../model.ts';
import type { Commit } from './commit.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

/** A repair that left something missing waits this long: devices come back in minutes, not seconds. */
const REPAIR_RETRY_MILLIS = 30_000;

/** The row goes; with a `release`, whose fragments are gone by now, the body's claim too. */
export function finishQueued(commit: Commit, args: Args<'queue.done'>): null {
  const { containerId, dueAt, id } = args;
  const row = commit.view.get('queue', { containerId, dueAt, id });
  if (row === undefined) return null;
  commit.change({ type: 'delete', table: 'queue', key: { containerId, dueAt, id } });
  if (row.type === 'release') dropClaim(commit, containerId, row.stored.objectId);
  return null;
}

/** One row goes, one comes: the work is never lost in between. */
export function moveQueued(commit: Commit, args: Args<'queue.move'>): null {
  const { containerId, dueAt, id, to } = args;
  const row = commit.view.get('queue', { containerId, dueAt, id });
  if (row === undefined) return null;
  commit.change({ type: 'delete', table: 'queue', key: { containerId, dueAt, id } });
  commit.enqueue(containerId, to, row);
  return null;
}

export function releaseQueued(commit: Commit, args: Args<'queue.release'>): null {
  dropClaim(commit, args.containerId, args.stored.objectId);
  return null;
}

function dropClaim(commit: Commit, containerId: Id, objectId: Id): void {
  const claim = commit.view.get('claim', { containerId, objectId });
  if (claim === undefined) return;
  commit.change({ type: 'delete', table: 'claim', key: { containerId, objectId } });
  dropRepair(commit, containerId, claim);
}

function dropRepair(commit: Commit, containerId: Id, claim: ClaimRow): void {
  if (claim.repair === undefined) return;
  commit.change({ type: 'delete', table: 'queue', key: { containerId, ...claim.repair } });
}

export function enqueueRepair(commit: Commit, args: Args<'repair.enqueue'>): boolean {
  const { containerId, objectId } = args;
  const claim = commit.view.get('claim', { containerId, objectId });
  if (claim === undefined) return false;
  if (claim.repair !== undefined) return true;
  queueRepair(commit, { containerId, objectId, claim, dueAt: commit.nowMillis });
  return true;
}

export function finishRepair(commit: Commit, args: Args<'repair.done'>): null {
  const { containerId, objectId, missing } = args;
  const old = commit.view.get('claim', { containerId, objectId });
  if (old === undefined) return null;
  dropRepair(commit, containerId, old);
  const { repair: _done, ...rest } = old;
  const claim: ClaimRow = { ...rest, stored: { ...old.stored, missing } };
  if (missing.length === 0) {
    const key = { containerId, objectId };
    commit.change({ type: 'put', table: 'claim', key, row: claim });
    return null;
  }
  const dueAt = commit.nowMillis + (commit.options.repairRetryMillis ?? REPAIR_RETRY_MILLIS);
  queueRepair(commit, { containerId, objectId, claim, dueAt });
  return null;
}

function queueRepair(
  commit: Commit,
  what: { containerId: Id; objectId: Id; claim: ClaimRow; dueAt: number },
): void {
  const { containerId, objectId, claim, dueAt } = what;
  // The row names the container that the claim names: the caller may have known only the shard.
  const row: QueueRow = { type: 'repair', objectId, containerId: claim.containerId };
  const repair = commit.enqueue(containerId, dueAt, row);
  const key = { containerId, objectId };
  commit.change({ type: 'put', table: 'claim', key, row: { ...claim, repair } });
}

/** A piece of a shard's metadata backup is a body as any other, with a claim. */
export function noteBackup(commit: Commit, args: Args<'backup.note'>): null {
  const { containerId, place, row } = args;
  if (commit.view.get('backup', { containerId, place }) !== undefined) {
    throw new StoreError('conflict', 'decide.backup', 'another piece was noted there');
  }
  commit.change({ type: 'put', table: 'backup', key: { containerId, place }, row });
  commit.claim(containerId, backupKey, row.stored);
  return null;
}

export function releaseBackup(commit: Commit, args: Args<'backup.release'>): null {
  const { containerId, places } = args;
  for (const place of places) {
    const row = commit.view.get('backup', { containerId, place });
    if (row === undefined) continue;
    commit.change({ type: 'delete', table: 'backup', key: { containerId, place } });
    // Whoever asked removes the fragments, at once: nobody reads them while the shard is served.
    dropClaim(commit, containerId, row.stored.objectId);
  }
  return null;
}

/** One row goes into the other: whoever reads the sums meanwhile sees both or the sum. */
export function joinUsage(commit: Commit, args: Args<'usage.join'>): null {
  const { containerId, accountId, from } = args;
  const joined = commit.view.get('accountUsage', { containerId, accountId, from });
  if (joined === undefined) return null;
  const own = commit.view.get('accountUsage', { containerId, accountId }) ?? noAccountUsage;
  commit.change({ type: 'delete', table: 'accountUsage', key: { containerId, accountId, from } });
  const row = addAccountUsage(own, joined);
  commit.change({ type: 'put', table: 'accountUsage', key: { containerId, accountId }, row });
  return null;
}

/** Every commit that changes a key or opens an upload notes when lifecycle has to look at it next (decision 0021). */
import { createHash } from 'node:crypto';
import { dueAfter, duesOf, earliest, uploadDue } from '../lifecycle/due.ts';
import type { LifecycleRule } from '../lifecycle/rules.ts';
import type { ContainerRow, Id, UploadRow, VersionRow } from '../model.ts';
import type { Commit } from './commit.ts';

interface At {
  readonly containerId: Id;
  readonly key: string;
}

/** The current version, and the newest of the others: whatever is older was planned when it was one of the two. */
export interface Newest {
  readonly head: VersionRow | undefined;
  readonly second: VersionRow | undefined;
}

/** Costs one comparison where the container has no rules. */
export function planKey(
  commit: Commit,
  container: ContainerRow,
  at: At,
  newest: () => Newest,
): void {
  const { lifecycle } = container;
  if (lifecycle === undefined) return;
  const { head, second } = newest();
  if (head === undefined) return;
  const { key, containerId } = at;
  const context = commit.lifecycle;
  const current = { key, row: head, noncurrent: undefined, isLone: second === undefined };
  const dues = [...duesOf(lifecycle, current, context)];
  if (second !== undefined) {
    const noncurrent = { newerNoncurrent: 0 };
    dues.push(...duesOf(lifecycle, { key, row: second, noncurrent, isLone: false }, context));
  }
  const dueAt = earliest([
    ...dues.map((due) => due.at),
    // One more noncurrent version may be one too many for those below, whatever their age.
    second !== undefined && lifecycle.rules.some((rule) => counts(rule, key))
      ? dueAfter(commit.nowMillis, 0, context.dayMillis)
      : undefined,
  ]);
  if (dueAt !== undefined) enqueueKey(commit, containerId, key, dueAt);
}

function counts(rule: LifecycleRule, key: string): boolean {
  if (!rule.isEnabled || !key.startsWith(rule.filter.prefix)) return false;
  const times = [rule.noncurrentExpiration, ...(rule.noncurrentTransitions ?? [])];
  return times.some((when) => (when?.keep ?? 0) > 0);
}

export function enqueueKey(commit: Commit, containerId: Id, key: string, dueAt: number): void {
  const id = dueId('key', containerId, key);
  const at = Math.max(dueAt, commit.nowMillis);
  commit.enqueueDue({ containerId, lane: 'check', dueAt: at, id }, { type: 'key', key });
}

export function planUpload(
  commit: Commit,
  container: ContainerRow,
  at: At,
  upload: UploadRow,
): void {
  if (container.lifecycle === undefined) return;
  const due = uploadDue(container.lifecycle, at.key, upload, commit.lifecycle);
  if (due !== undefined) enqueueUpload(commit, { ...at, uploadId: upload.uploadId }, due.at);
}

export function enqueueUpload(
  commit: Commit,
  { containerId, key, uploadId }: At & { readonly uploadId: Id },
  dueAt: number,
): void {
  const id = dueId('upload', containerId, key, uploadId);
  const at = Math.max(dueAt, commit.nowMillis);
  const task = { type: 'upload', key, uploadId } as const;
  commit.enqueueDue({ containerId, lane: 'check', dueAt: at, id }, task);
}

/** The name of a due row: 16 bytes, whatever the length of the key. */
export function dueId(kind: string, ...about: readonly (string | number)[]): string {
  return createHash('sha256')
    .update(JSON.stringify([kind, ...about]))
    .digest('hex')
    .slice(0, 32);
}

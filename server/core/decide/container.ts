import { StoreError } from '../../../base/errors.ts';
import type { Commands } from '../commands.ts';
import { CLIENT_SETTING, patchMetadata } from '../metadata.ts';
import { addUsage } from '../quota/usage.ts';
import type { ContainerRow, Id, UsageRow } from '../model.ts';
import type { Commit } from './commit.ts';
import { beginSync, changedFeeds, checkReplicable } from './feed.ts';
import { startScans } from './lifecycle.ts';
import { containerLock } from './lock.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

const oneContainer = { containers: 1, objects: 0, bytes: 0 };
const oneContainerLess = { containers: -1, objects: 0, bytes: 0 };

export function createContainer(commit: Commit, args: Args<'container.create'>): boolean {
  const { containerId, account, name, policy, settings, versioning, lock } = args;
  const existing = commit.view.get('container', { containerId });
  if (existing !== undefined) return existing.state === 'live';
  const row: ContainerRow = {
    account,
    name,
    state: 'live',
    createdAt: commit.time,
    modifiedAt: commit.time,
    policy,
    versioning,
    settings,
    ...(lock === undefined ? {} : { lock: containerLock({ versioning }, lock) }),
  };
  commit.change({ type: 'put', table: 'container', key: { containerId }, row });
  commit.addAccountUsage(containerId, row, oneContainer);
  return true;
}

/** A tombstone where nothing is yet: from now on no slow helper can finish this creation. */
export function abandonContainer(commit: Commit, args: Args<'container.abandon'>): boolean {
  const { containerId, account, name, policy } = args;
  const existing = commit.view.get('container', { containerId });
  if (existing !== undefined) return existing.state === 'deleted';
  const row: ContainerRow = {
    account,
    name,
    state: 'deleted',
    abandoned: true,
    createdAt: commit.time,
    modifiedAt: commit.time,
    policy,
    versioning: 'off',
    settings: {},
  };
  commit.change({ type: 'put', table: 'container', key: { containerId }, row });
  return true;
}

export function updateContainer(commit: Commit, args: Args<'container.update'>): null {
  const { containerId } = args;
  const old = commit.container(containerId);
  refuseInPieces(old, 'container.update');
  const row = changeContainer(commit, old, args);
  if (row.lifecycle !== undefined && args.lifecycle !== undefined) startScans(commit, containerId);
  commit.change({ type: 'put', table: 'container', key: { containerId }, row });
  if (args.feeds?.purpose === 'sync') beginSync(commit, containerId, row);
  for (const { dueAt, row: work } of args.later ?? []) commit.enqueue(containerId, dueAt, work);
  return null;
}

/** The row of a container in pieces is changed by a round. */
function refuseInPieces({ piece }: ContainerRow, op: string): void {
  if (piece === undefined) return;
  throw new StoreError('conflict', op, 'the container lies in pieces', {
    detail: { inPieces: true },
  });
}

/** The row after a change that is allowed. Throws `invalid-argument`, `invalid-state`, `metadata-too-large`. */
export function changeContainer(
  commit: Commit,
  old: ContainerRow,
  args: Args<'container.update'>,
): ContainerRow {
  const { containerId, limits } = args;
  const versioning = args.versioning ?? old.versioning;
  if (versioning === 'off' && old.versioning !== 'off') {
    throw new StoreError('invalid-argument', 'container.update', 'versioning cannot be unset', {
      detail: { argument: 'versioning' },
    });
  }
  if (old.lock !== undefined && versioning !== 'enabled') {
    throw new StoreError(
      'invalid-state',
      'container.update',
      'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
    );
  }
  const check = { limits, prefix: CLIENT_SETTING };
  const settings = patchMetadata(old.settings, args.settings, check);
  const feeds = changedFeeds(containerId, old.feeds, args.feeds);
  checkReplicable(feeds, versioning, args.feeds);
  const lock = args.lock === undefined ? {} : { lock: containerLock({ versioning }, args.lock) };
  const lifecycle = args.lifecycle === undefined ? old.lifecycle : (args.lifecycle ?? undefined);
  const changed = { settings, versioning, feeds, lifecycle, ...lock, modifiedAt: commit.time };
  return { ...old, ...changed };
}

/** The linearisation point of a deletion: the name and the directory line follow. */
export function deleteContainer(commit: Commit, args: Args<'container.delete'>): null {
  const { containerId } = args;
  const old = commit.container(containerId);
  refuseInPieces(old, 'container.delete');
  const left = leftOf([commit.usage(containerId)]);
  if (left !== undefined) {
    throw new StoreError('container-not-empty', 'container.delete', 'the container is not empty', {
      detail: left,
    });
  }
  const row = removeContainer(commit, containerId, old);
  commit.change({ type: 'put', table: 'container', key: { containerId }, row });
  return null;
}

/** What keeps a container from being deleted; undefined: nothing. */
export function leftOf(
  sums: readonly UsageRow[],
): { readonly versionsLeft: boolean; readonly uploadsLeft: boolean } | undefined {
  const total = sums.reduce(addUsage);
  if (total.versions === 0 && total.uploads === 0) return undefined;
  return {
    versionsLeft: total.objects === 0 && total.versions !== 0,
    uploadsLeft: total.versions === 0,
  };
}

/** The row that stays of it. */
export function removeContainer(commit: Commit, containerId: Id, old: ContainerRow): ContainerRow {
  commit.change({ type: 'delete', table: 'usage', key: { containerId } });
  if (commit.view.get('reserved', { containerId }) !== undefined) {
    commit.change({ type: 'delete', table: 'reserved', key: { containerId } });
  }
  commit.addAccountUsage(containerId, old, oneContainerLess);
  const none = { feeds: undefined, lifecycle: undefined };
  const gone = { state: 'deleted', settings: {}, ...none } as const;
  return { ...old, ...gone, modifiedAt: commit.time };
}

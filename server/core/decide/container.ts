import { StoreError } from '../../../base/errors.ts';
import type { Commands } from '../commands.ts';
import { CLIENT_SETTING, patchMetadata } from '../metadata.ts';
import type { ContainerRow } from '../model.ts';
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
  const { containerId, limits } = args;
  const old = commit.container(containerId);
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
  if (lifecycle !== undefined && args.lifecycle !== undefined) startScans(commit, containerId);
  const changed = { settings, versioning, feeds, lifecycle, ...lock, modifiedAt: commit.time };
  const row: ContainerRow = { ...old, ...changed };
  commit.change({ type: 'put', table: 'container', key: { containerId }, row });
  if (args.feeds?.purpose === 'sync') beginSync(commit, containerId, row);
  for (const { dueAt, row: work } of args.later ?? []) commit.enqueue(containerId, dueAt, work);
  return null;
}

/** The linearisation point of a deletion: the name and the directory line follow. */
export function deleteContainer(commit: Commit, args: Args<'container.delete'>): null {
  const { containerId } = args;
  const old = commit.container(containerId);
  const usage = commit.usage(containerId);
  if (usage.versions !== 0 || usage.uploads !== 0) {
    throw new StoreError('container-not-empty', 'container.delete', 'the container is not empty', {
      detail: {
        versionsLeft: usage.objects === 0 && usage.versions !== 0,
        uploadsLeft: usage.versions === 0,
      },
    });
  }
  const none = { feeds: undefined, lifecycle: undefined };
  const gone = { state: 'deleted', settings: {}, ...none } as const;
  const row: ContainerRow = { ...old, ...gone, modifiedAt: commit.time };
  commit.change({ type: 'put', table: 'container', key: { containerId }, row });
  commit.change({ type: 'delete', table: 'usage', key: { containerId } });
  commit.addAccountUsage(containerId, old, oneContainerLess);
  return null;
}

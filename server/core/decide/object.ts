import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import type { Micros } from '../../../base/units.ts';
import type {
  Commands,
  DeleteOutcome,
  EventCause,
  MetadataPatch,
  NewVersion,
  PutOutcome,
  WriteCondition,
} from '../commands.ts';
import { sealedSize } from '../encryption/sealed-body.ts';
import type { ObjectEvent } from '../feed/events.ts';
import { expirationOf } from '../lifecycle/shown.ts';
import {
  type ContainerRow,
  lastChangeOf,
  type Metadata,
  type ObjectLock,
  ownBytes,
  type PartRow,
  type VersionRow,
} from '../model.ts';
import { parseVersionId } from '../version-id.ts';
import type { At, Commit } from './commit.ts';
import { checkAddressed, checkWriteCondition, isExpired, visibleObject } from './condition.ts';
import { beginReplication, replicationAfter, retryLater, tellFeeds, tellSync } from './feed.ts';
import { changedLock, checkRemovable, isLocked, lockEndsAt, newLock } from './lock.ts';
import {
  bury,
  checkDeleteMadeAt,
  checkPutMadeAt,
  forgetTombstone,
  originOfChange,
} from './sync/last-change.ts';
import { gapAt, markerAt, type UnlinkedVersion, VersionChain } from './version-chain.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

export function chainOf(commit: Commit, container: ContainerRow, at: At): VersionChain {
  return new VersionChain(commit.view, at, container.versioning !== 'off');
}

export function putObject(commit: Commit, args: Args<'object.put'>): PutOutcome {
  return putVersion(commit, args, args);
}

/** Makes a new version the newest: object.put and upload.complete. The claim of a stored body is the caller's when the body is of parts. */
export function putVersion(
  commit: Commit,
  at: At,
  what: {
    readonly object: NewVersion;
    readonly inline?: Uint8Array;
    readonly condition: WriteCondition;
    readonly cause?: EventCause;
  },
): PutOutcome {
  const { object, inline, condition, cause } = what;
  const event = cause?.event ?? 'created:put';
  const container = commit.container(at.containerId);
  const chain = chainOf(commit, container, at);
  const existing = visibleObject(chain.head(), commit.nowMillis);
  checkWriteCondition(condition, existing, 'object.put');
  const past = { at, container, head: chain.head() };
  checkPutMadeAt(commit, past, cause);
  invariant(hasItsSize(object, inline), 'an inline body has the size that its row says');
  const replication = beginReplication(container, event, { key: at.key, ...object });
  const originAt = originOfChange(commit, past, cause);
  const row = push(commit, chain, container, {
    ...object,
    ...(replication === undefined ? {} : { replication }),
    kind: 'object',
    version: commit.time,
    isNull: container.versioning !== 'enabled',
    modifiedAt: originAt ?? commit.time,
    ...(originAt === undefined ? {} : { originAt }),
    lock: newLock(container, object.lock, commit.nowMillis),
    ...(inline === undefined ? {} : { inline }),
  });
  chain.commitTo(commit);
  commit.claimBody(at.containerId, at.key, object.body);
  enqueueExpiry(commit, at, row);
  tellFeeds(commit, container, { ...placeOf(at), event, row, origin: cause?.origin });
  const expiration = expirationOf(container, at.key, row);
  return {
    ...{ row, versioning: container.versioning, replaced: existing !== undefined },
    ...(expiration === undefined ? {} : { expiration }),
  };
}

export function placeOf({ containerId, key }: At): At {
  return { containerId, key };
}

/** Whether the inline body is there, if there must be one, and as long as the row implies. */
export function hasItsSize(
  row: Pick<PartRow, 'body' | 'size'> & Pick<VersionRow, 'manifest'>,
  inline: Uint8Array | undefined,
): boolean {
  if (row.body.type !== 'inline') return inline === undefined;
  const size = ownBytes(row);
  return inline?.length === (row.body.salt === undefined ? size : sealedSize(size));
}

export function push(
  commit: Commit,
  chain: VersionChain,
  container: ContainerRow,
  version: UnlinkedVersion & { readonly inline?: Uint8Array | At },
): VersionRow {
  const { inline, ...row } = version;
  if (container.versioning !== 'enabled') {
    const old = chain.findNull();
    if (old !== undefined) removeVersion(commit, chain, old, {});
  }
  invariant(row.version === commit.time, 'a new version bears the stamp of its commit');
  return chain.push(row, inline);
}

interface Removal {
  readonly bypassGovernance?: boolean | undefined;
  /** No other version takes its place as the current one. */
  readonly leavesGap?: boolean | undefined;
}

/** The only way out of a chain. Throws `access-denied` for a locked version. */
export function removeVersion(
  commit: Commit,
  chain: VersionChain,
  row: VersionRow,
  how: Removal,
): void {
  const { bypassGovernance, leavesGap } = how;
  checkRemovable(row, { nowMillis: commit.nowMillis, bypassGovernance }, 'object.delete');
  if (leavesGap === true) chain.removeLeavingGap(commit.time);
  else chain.remove(row);
}

export function enqueueExpiry(commit: Commit, at: At, row: VersionRow): void {
  if (row.expiresAt === undefined) return;
  const { containerId, key } = at;
  const { version } = row;
  const dueAt = row.expiresAt + (commit.options.expiredKeptMillis ?? 0);
  commit.enqueue(containerId, dueAt, { type: 'expire', containerId, key, version });
}

export function updateObject(commit: Commit, args: Args<'object.update'>): VersionRow {
  const { version, change, cause } = args;
  const container = commit.container(args.containerId);
  const chain = chainOf(commit, container, args);
  const old = versionToUpdate(commit, chain, { version, allowExpired: args.allowExpired });
  if (change.encryption !== undefined) {
    // Amazon: what is locked keeps its key, too.
    checkRemovable(old, { nowMillis: commit.nowMillis, bypassGovernance: false }, 'object.update');
  }
  const { expiresAt: oldExpiry, originAt: oldOrigin, ...rest } = old;
  const isSilent = change.isSilent === true;
  const past = { at: args, container, head: old };
  const originAt = isSilent ? oldOrigin : originOfChange(commit, past, cause);
  const expiresAt = change.expiresAt === undefined ? oldExpiry : (change.expiresAt ?? undefined);
  const event = cause?.event ?? 'updated';
  const system = patchedSystem(change.system ?? old.system, change.systemPatch);
  const changed = { key: args.key, system, replication: old.replication };
  const replication = beginReplication(container, event, changed);
  const row: VersionRow = {
    ...rest,
    ...(replication === undefined ? {} : { replication }),
    contentType: change.contentType ?? old.contentType,
    user: change.user ?? old.user,
    system,
    modifiedAt: isSilent ? old.modifiedAt : (originAt ?? commit.time),
    ...(originAt === undefined ? {} : { originAt }),
    lock: lockAfter(commit, container, old, args),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(change.encryption === undefined ? {} : { encryption: change.encryption }),
  };
  chain.replace(row);
  chain.commitTo(commit);
  if (expiresAt !== oldExpiry) enqueueExpiry(commit, args, row);
  tellFeeds(commit, container, { ...placeOf(args), event, row, origin: cause?.origin });
  return row;
}

function lockAfter(
  commit: Commit,
  container: ContainerRow,
  old: VersionRow,
  args: Args<'object.update'>,
): ObjectLock | undefined {
  const { lock } = args.change;
  if (lock === undefined) return old.lock;
  const { nowMillis } = commit;
  const { bypassGovernance } = args;
  return changedLock(container, old.lock, lock, {
    nowMillis,
    bypassGovernance,
    op: 'object.update',
  });
}

function patchedSystem(system: Metadata, patch: MetadataPatch | undefined): Metadata {
  if (patch === undefined) return system;
  const entries = new Map(Object.entries(system));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) entries.delete(name);
    else entries.set(name, value);
  }
  return Object.fromEntries(entries);
}

export function versionToUpdate(
  commit: Commit,
  chain: VersionChain,
  which: { readonly version: Micros | undefined; readonly allowExpired?: boolean | undefined },
): VersionRow {
  const { version, allowExpired } = which;
  if (version === undefined) {
    const current = visibleObject(chain.head(), allowExpired === true ? 0 : commit.nowMillis);
    if (current !== undefined) return current;
    throw new StoreError('no-such-object', 'object.update', 'the object does not exist');
  }
  const found = chain.find(version);
  if (found === undefined || (found.isNull && isExpired(found, commit.nowMillis))) {
    throw new StoreError('no-such-version', 'object.update', 'the version does not exist');
  }
  if (found.kind === 'object') return found;
  throw new StoreError('is-delete-marker', 'object.update', 'the version is a delete marker');
}

export function deleteObject(commit: Commit, args: Args<'object.delete'>): DeleteOutcome {
  const container = commit.container(args.containerId);
  const chain = chainOf(commit, container, args);
  // Who names the date of an object that has expired means that object.
  const asOf = args.condition.ifExpiresAt === undefined ? commit.nowMillis : 0;
  const existing = visibleObject(chain.head(), asOf);
  checkWriteCondition(args.condition, existing, 'object.delete');
  checkDeleteMadeAt(existing, args.cause);
  const { versioning } = container;
  const told = (event: ObjectEvent, row: VersionRow | undefined): void => {
    if (row === undefined) return;
    const { cause } = args;
    const is = { event: cause?.event ?? event, origin: cause?.origin };
    tellFeeds(commit, container, { ...placeOf(args), row, ...is });
  };
  if (args.versionId !== undefined) {
    const deleted = deleteVersion(commit, chain, args.versionId, args);
    const current = visibleObject(chain.head(), commit.nowMillis);
    if (versioning === 'off' && deleted !== undefined) {
      bury(commit, { at: args, container, head: deleted }, undefined);
    }
    told('removed:delete', deleted);
    return { deleted, marker: undefined, versioning, current };
  }
  const head = chain.head();
  checkAddressed(args.condition, head, 'object.delete');
  if (versioning === 'off') {
    const isNews = bury(commit, { at: args, container, head }, args.cause?.madeAt);
    if (head !== undefined) {
      removeVersion(commit, chain, head, { bypassGovernance: args.bypassGovernance });
      chain.commitTo(commit);
    }
    if (existing !== undefined) told('removed:delete', existing);
    // Others may have what is not here, or not yet.
    else if (isNews) tellSync(commit, container, placeOf(args));
    return { deleted: existing, marker: undefined, versioning, current: undefined };
  }
  if (versioning === 'suspended' && args.leavesGap === true) {
    if (existing !== undefined) dropCurrent(commit, chain, existing);
    told('removed:delete', existing);
    return { deleted: existing, marker: undefined, versioning, current: undefined };
  }
  const marker = pushMarker(commit, chain, container, args);
  chain.commitTo(commit);
  told('removed:marker', marker);
  return { deleted: existing, marker, versioning, current: undefined };
}

export function pushMarker(
  commit: Commit,
  chain: VersionChain,
  container: ContainerRow,
  args: Pick<Args<'object.delete'>, 'key' | 'cause' | 'isReplica'>,
): VersionRow {
  const event = args.cause?.event ?? 'removed:marker';
  const isReplica = args.isReplica === true;
  const replication = beginReplication(container, event, {
    key: args.key,
    system: {},
    replication: isReplica ? { status: 'replica' } : undefined,
  });
  return push(commit, chain, container, {
    ...markerAt(commit.time),
    ...(replication === undefined ? {} : { replication }),
    isNull: container.versioning === 'suspended',
  });
}

/** Of a version that was named, and of what is current then. */
function deleteVersion(
  commit: Commit,
  chain: VersionChain,
  versionId: string,
  args: Args<'object.delete'>,
): VersionRow | undefined {
  const { bypassGovernance } = args;
  const leavesGap = args.leavesGap === true;
  const deleted = findVersion(chain, versionId);
  // Swift: `null` names whatever is current, and a version with a name of its own stays.
  const current =
    versionId === 'null' && leavesGap ? visibleObject(chain.head(), commit.nowMillis) : undefined;
  checkAddressed(args.condition, deleted ?? current, 'object.delete');
  if (deleted !== undefined) {
    const isCurrent = chain.head()?.version === deleted.version;
    const how = { bypassGovernance, leavesGap: isCurrent && leavesGap };
    removeVersion(commit, chain, deleted, how);
    chain.commitTo(commit);
    return deleted;
  }
  if (current !== undefined) dropCurrent(commit, chain, current);
  return current;
}

/** Nothing is current from now on. A version with a name of its own stays. */
function dropCurrent(commit: Commit, chain: VersionChain, current: VersionRow): void {
  if (current.isNull) removeVersion(commit, chain, current, { leavesGap: true });
  else chain.push(gapAt(commit.time));
  chain.commitTo(commit);
}

/** Makes a noncurrent version the current one again (Swift's PUT with a version id). */
export function promoteVersion(commit: Commit, args: Args<'object.promote'>): VersionRow {
  const container = commit.container(args.containerId);
  const chain = chainOf(commit, container, args);
  const found = chain.find(args.version);
  if (found === undefined || found.isNull) {
    throw new StoreError('no-such-version', 'object.promote', 'the version does not exist');
  }
  if (found.kind === 'delete-marker') {
    throw new StoreError('is-delete-marker', 'object.promote', 'the version is a delete marker', {
      detail: { versionId: args.version.toString(16).padStart(16, '0'), addressed: true },
    });
  }
  if (chain.head()?.version === found.version) return found;
  const row = chain.promote(found, commit.time);
  chain.commitTo(commit);
  return row;
}

function findVersion(chain: VersionChain, versionId: string): VersionRow | undefined {
  const version = parseVersionId(versionId, 'object.delete');
  if (version === 'null') return chain.findNull();
  const found = chain.find(version);
  // The stamp of a null version is nobody's name for it.
  return found?.isNull === true ? undefined : found;
}

export function expireObject(commit: Commit, args: Args<'object.expire'>): boolean {
  if (forgetTombstone(commit, args)) return true;
  const container = commit.view.get('container', { containerId: args.containerId });
  // The queue row may outlive the container.
  if (container?.state !== 'live') return false;
  const chain = chainOf(commit, container, args);
  const row = chain.find(args.version);
  if (row?.expiresAt === undefined) return false;
  // Another date may have taken the place of the one that this is about.
  const keptUntil = row.expiresAt + (commit.options.expiredKeptMillis ?? 0);
  if (keptUntil > args.nowMillis) return false;
  if (row.isNull && isLocked(row, { nowMillis: args.nowMillis })) {
    // This queue row is done with; it must come again when the lock ends.
    const { containerId, key, version } = args;
    const expire = { type: 'expire', containerId, key, version } as const;
    commit.enqueue(containerId, lockEndsAt(row, args.nowMillis), expire);
    return false;
  }
  if (row.isNull) {
    // It follows from the change that set the date: what was made after that one is newer.
    bury(commit, { at: args, container, head: row }, lastChangeOf(row));
    removeVersion(commit, chain, row, {});
  }
  // A version with a name of its own is no longer current, and stays.
  else if (chain.head()?.version === row.version) chain.push(gapAt(commit.time));
  else return false;
  chain.commitTo(commit);
  tellFeeds(commit, container, { ...placeOf(args), event: 'expired:delete', row });
  return true;
}

/** What replication says of a version; nobody sees it as a change of the object. */
export function noteReplication(commit: Commit, args: Args<'replication.note'>): boolean {
  const container = commit.view.get('container', { containerId: args.containerId });
  if (container?.state !== 'live') return false;
  const chain = chainOf(commit, container, args);
  const old = chain.find(args.version);
  if (old === undefined) return false;
  const row = { ...old, replication: replicationAfter(old.replication, args.feedId, args) };
  chain.replace(row);
  chain.commitTo(commit);
  const { retry, feedId } = args;
  if (retry !== undefined) {
    retryLater(commit, container, { ...placeOf(args), ...retry, feedId, row });
  }
  // Who listens is told once, however often it is tried again.
  if (args.status === 'failed' && old.replication?.status !== 'failed') {
    tellFeeds(commit, container, { ...placeOf(args), event: 'replication:failed', row });
  }
  return true;
}

/** What a commit tells the container's feeds, written in that same commit (decision 0022). */
import { StoreError } from '../../../base/errors.ts';
import { type Micros, micros } from '../../../base/units.ts';
import type { Commands, EventCause, FeedsChange } from '../commands.ts';
import type { ObjectEvent } from '../feed/events.ts';
import { markOf } from '../feed/mark.ts';
import { matchFeeds } from '../feed/match.ts';
import { feedIdOf } from '../ids.ts';
import type { BacklogRow, ContainerRow, EventRow, Feed, Id, Replication } from '../model.ts';
import type { VersionRow, Versioning } from '../model.ts';
import type { Commit } from './commit.ts';
import { markerAt } from './version-chain.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

/** Some 400 bytes each: 40 MB of rows for one feed. */
const MAX_EVENTS = 100_000;

export interface Told {
  readonly containerId: Id;
  readonly key: string;
  readonly event: ObjectEvent;
  /** The version that it happened to, as it is (or was). */
  readonly row: VersionRow;
  readonly origin?: EventCause['origin'];
}

/** Tells every feed that asks for this event. Costs one comparison where there are no feeds. */
export function tellFeeds(commit: Commit, container: ContainerRow, told: Told): void {
  if (container.feeds === undefined) return;
  const { containerId, key, event, row, origin } = told;
  const feeds = matchFeeds(container, event, { key, system: row.system });
  if (feeds.length === 0) return;
  const eventRow: EventRow = {
    ...eventOf(container, { containerId, key, event, row }),
    ...(origin === undefined ? {} : { origin }),
  };
  const waiting = row.replication?.waiting ?? [];
  for (const feed of feeds) {
    // What came from another store goes to no third one, or two stores would send it to and fro.
    if (feed.purpose === 'replication' && !waiting.includes(markOf(feed))) continue;
    enqueueEvent(commit, container, feed, { row: eventRow });
  }
}

/** Of a deletion that found nothing: only who keeps containers in step need know. */
export function tellSync(
  commit: Commit,
  container: ContainerRow,
  at: { readonly containerId: Id; readonly key: string },
): void {
  const told = { ...at, event: 'removed:delete', row: markerAt(commit.time) } as const;
  for (const feed of matchFeeds(container, told.event, { key: at.key, system: {} })) {
    if (feed.purpose !== 'sync') continue;
    enqueueEvent(commit, container, feed, { row: eventOf(container, told) });
  }
}

function eventOf(container: ContainerRow, { containerId, key, event, row }: Told): EventRow {
  return {
    ...{ event, containerId, key },
    version: row.version,
    isNull: row.isNull,
    isVersioned: container.versioning !== 'off',
    size: row.size,
    etag: row.etag,
  };
}

/** The version comes again in its feed, at a time to come. */
export function retryLater(
  commit: Commit,
  container: ContainerRow,
  what: Omit<Told, 'origin'> & {
    readonly feedId: Id;
    readonly refusals: number;
    readonly atMillis: number;
  },
): void {
  const { feedId, refusals, atMillis } = what;
  const feed = container.feeds?.find((one) => markOf(one) === feedId);
  if (feed === undefined) return;
  const row = { ...eventOf(container, what), refusals };
  const from = micros(Math.max(commit.time, atMillis * 1000));
  enqueueEvent(commit, container, feed, { row, from });
}

/** What waits for a later time, and what one commit tells beyond the first, lies in the same feed, under stamps that a commit may be given. */
function freeStamp(
  commit: Commit,
  key: { readonly containerId: Id; readonly feedId: Id },
  from: Micros,
): Micros {
  let stamp = from;
  while (commit.view.get('event', { ...key, stamp }) !== undefined) stamp = micros(stamp + 1);
  return stamp;
}

function enqueueEvent(
  commit: Commit,
  container: ContainerRow,
  feed: Feed,
  told: { readonly row: EventRow; readonly from?: Micros },
): void {
  const { row, from = commit.time } = told;
  const { containerId } = row;
  const key = { containerId, target: feed.target, feedId: feed.id };
  const earlier = commit.told.get(feed.id);
  const old = earlier?.backlog ?? commit.view.get('backlog', key);
  const isFull = (old?.pending ?? 0) >= (commit.options.maxFeedEvents ?? MAX_EVENTS);
  const backlog: BacklogRow = {
    ...aboutFeed(containerId, container, feed),
    pending: (old?.pending ?? 0) + (isFull ? 0 : 1),
    ...retryingCount((old?.retrying ?? 0) + (isFull || row.refusals === undefined ? 0 : 1)),
    ...droppedAfter(old, isFull ? 1 : 0, container),
  };
  commit.change({ type: 'put', table: 'backlog', key, row: backlog });
  const at = { containerId, feedId: feed.id };
  // A commit may tell a feed several things: of a renaming both names, of versions that expire each.
  const stamp = freeStamp(commit, at, micros(Math.max(from, (earlier?.stamp ?? 0) + 1)));
  commit.told.set(feed.id, { backlog, stamp: isFull ? (earlier?.stamp ?? commit.time) : stamp });
  if (isFull) return;
  commit.change({ type: 'put', table: 'event', key: { ...at, stamp }, row });
}

function aboutFeed(
  containerId: Id,
  { account, name }: ContainerRow,
  { purpose, rule }: Feed,
): Omit<BacklogRow, 'pending' | 'retrying' | 'dropped' | 'to'> {
  return { containerId, account, container: name, purpose, rule };
}

/** A piece gives names away from its end only: it never had more of them than when the first event was let go. */
function droppedAfter(
  old: Pick<BacklogRow, 'dropped' | 'to'> | undefined,
  more: number,
  { piece }: Pick<ContainerRow, 'piece'>,
): Pick<BacklogRow, 'dropped' | 'to'> {
  const { dropped = 0, to } = old ?? {};
  const end = dropped > 0 ? to : more > 0 ? piece?.to : undefined;
  return { dropped: dropped + more, ...(end === undefined ? {} : { to: end }) };
}

function retryingCount(retrying: number): Pick<BacklogRow, 'retrying'> {
  return retrying > 0 ? { retrying } : {};
}

/** How the replication of a new or changed version begins; undefined where no rule is for it. */
export function beginReplication(
  container: ContainerRow,
  event: ObjectEvent,
  version: { readonly key: string } & Pick<VersionRow, 'system' | 'replication'>,
): Replication | undefined {
  const { replication: old } = version;
  if (old?.status === 'replica' || container.feeds === undefined) return old;
  const waiting = matchFeeds(container, event, version)
    .filter((feed) => feed.purpose === 'replication')
    .map(markOf);
  if (waiting.length === 0) return old;
  const { refused: before = [], ...rest } = old ?? {};
  // As it is now it has been refused by nobody.
  const refused = before.filter((id) => !waiting.includes(id));
  return {
    ...rest,
    status: 'pending',
    waiting: [...new Set([...(old?.waiting ?? []), ...waiting])],
    ...(refused.length > 0 ? { refused } : {}),
  };
}

/** What was there before a container was synced has had no event: its feed is told that it is behind, and walks the container. */
export function beginSync(commit: Commit, containerId: Id, container: ContainerRow): void {
  for (const feed of container.feeds ?? []) {
    if (feed.purpose === 'sync') fallBehind(commit, containerId, container, feed);
  }
}

/** As if one event of the feed had been let go. */
function fallBehind(commit: Commit, containerId: Id, container: ContainerRow, feed: Feed): void {
  const key = { containerId, target: feed.target, feedId: feed.id };
  const none = { ...aboutFeed(containerId, container, feed), pending: 0, dropped: 0 };
  const old = commit.view.get('backlog', key) ?? none;
  const row: BacklogRow = { ...old, ...droppedAfter(old, 1, container) };
  commit.change({ type: 'put', table: 'backlog', key, row });
}

export function catchUpFeed(commit: Commit, args: Args<'feed.catch-up'>): boolean {
  const { containerId, feedId } = args;
  const container = commit.view.get('container', { containerId });
  const feed = container?.feeds?.find((one) => markOf(one) === feedId);
  if (container?.state !== 'live' || feed === undefined) return false;
  fallBehind(commit, containerId, container, feed);
  return true;
}

export function finishEvents(commit: Commit, args: Args<'feed.done'>): null {
  const { containerId, target, feedId, stamps, lost = 0, forgetLost = false } = args;
  const key = { containerId, target, feedId };
  const old = commit.view.get('backlog', key);
  if (old === undefined) return null;
  let found = 0;
  let { retrying = 0 } = old;
  for (const stamp of new Set(stamps)) {
    const at = { containerId, feedId, stamp };
    const event = commit.view.get('event', at);
    if (event === undefined) continue;
    found++;
    if (event.refusals !== undefined) retrying--;
    commit.change({ type: 'delete', table: 'event', key: at });
  }
  const pending = Math.max(0, old.pending - found);
  const dropped = forgetLost ? 0 : old.dropped + lost;
  if (pending === 0 && dropped === 0) {
    commit.change({ type: 'delete', table: 'backlog', key });
    return null;
  }
  const { retrying: _, to, ...kept } = old;
  // What waited may be about names that have gone over to other pieces since.
  const end = to === undefined || lost > 0 || dropped === 0 ? {} : { to };
  const row = { ...kept, pending, ...retryingCount(retrying), dropped, ...end };
  commit.change({ type: 'put', table: 'backlog', key, row });
  return null;
}

/** The container's feeds after a change; undefined: none. */
export function changedFeeds(
  containerId: Id,
  old: readonly Feed[] | undefined,
  change: FeedsChange | undefined,
): readonly Feed[] | undefined {
  if (change === undefined) return old;
  const { purpose } = change;
  const kept = (old ?? []).filter((feed) => feed.purpose !== purpose);
  const made = change.feeds.map(
    (feed): Feed => ({ ...feed, id: feedIdOf(containerId, purpose, feed.rule), purpose }),
  );
  const feeds = [...kept, ...made];
  return feeds.length === 0 ? undefined : feeds;
}

/** Replication is of versions: a container keeps them as long as it has such a rule. */
export function checkReplicable(
  feeds: readonly Feed[] | undefined,
  versioning: Versioning,
  change: FeedsChange | undefined,
): void {
  if (versioning === 'enabled') return;
  if (feeds?.some((feed) => feed.purpose === 'replication') !== true) return;
  const isNew = change?.purpose === 'replication';
  throw new StoreError(
    isNew ? 'invalid-argument' : 'invalid-state',
    'container.update',
    'A replication configuration is present on this bucket, so the versioning state cannot be changed.',
    { detail: { argument: isNew ? 'replication' : 'versioning' } },
  );
}

/** The version's status after one feed is done with it. */
export function replicationAfter(
  old: Replication | undefined,
  feedId: Id,
  outcome: { readonly status: 'completed' | 'failed'; readonly replica?: string | undefined },
): Replication {
  const others = (ids: readonly Id[] | undefined): Id[] =>
    (ids ?? []).filter((id) => id !== feedId);
  const waiting = others(old?.waiting);
  const refused = others(old?.refused);
  if (outcome.status === 'failed') refused.push(feedId);
  // Rows of older releases do not say which feed failed.
  const wasFailed =
    old?.status === 'failed' && old.refused === undefined && old.waiting?.includes(feedId) === true;
  const hasFailed = refused.length > 0 || wasFailed;
  const replicas =
    outcome.replica === undefined ? old?.replicas : { ...old?.replicas, [feedId]: outcome.replica };
  return {
    status: hasFailed ? 'failed' : waiting.length > 0 ? 'pending' : 'completed',
    ...(waiting.length > 0 ? { waiting } : {}),
    ...(refused.length > 0 ? { refused } : {}),
    ...(replicas === undefined ? {} : { replicas }),
  };
}

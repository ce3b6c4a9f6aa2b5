/** The feeds of this cell's shards, as those who tell them see them (decision 0022). */
import { keyAfter } from '../../storage/shard/row-key.ts';
import type { Micros } from '../../base/units.ts';
import type { Shard } from '../../storage/shard/shard.ts';
import type { BacklogRow, ContainerRow, EventRow, Id } from '../core/model.ts';
import {
  backlogRange,
  decodeBacklogKey,
  decodeEventKey,
  decodeRow,
  encodeKey,
  eventRange,
  type KeyRange,
  localRange,
} from '../proxy/row-codec.ts';
import type { ShardMap } from '../proxy/rows.ts';

/** What waits in one feed. */
export interface Backlog extends BacklogRow {
  readonly target: string;
  readonly feedId: Id;
}

export interface PendingEvent extends EventRow {
  /** When it was committed; greater than that of every event before it in its feed. */
  readonly stamp: Micros;
}

/** How a batch of one feed ended. */
export interface FeedDone {
  readonly stamps: readonly Micros[];
  /** How many of them were let go rather than told. */
  readonly lost?: number;
  /** What was lost is made good. */
  readonly forgetLost?: boolean;
}

export interface FeedSource {
  /** Feeds of this target (without one: of all) that have something waiting, or lost something. */
  backlogs(target?: string): Promise<readonly Backlog[]>;
  /** The oldest events that wait. */
  events(feed: Backlog, limit: number): Promise<readonly PendingEvent[]>;
  done(feed: Backlog, done: FeedDone): Promise<void>;
  /** The container's row, living or not. */
  container(containerId: Id): Promise<ContainerRow | undefined>;
}

const PAGE_ROWS = 500;

/** Reads the shards whose primary is here. */
export class ShardFeeds implements FeedSource {
  readonly #shards: ShardMap;

  constructor(shards: ShardMap) {
    this.#shards = shards;
  }

  async backlogs(target?: string): Promise<readonly Backlog[]> {
    const range = target === undefined ? localRange('backlog') : backlogRange(target);
    const found = await Promise.all(this.#shards.all().map((shard) => backlogsOf(shard, range)));
    return found.flat();
  }

  async events(feed: Backlog, limit: number): Promise<readonly PendingEvent[]> {
    const shard = this.#shards.route(feed.containerId);
    const rows = await shard.scan({ ...eventRange(feed.feedId), limit });
    return rows.map((row) => ({ ...decodeRow<'event'>(row.meta), ...decodeEventKey(row.key) }));
  }

  async done(feed: Backlog, done: FeedDone): Promise<void> {
    const { containerId, target, feedId } = feed;
    const command = { type: 'feed.done', containerId, target, feedId, ...done } as const;
    await this.#shards.route(containerId).execute(command);
  }

  async container(containerId: Id): Promise<ContainerRow | undefined> {
    const row = await this.#shards.route(containerId).get(encodeKey('container', { containerId }));
    return row === undefined ? undefined : decodeRow<'container'>(row.meta);
  }
}

async function backlogsOf(shard: Shard, range: KeyRange): Promise<readonly Backlog[]> {
  const found: Backlog[] = [];
  let { gte } = range;
  for (;;) {
    const rows = await shard.scan({ gte, lt: range.lt, limit: PAGE_ROWS });
    for (const row of rows) {
      found.push({ ...decodeRow<'backlog'>(row.meta), ...decodeBacklogKey(row.key) });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < PAGE_ROWS) return found;
    gte = keyAfter(last.key);
  }
}

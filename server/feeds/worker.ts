import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Worker } from '../../storage/work/worker.ts';
import { deliverEvents, type Taken } from './deliver.ts';
import type { Backlog, FeedSource, PendingEvent } from './source.ts';

/** What one target does with what it is told. */
export interface Consumer {
  /** The target's name in the settings. */
  readonly target: string;
  /** Resolves when the target has it for good. StoreError: not now, try again. Safe to repeat. */
  take(feed: Backlog, event: PendingEvent): Promise<Taken>;
  /** Makes good what was dropped when too much waited. Without it the count is all that is left. */
  catchUp?(feed: Backlog): Promise<void>;
}

export interface FeedWorkerOptions {
  readonly source: FeedSource;
  readonly consumer: Consumer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Events of different keys that are under way at once. */
  readonly parallel: number;
  /** Each feed rests for itself: what fails is its own affair (a key, a container), not its target's. */
  readonly restsEach?: true;
}

/** Some 50 KB of rows; a crash sends at most these again. */
const BATCH = 128;
const REST_MIN_MILLIS = 1_000;
const REST_MAX_MILLIS = 60_000;

/** Tells one target what its feeds hold, feed by feed in turn. */
export class FeedWorker implements Worker<Backlog> {
  readonly name: string;
  readonly #options: FeedWorkerOptions;
  #turn: Backlog[] = [];
  /** By feed where each rests for itself, else one for all. Those that work are in none. */
  readonly #rests = new Map<string, { readonly millis: number; readonly until: number }>();

  /** Feeds that hold nothing but what waits for a later time: when to look again. */
  readonly #quiet = new Map<string, number>();

  constructor(options: FeedWorkerOptions) {
    this.#options = options;
    this.name = `feed:${options.consumer.target}`;
  }

  async next(): Promise<Backlog | undefined> {
    const { source, consumer, restsEach } = this.#options;
    if (restsEach !== true && this.#isResting('')) return undefined;
    if (this.#turn.length === 0) {
      const found = await source.backlogs(consumer.target);
      this.#forget(found);
      this.#turn = found.filter(
        (feed) =>
          (this.#isWaiting(feed) || isBehind(feed, consumer)) &&
          !this.#isResting(this.#restOf(feed)),
      );
    }
    return this.#turn.shift();
  }

  /** Something is to be told now, as far as the counts say. */
  #isWaiting({ feedId, pending, retrying = 0 }: Backlog): boolean {
    if (pending > retrying) return true;
    return retrying > 0 && this.#options.clock.monotonic() >= (this.#quiet.get(feedId) ?? 0);
  }

  #restOf(feed: Backlog): string {
    return this.#options.restsEach === true ? feed.feedId : '';
  }

  #isResting(rest: string): boolean {
    return this.#options.clock.monotonic() < (this.#rests.get(rest)?.until ?? 0);
  }

  /** Feeds that have nothing to tell any more. */
  #forget(found: readonly Backlog[]): void {
    const known = new Set(found.map((feed) => feed.feedId));
    for (const feedId of this.#quiet.keys()) if (!known.has(feedId)) this.#quiet.delete(feedId);
    if (this.#options.restsEach !== true) return;
    for (const rest of this.#rests.keys()) if (!known.has(rest)) this.#rests.delete(rest);
  }

  async run(feed: Backlog): Promise<void> {
    const { source, consumer, parallel, logger, clock } = this.#options;
    const now = clock.now() * 1000;
    const next = await source.events(feed, BATCH);
    const events = next.filter(({ refusals, stamp }) => refusals === undefined || stamp <= now);
    const { taken, refused, isLate, failure } = await deliverEvents(events, parallel, (event) =>
      consumer.take(feed, event),
    );
    const stamps = [...taken, ...refused];
    if (stamps.length > 0) await source.done(feed, { stamps, lost: refused.length });
    if (refused.length > 0) {
      logger.warn(
        { event: 'feed.refused', target: feed.target, rule: feed.rule, count: refused.length },
        'A target refused events for good.',
      );
    }
    if (failure !== undefined) throw this.#rested(feed, failure);
    if (isLate) {
      throw this.#rested(feed, new StoreError('unavailable', 'feed.deliver', 'not taken yet'));
    }
    this.#rests.delete(this.#restOf(feed));
    if (events.length === 0) this.#quiet.set(feed.feedId, clock.monotonic() + REST_MIN_MILLIS);
    if (events.length > 0 || !isBehind(feed, consumer)) return;
    try {
      await consumer.catchUp?.(feed);
    } catch (error) {
      throw this.#rested(feed, error);
    }
    await source.done(feed, { stamps: [], forgetLost: true });
  }

  /** What failed is left alone for a while: the longer, the longer it has failed. */
  #rested<E>(feed: Backlog, failure: E): E {
    const { clock, restsEach } = this.#options;
    const rest = this.#restOf(feed);
    const doubled = (this.#rests.get(rest)?.millis ?? 0) * 2;
    const millis = Math.min(REST_MAX_MILLIS, Math.max(REST_MIN_MILLIS, doubled));
    this.#rests.set(rest, { millis, until: clock.monotonic() + millis });
    if (restsEach !== true) this.#turn = [];
    return failure;
  }
}

function isBehind(feed: Backlog, consumer: Consumer): boolean {
  return feed.dropped > 0 && consumer.catchUp !== undefined;
}

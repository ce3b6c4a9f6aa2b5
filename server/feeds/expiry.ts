import type { Clock } from '../../base/clock.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { Backlog, FeedSource } from './source.ts';

/** Events wait a week for their target, and then no longer: also for one that is in no settings any more. */
const MAX_WAIT_MILLIS = 7 * 24 * 3_600_000;
const ROUND_MILLIS = 3_600_000;
const BATCH = 500;

/** Lets go what has waited too long, and the counts of feeds that are no more. */
export class FeedExpiry implements Worker<Backlog> {
  readonly name = 'feed-expiry';
  readonly #source: FeedSource;
  readonly #clock: Clock;
  #round: Backlog[] = [];
  #nextRoundAt = 0;

  constructor(source: FeedSource, clock: Clock) {
    this.#source = source;
    this.#clock = clock;
  }

  async next(): Promise<Backlog | undefined> {
    const now = this.#clock.monotonic();
    if (this.#round.length === 0 && now >= this.#nextRoundAt) {
      this.#nextRoundAt = now + ROUND_MILLIS;
      this.#round = [...(await this.#source.backlogs())];
    }
    return this.#round.shift();
  }

  async run(feed: Backlog): Promise<void> {
    const oldest = (this.#clock.now() - MAX_WAIT_MILLIS) * 1000;
    for (;;) {
      const events = await this.#source.events(feed, BATCH);
      const stamps = events.map((event) => event.stamp).filter((stamp) => stamp < oldest);
      if (stamps.length > 0) await this.#source.done(feed, { stamps, lost: stamps.length });
      if (stamps.length < BATCH) break;
    }
    if (feed.pending > 0 || feed.dropped === 0) return;
    const container = await this.#source.container(feed.containerId);
    if (container?.feeds?.some((one) => one.id === feed.feedId) === true) return;
    await this.#source.done(feed, { stamps: [], forgetLost: true });
  }
}

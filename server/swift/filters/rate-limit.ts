/**
 * Requests a second, by account and by the size of the container (swift/common/middleware/ratelimit.py).
 * Who comes too fast waits; who would wait too long is told to slow down. Each process counts what it
 * serves itself.
 */
import type { Clock } from '../../../base/clock.ts';

/** Containers of at least so many objects are allowed so many requests a second; between two sizes the rate is on the line that joins them. */
export type Rates = readonly { readonly size: number; readonly rate: number }[];

export interface RateLimits {
  /** PUT and DELETE of containers, by account; 0: as many as come. */
  readonly account: number;
  /** Writes of objects, by container. */
  readonly container: Rates;
  /** Listings, by container. */
  readonly listing: Rates;
  /** All writes together, of single accounts. */
  readonly writes: Readonly<Record<string, number>>;
  readonly allowlist: readonly string[];
  readonly blocklist: readonly string[];
  readonly maxSleepSeconds: number;
  /** What was not used of the rate for so long is still there. */
  readonly bufferSeconds: number;
}

/** undefined: no bound. */
export function rateOf(rates: Rates, size: number): number | undefined {
  const sorted = rates.toSorted((a, b) => a.size - b.size);
  const index = sorted.findLastIndex((one) => size >= one.size);
  const [from, to] = [sorted[index], sorted[index + 1]];
  // Swift leaves containers without objects alone.
  if (size === 0 || from === undefined) return undefined;
  if (to === undefined) return from.rate;
  return from.rate + ((size - from.size) * (to.rate - from.rate)) / (to.size - from.size);
}

/** Places remembered: of one that is forgotten somebody may be let in early. */
const MOST = 100_000;

export class RateLimiter {
  readonly #clock: Clock;
  readonly limits: RateLimits;
  /** When the next request of each place is due, in milliseconds of the monotonic clock. */
  readonly #due = new Map<string, number>();

  constructor(clock: Clock, limits: RateLimits) {
    this.#clock = clock;
    this.limits = limits;
  }

  /** Milliseconds to wait; undefined: too many wait already. */
  reserve(place: string, rate: number): number | undefined {
    const now = this.#clock.monotonic();
    const perRequest = 1000 / rate;
    const due = this.#due.get(place) ?? -Infinity;
    const isLongAgo = now - due > this.limits.bufferSeconds * 1000;
    const mine = isLongAgo ? now : due;
    const wait = Math.max(0, mine - now);
    if (wait >= this.limits.maxSleepSeconds * 1000) return undefined;
    this.#remember(place, mine + perRequest);
    return wait;
  }

  #remember(place: string, due: number): void {
    this.#due.delete(place);
    const oldest = this.#due.keys().next().value;
    if (this.#due.size >= MOST && oldest !== undefined) this.#due.delete(oldest);
    this.#due.set(place, due);
  }
}

import type { Clock } from './clock.ts';
import { type Micros, micros } from './units.ts';

/** One tick is 10 µs: the finest that Swift's `%016.05f` can print. */
export const TICK_MICROS = 10;

/** The stamp as Swift prints it: the whole ticks before it. */
export function inTicks(stamp: Micros): Micros {
  return micros(stamp - (stamp % TICK_MICROS));
}

/**
 * Hybrid logical clock: follows the wall clock, never goes back, never repeats.
 * A shard's primary owns one and stamps every commit with it (Kulkarni et al. 2014).
 */
export class HybridClock {
  readonly #clock: Clock;
  #last = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The next stamp: later than every stamp returned or observed before. */
  next(): Micros {
    const wall = inTicks(micros(Math.floor(this.#clock.now() * 1000)));
    this.#last = Math.max(wall, this.#last + TICK_MICROS);
    return micros(this.#last);
  }

  /** Moves past a stamp seen elsewhere (in the log, from another primary). */
  observe(stamp: Micros): void {
    if (stamp > this.#last) this.#last = stamp;
  }
}

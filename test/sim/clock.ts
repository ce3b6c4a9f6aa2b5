import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  readonly task: () => void;
}

/**
 * Virtual time: it stands still while anything can run, then jumps to the next timer. With it a
 * run of hours takes milliseconds and the same seed gives the same run.
 */
export class SimClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #wallStart: number;
  #timers: Timer[] = [];
  #turns = 0;

  constructor(wallStart = 1_790_000_000_000) {
    this.#wallStart = wallStart;
  }

  now(): number {
    // Whole milliseconds, as Date.now().
    return this.#wallStart + Math.floor(this.#now);
  }

  monotonic(): number {
    return this.#now;
  }

  after(millis: number, task: () => void): () => void {
    if (!Number.isFinite(millis)) throw new Error(`no timer can wait for ${millis} milliseconds`);
    const timer = { at: this.#now + Math.max(0, millis), order: this.#order++, task };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  /** A real turn of the event loop: immediates run in the order in which they were asked for. */
  turn(): Promise<void> {
    this.#turns++;
    return new Promise((resolve) => {
      setImmediate(() => {
        this.#turns--;
        resolve();
      });
    });
  }

  /** Until nothing can go on but by a timer. */
  async #quiet(): Promise<void> {
    do await quiet();
    while (this.#turns > 0);
  }

  sleep(millis: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        cancel();
        reject(new StoreError('cancelled', 'clock.sleep', 'the wait was cancelled'));
      };
      const cancel = this.after(millis, () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      });
      if (signal?.aborted) aborted();
      else signal?.addEventListener('abort', aborted, { once: true });
    });
  }

  /** Forgets every timer: the process that set them is dead. */
  clear(): void {
    this.#timers = [];
  }

  /** Runs the earliest timer; false when there is none before `until`. */
  #step(until: number): boolean {
    let next: Timer | undefined;
    for (const timer of this.#timers) {
      if (
        next === undefined ||
        timer.at < next.at ||
        (timer.at === next.at && timer.order < next.order)
      ) {
        next = timer;
      }
    }
    if (next === undefined || next.at > until) return false;
    this.#timers = this.#timers.filter((timer) => timer !== next);
    this.#now = Math.max(this.#now, next.at);
    next.task();
    return true;
  }

  /** Lets the world run until the promise settles; throws when nothing is left to happen before that, or after `limitMillis` of virtual time. */
  async run<T>(work: Promise<T>, limitMillis = 3_600_000): Promise<T> {
    let settled = false;
    const done = (): void => {
      settled = true;
    };
    work.then(done, done);
    const limit = this.#now + limitMillis;
    for (;;) {
      await this.#quiet();
      if (settled) return work;
      if (!this.#step(limit)) throw new Error('the simulation is stuck: nothing is left to happen');
    }
  }

  /** Lets `millis` of virtual time pass. */
  async advance(millis: number): Promise<void> {
    const until = this.#now + millis;
    await this.#quiet();
    while (this.#step(until)) await this.#quiet();
    this.#now = until;
  }
}

/** Resolves when every promise that could go on has gone on. */
export function quiet(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

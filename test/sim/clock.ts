import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';

interface Timer {
  readonly at: number;
  readonly order: number;
  /** Undefined once it is cancelled. */
  task: (() => void) | undefined;
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.at < other.at || (one.at === other.at && one.order < other.order);
}

/** Timers with the earliest first: a binary heap. */
class TimerHeap {
  readonly #timers: Timer[] = [];

  get first(): Timer | undefined {
    return this.#timers[0];
  }

  add(timer: Timer): void {
    const timers = this.#timers;
    let at = timers.length;
    timers.push(timer);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const other = timers[parent];
      if (other === undefined || isBefore(other, timer)) break;
      timers[at] = other;
      at = parent;
    }
    timers[at] = timer;
  }

  removeFirst(): void {
    const timers = this.#timers;
    const moved = timers.pop();
    if (moved === undefined || timers.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      let least = timers[child];
      const right = timers[child + 1];
      if (least === undefined) break;
      if (right !== undefined && isBefore(right, least)) {
        least = right;
        child++;
      }
      if (isBefore(moved, least)) break;
      timers[at] = least;
      at = child;
    }
    timers[at] = moved;
  }

  clear(): void {
    this.#timers.length = 0;
  }
}

/**
 * Virtual time: it stands still while anything can run, then jumps to the next timer. With it a
 * run of hours takes milliseconds and the same seed gives the same run.
 */
export class SimClock implements Clock {
  #now = 0;
  #order = 0;
  readonly #wallStart: number;
  readonly #timers = new TimerHeap();
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
    const timer: Timer = { at: this.#now + Math.max(0, millis), order: this.#order++, task };
    this.#timers.add(timer);
    return () => {
      timer.task = undefined;
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
    this.#timers.clear();
  }

  /** Runs the earliest timer; false when there is none before `until`. */
  #step(until: number): boolean {
    const timers = this.#timers;
    let next = timers.first;
    while (next !== undefined && next.task === undefined) {
      timers.removeFirst();
      next = timers.first;
    }
    if (next?.task === undefined || next.at > until) return false;
    timers.removeFirst();
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

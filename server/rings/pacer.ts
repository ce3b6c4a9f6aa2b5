import type { Clock } from '../../base/clock.ts';

export interface PaceSettings {
  /** Of the time, while clients are served: the rest of it the work sleeps. */
  readonly busyShare: number;
  /** Bytes read and written, at most; undefined: as many as the share allows. */
  readonly bytesPerSecond?: number | undefined;
}

/** So long after a client's last sign the work goes on at full speed. */
const quietMillis = 1000;

/**
 * Lets clients go first: while there are any, work that moves many bytes runs for a share of the time
 * only, measured by its own duration. So it takes that share of whatever is scarce, disk or CPU.
 */
export class Pacer {
  readonly #clock: Clock;
  readonly #activity: () => number;
  readonly #settings: PaceSettings;
  #seen: number;
  #busyUntil = 0;
  #allowedAt = 0;

  /** `activity` grows with whatever clients do. */
  constructor(clock: Clock, activity: () => number, settings: PaceSettings) {
    this.#clock = clock;
    this.#activity = activity;
    this.#settings = settings;
    this.#seen = activity();
  }

  get isBusy(): boolean {
    const now = this.#clock.monotonic();
    const activity = this.#activity();
    if (activity !== this.#seen) {
      this.#seen = activity;
      this.#busyUntil = now + quietMillis;
    }
    return now < this.#busyUntil;
  }

  /** One strand of work: to be told of what it did, piece by piece. */
  strand(): (bytes: number) => Promise<void> {
    let since = this.#clock.monotonic();
    return async (bytes) => {
      const now = this.#clock.monotonic();
      const { busyShare } = this.#settings;
      const rest = this.isBusy ? ((now - since) * (1 - busyShare)) / busyShare : 0;
      const wait = Math.max(rest, this.#spend(bytes, now));
      if (wait > 0) await this.#clock.sleep(wait);
      since = this.#clock.monotonic();
    };
  }

  /** How long these bytes have to wait for the rate. */
  #spend(bytes: number, now: number): number {
    const { bytesPerSecond } = this.#settings;
    if (bytesPerSecond === undefined) return 0;
    this.#allowedAt = Math.max(this.#allowedAt, now) + (bytes / bytesPerSecond) * 1000;
    return this.#allowedAt - now;
  }
}

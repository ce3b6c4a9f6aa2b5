import type { Clock } from '../../base/clock.ts';

interface Use {
  readonly policy: string;
  readonly ring: number;
  /** Monotonic milliseconds; Infinity while the write goes on. */
  until: number;
}

/** The commit follows the last byte at once; one that does not is refused where the ring is given up, and the client writes again. */
const commitMillis = 2000;

/** Ring versions by which bodies are being written: a former ring is not given up under a write. */
export class RingsInUse {
  readonly #clock: Clock;
  readonly #uses = new Set<Use>();
  #forgetAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be called before the first byte is written; the returned function after the last one. */
  begin(policy: string, ring: number): () => void {
    const use: Use = { policy, ring, until: Number.POSITIVE_INFINITY };
    this.#uses.add(use);
    return () => {
      use.until = this.#clock.monotonic() + commitMillis;
      if (use.until >= this.#forgetAt) this.#forget();
    };
  }

  /** Looks at all: not for every write. */
  #forget(): void {
    const now = this.#clock.monotonic();
    this.#forgetAt = now + 2 * commitMillis;
    for (const use of this.#uses) if (use.until <= now) this.#uses.delete(use);
  }

  /** The oldest ring version of the policy in use; Infinity when there is none. */
  oldest(policy: string): number {
    this.#forget();
    let oldest = Number.POSITIVE_INFINITY;
    for (const use of this.#uses) {
      if (use.policy === policy) oldest = Math.min(oldest, use.ring);
    }
    return oldest;
  }
}

import type { Clock } from '../../base/clock.ts';

/** Remembers a bounded number of values, each until its own end. What was put first goes first. */
export class ExpiringMap<V> {
  readonly #clock: Clock;
  readonly #limit: number;
  readonly #entries = new Map<string, { readonly value: V; readonly endsAt: number }>();

  constructor(clock: Clock, limit: number) {
    this.#clock = clock;
    this.#limit = limit;
  }

  get(key: string): V | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (entry.endsAt > this.#clock.now()) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  /** `endsAt`: milliseconds since 1970. */
  set(key: string, value: V, endsAt: number): void {
    this.#entries.delete(key);
    if (this.#entries.size >= this.#limit) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    this.#entries.set(key, { value, endsAt });
  }
}

/**
 * How many stripes all reads, or all writes, of this process may hold together. One alone goes a few
 * ahead of what it waits for; were sixty-four to do so, the server would hold 400 MiB. Who has no
 * stripe at all is never made to wait for others: slow clients would starve the rest.
 */
export class StripesInFlight {
  readonly #limit: number;
  #held = 0;
  #taken = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Whether somebody who holds one already may take a further stripe. */
  get mayGrow(): boolean {
    return this.#held < this.#limit;
  }

  /** Grows with every stripe, also while any is held. */
  get activity(): number {
    if (this.#held > 0) this.#taken++;
    return this.#taken;
  }

  take(): void {
    this.#held++;
    this.#taken++;
  }

  give(count: number): void {
    this.#held -= count;
  }
}

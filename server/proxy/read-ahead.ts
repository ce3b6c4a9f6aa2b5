/**
 * How many stripes all reads of this process may hold together. One read alone asks for a few ahead;
 * were sixty-four to do so, each held twice by a hedge, they would take 400 MiB. A read that has no
 * stripe at all is never made to wait for others: slow clients would starve the rest.
 */
export class ReadAhead {
  readonly #limit: number;
  #held = 0;

  /** `limit` counts stripes that were asked for and not yet sent, over all reads. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get held(): number {
    return this.#held;
  }

  /** Whether a read that has one already may ask for a further stripe. */
  get mayGrow(): boolean {
    return this.#held < this.#limit;
  }

  take(): void {
    this.#held++;
  }

  give(count: number): void {
    this.#held -= count;
  }
}

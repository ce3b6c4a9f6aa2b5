/** Something that may take hours, one at a time, for callers that come back for what came of it. */
export class LongRuns<Wish> {
  readonly #task: (wish: Wish) => Promise<object>;
  readonly #sorry: string;
  #running: Promise<void> | undefined;
  #answer: string | undefined;

  /** `sorry`: what is answered when it could not be finished. */
  constructor(task: (wish: Wish) => Promise<object>, sorry: string) {
    this.#task = task;
    this.#sorry = sorry;
  }

  /** Begins one unless one goes on. */
  begin(wish: Wish): void {
    this.#running ??= this.#run(wish);
    this.#running.catch(() => undefined);
  }

  async #run(wish: Wish): Promise<void> {
    this.#answer = undefined;
    try {
      this.#answer = JSON.stringify(await this.#task(wish), null, 2);
    } finally {
      this.#running = undefined;
      this.#answer ??= this.#sorry;
    }
  }

  /** Of the last that has ended; empty while one goes on. */
  answer(): string {
    return this.#running === undefined ? (this.#answer ?? '') : '';
  }
}

/** One at a time, in order of arrival. */
export class Exclusive {
  #last: Promise<unknown> = Promise.resolve();

  run<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work, work);
    // The next one waits for this one whatever becomes of it; its own caller sees the error.
    this.#last = result.catch(() => undefined);
    return result;
  }
}

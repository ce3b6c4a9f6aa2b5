/**
 * A body whose first chunk is there before the reply's head is sent: what stands in the way of the
 * first byte is then answered with a status, and not with a cut connection.
 */

/** Resolves when the first chunk (or the end) was read; throws what reading it throws. The caller must consume or `return` the result. */
export async function started(body: AsyncIterable<Uint8Array>): Promise<AsyncIterable<Uint8Array>> {
  const source = body[Symbol.asyncIterator]();
  return new StartedBody(source, await source.next());
}

class StartedBody implements AsyncIterableIterator<Uint8Array> {
  readonly #source: AsyncIterator<Uint8Array>;
  #first: IteratorResult<Uint8Array> | undefined;

  constructor(source: AsyncIterator<Uint8Array>, first: IteratorResult<Uint8Array>) {
    this.#source = source;
    this.#first = first;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const first = this.#first;
    if (first === undefined) return this.#source.next();
    this.#first = undefined;
    return first;
  }

  /** Whoever stops early lets the source close what it holds open. */
  async return(): Promise<IteratorResult<Uint8Array>> {
    this.#first = undefined;
    await this.#source.return?.();
    return { done: true, value: undefined };
  }
}

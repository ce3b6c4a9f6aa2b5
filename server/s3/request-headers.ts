/** A request's headers, read once: by lower-case name, with those that Amazon defines set apart. */

export class RequestHeaders {
  readonly #values: Map<string, string> = new Map();
  /** Lower-case names that begin with `x-amz-`, each once. */
  readonly amzNames: readonly string[];
  /** Names of user metadata, without `x-amz-meta-`, each once. */
  readonly metaNames: readonly string[];

  constructor(rawHeaders: readonly string[]) {
    const amzNames: string[] = [];
    const metaNames: string[] = [];
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = (rawHeaders[i] ?? '').toLowerCase();
      const value = rawHeaders[i + 1] ?? '';
      const earlier = this.#values.get(name);
      // A comma without a blank: what SigV4 signs when a header is repeated.
      this.#values.set(name, earlier === undefined ? value : `${earlier},${value}`);
      if (earlier === undefined && name.startsWith('x-amz-')) {
        amzNames.push(name);
        if (name.startsWith('x-amz-meta-')) metaNames.push(name.slice('x-amz-meta-'.length));
      }
    }
    this.amzNames = amzNames;
    this.metaNames = metaNames;
  }

  /** Bytes as latin1; repeated headers joined by a comma. */
  get(name: string): string | undefined {
    return this.#values.get(name);
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }
}

/** Keys of rows that were written while they were being copied. */
export class DirtyKeys {
  readonly #covers: (key: Uint8Array) => boolean;
  /** By their bytes in latin1. */
  #keys = new Map<string, Uint8Array>();

  constructor(covers: (key: Uint8Array) => boolean) {
    this.#covers = covers;
  }

  get size(): number {
    return this.#keys.size;
  }

  note(keys: readonly { readonly key: Uint8Array }[]): void {
    for (const { key } of keys) {
      if (!this.#covers(key)) continue;
      this.#keys.set(
        Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1'),
        key,
      );
    }
  }

  /** Those noted so far; they are forgotten. */
  take(): readonly Uint8Array[] {
    const keys = [...this.#keys.values()];
    this.#keys = new Map();
    return keys;
  }
}

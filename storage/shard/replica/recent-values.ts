import type { StoredRow } from '../row.ts';

/** An index value, and the row that was read from it, once somebody did. */
export interface KeptValue {
  readonly value: Uint8Array;
  row: StoredRow | undefined;
}

/** With their rows some 4 KiB each: 4 MiB a device. */
const entriesMax = 1024;
/** Longer values are rare, and cheap beside what is done with them. */
const valueBytesMax = 2048;

/**
 * Values that were read from the index lately, so that a container's row, or an object that many ask
 * for, is looked up, verified and parsed once. The oldest go first. Whoever writes a key must
 * `forget` it before.
 */
export class RecentValues {
  #kept = new Map<string, KeptValue>();

  get(text: string): KeptValue | undefined {
    return this.#kept.get(text);
  }

  keep(text: string, value: Uint8Array): KeptValue {
    const kept = { value, row: undefined };
    if (value.length > valueBytesMax) return kept;
    if (this.#kept.size >= entriesMax) {
      for (const oldest of this.#kept.keys()) {
        this.#kept.delete(oldest);
        break;
      }
    }
    this.#kept.set(text, kept);
    return kept;
  }

  forget(text: string): void {
    this.#kept.delete(text);
  }

  /** Rows of the index are deleted by range: anything kept may be gone. */
  forgetAll(): void {
    this.#kept = new Map();
  }
}

/** Commits that are decided and not sent yet. */
import type { EncodedRecord } from '../log/record.ts';

export class Outbox {
  #records: EncodedRecord[] = [];

  get isEmpty(): boolean {
    return this.#records.length === 0;
  }

  push(record: EncodedRecord): void {
    this.#records.push(record);
  }

  clear(): void {
    this.#records = [];
  }

  /** The next commits, of `bytesMax` together at most; a larger one goes alone. */
  take(bytesMax: number): readonly EncodedRecord[] {
    let bytes = 0;
    let count = 0;
    for (const record of this.#records) {
      bytes += record.length;
      if (count > 0 && bytes > bytesMax) break;
      count++;
    }
    return this.#records.splice(0, count);
  }
}

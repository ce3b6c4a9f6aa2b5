/** Bits of a stream, the highest of each byte first. */
import { StoreError } from '../../../base/errors.ts';

export function brokenArchive(sentence: string, cause?: unknown): StoreError {
  return new StoreError('invalid-argument', 'swift.extract', sentence, {
    cause,
    detail: { archive: true },
  });
}

/** Bytes are fetched by `fill`; everything else is synchronous, and throws past the end of the stream. */
export class BitReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #buffer: Uint8Array = new Uint8Array(0);
  #at = 0;
  #bits = 0;
  #count = 0;

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Fetches until so many bytes wait; false when the stream ends before. */
  async fill(bytes: number): Promise<boolean> {
    while (this.#buffer.length - this.#at < bytes) {
      const { done, value } = await this.#source.next();
      if (done === true) return false;
      const rest = this.#buffer.subarray(this.#at);
      this.#buffer = rest.length === 0 ? value : Buffer.concat([rest, value]);
      this.#at = 0;
    }
    return true;
  }

  /** At most 24 bits. */
  read(count: number): number {
    while (this.#count < count) {
      const byte = this.#buffer[this.#at];
      if (byte === undefined) throw brokenArchive('the archive ends too early');
      this.#at += 1;
      this.#bits = ((this.#bits << 8) | byte) >>> 0;
      this.#count += 8;
    }
    this.#count -= count;
    return (this.#bits >>> this.#count) & ((1 << count) - 1);
  }

  alignToByte(): void {
    this.#count -= this.#count % 8;
  }
}

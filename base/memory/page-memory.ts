/**
 * Memory that begins at a page: what direct I/O writes from without a copy. JavaScript cannot ask
 * where a buffer lies; WebAssembly's memories are the only ones that are known to begin so, since
 * engines reserve them by pages.
 */
export const pageBytes = 4096;

const aligned = new WeakSet<ArrayBufferLike>();

/** Notes that this memory begins at a page. It must never grow, which would move it. */
export function notePageAligned(memory: WebAssembly.Memory): void {
  aligned.add(memory.buffer);
}

/** Whether the bytes are known to begin at a page. */
export function isPageAligned(bytes: Uint8Array): boolean {
  return bytes.byteOffset % pageBytes === 0 && aligned.has(bytes.buffer);
}

/** A bounded stock of single pages, for small pieces between large ones that lie well. */
export class PageStock {
  readonly #most: number;
  readonly #free: Uint8Array[] = [];
  #made = false;

  constructor(most: number) {
    this.#most = most;
  }

  /** A page that holds anything; undefined while all are taken. */
  take(): Uint8Array | undefined {
    if (!this.#made) this.#make();
    return this.#free.pop();
  }

  giveBack(page: Uint8Array): void {
    this.#free.push(page);
  }

  #make(): void {
    this.#made = true;
    const pages = Math.ceil((this.#most * pageBytes) / 65_536);
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
    notePageAligned(memory);
    for (let place = 0; place < this.#most; place++) {
      this.#free.push(new Uint8Array(memory.buffer, place * pageBytes, pageBytes));
    }
  }
}

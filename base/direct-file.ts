import { constants } from 'node:fs';
import * as fs from 'node:fs/promises';
import { isPageAligned, pageBytes, PageStock } from './memory/page-memory.ts';

/**
 * Below it a buffered write is cheaper: a small direct one waits for the medium by itself, where
 * the sync would have taken many at once.
 */
const leastBytes = 65_536;

/** Header pages of writes under way: two stripes for each of 64 uploads on 6 devices would be 768. */
const stock = new PageStock(1024);

/**
 * A second, direct handle on a file (O_DIRECT): large writes go past the page cache, at a third of
 * the CPU and twice the speed of buffered ones (docs/performance.md). Durability is as for any
 * other write: only after the file's sync. Where the file system refuses, nothing is lost: the
 * caller writes as usual.
 */
export class DirectFile {
  readonly #path: string;
  #handle: Promise<fs.FileHandle | undefined> | undefined;
  #refused = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Whether all was written at `position`; false, and the file as it was or to be written over, when it was not. */
  async write(position: number, pieces: readonly Uint8Array[]): Promise<boolean> {
    if (this.#refused || position % pageBytes !== 0) return false;
    const borrowed: Uint8Array[] = [];
    try {
      const laid = layOut(pieces, borrowed);
      if (laid === undefined) return false;
      this.#handle ??= this.#open();
      const handle = await this.#handle;
      if (handle === undefined) return false;
      const { bytesWritten } = await handle.writev(laid, position);
      return bytesWritten === laid.reduce((sum, piece) => sum + piece.length, 0);
    } catch (error) {
      // The file system, or the device below it, wants another alignment than a page.
      if (!isRefusal(error)) throw error;
      this.#refused = true;
      return false;
    } finally {
      for (const page of borrowed) stock.giveBack(page);
    }
  }

  /** Later writes are refused. */
  async close(): Promise<void> {
    this.#refused = true;
    const handle = await this.#handle;
    await handle?.close();
  }

  async #open(): Promise<fs.FileHandle | undefined> {
    try {
      return await fs.open(this.#path, constants.O_WRONLY | constants.O_DIRECT);
    } catch (error) {
      if (!isRefusal(error)) throw error;
      this.#refused = true;
      return undefined;
    }
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EINVAL';
}

/** The pieces where direct I/O can read them; pages from the stock are noted in `borrowed`. undefined: it is not worth it, or cannot be. */
function layOut(
  pieces: readonly Uint8Array[],
  borrowed: Uint8Array[],
): readonly Uint8Array[] | undefined {
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (constants.O_DIRECT === undefined || total < leastBytes) return undefined;
  const laid: Uint8Array[] = [];
  for (const piece of pieces) {
    if (piece.length % pageBytes !== 0) return undefined;
    if (isPageAligned(piece)) {
      laid.push(piece);
      continue;
    }
    // One page is copied; more would cost what is to be saved.
    const page = piece.length === pageBytes ? stock.take() : undefined;
    if (page === undefined) return undefined;
    borrowed.push(page);
    page.set(piece);
    laid.push(page);
  }
  return laid;
}

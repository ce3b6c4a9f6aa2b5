/**
 * Memory for large reads that is used again. Fresh memory is dear twice: the system gives it page
 * by page, and V8 marks its whole heap when enough of it has passed.
 *
 * Giving back is voluntary: memory that nobody gives back is collected like any other. Only whoever
 * surely is the last to touch the bytes may do it, which in practice is the reply, when the socket
 * has taken them.
 */
import { KiB, MiB } from '../units.ts';

/** Below it, fresh memory costs less than the bookkeeping. */
const worthwhileBytes: number = 64 * KiB;
/** Of memory that waits: two stripes of 1 MiB and their read-ahead for 16 downloads. */
const keptBytes: number = 48 * MiB;

interface Loan {
  readonly offset: number;
  readonly length: number;
}

export class ReusedMemory {
  /** By length: most requests are for a whole unit. */
  readonly #free = new Map<number, ArrayBuffer[]>();
  readonly #loans = new WeakMap<ArrayBufferLike, Loan>();
  #freeBytes = 0;

  /** `length` bytes that hold anything, the caller's own. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const buffer = length < worthwhileBytes ? undefined : this.#free.get(length)?.pop();
    if (buffer !== undefined) {
      this.#freeBytes -= length;
      return new Uint8Array(buffer);
    }
    // Not from Buffer's pool, which is shared; and not zeroed.
    const memory = Buffer.allocUnsafeSlow(length);
    return new Uint8Array(memory.buffer, memory.byteOffset, length);
  }

  /** Lets `bytes`, a view of memory that was taken, be given back: that very range and no other. */
  lend(bytes: Uint8Array): void {
    if (bytes.buffer.byteLength < worthwhileBytes) return;
    this.#loans.set(bytes.buffer, { offset: bytes.byteOffset, length: bytes.length });
  }

  /**
   * The memory may be used again; the caller promises that nobody reads `bytes` any more. Nothing
   * happens unless they are exactly what was lent: a piece of it may have sisters in use.
   */
  giveBack(bytes: Uint8Array): void {
    const { buffer } = bytes;
    const loan = this.#loans.get(buffer);
    if (loan?.offset !== bytes.byteOffset || loan.length !== bytes.length) return;
    this.#loans.delete(buffer);
    if (!(buffer instanceof ArrayBuffer)) return;
    if (this.#freeBytes + buffer.byteLength > keptBytes) {
      // Perhaps all of lengths that nobody asks for any more: the pool begins anew.
      this.#free.clear();
      this.#freeBytes = 0;
    }
    const sisters = this.#free.get(buffer.byteLength);
    if (sisters === undefined) this.#free.set(buffer.byteLength, [buffer]);
    else sisters.push(buffer);
    this.#freeBytes += buffer.byteLength;
  }
}

/** The one of this thread. */
export const reusedMemory: ReusedMemory = new ReusedMemory();

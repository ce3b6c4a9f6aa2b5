/**
 * Memory that came from sockets, freed when its last byte was copied away. Left to the collector it
 * costs more than the bytes are worth: every 64 KiB a fresh buffer, page faults in each, and full
 * collections because V8 counts memory outside its heap (docs/performance.md: 8.5 against 1.1 µs of CPU a buffer).
 *
 * It is voluntary: a buffer whose bytes are not all given up is collected like any other. Each byte
 * may be given up once, by whoever surely is the last to read it.
 */
import { KiB } from '../units.ts';

/** Below it a buffer is not worth the bookkeeping. */
const worthwhileBytes: number = 16 * KiB;

export class ReceivedMemory {
  /** Bytes of each buffer that are still in use. */
  readonly #left = new WeakMap<ArrayBufferLike, number>();

  /** Follows a chunk that nobody else has a view of; a chunk that is only part of its buffer is not followed. */
  follow(chunk: Uint8Array): void {
    const { buffer, length } = chunk;
    if (length >= worthwhileBytes && length === buffer.byteLength) this.#left.set(buffer, length);
  }

  /** Somebody keeps a view of these bytes: their buffer is left to the collector. */
  keep(bytes: Uint8Array): void {
    this.#left.delete(bytes.buffer);
  }

  /** Nobody reads these bytes any more. With the last of its bytes the buffer's memory goes, and all views of it become empty. */
  giveUp(bytes: Uint8Array): void {
    const { buffer } = bytes;
    const left = this.#left.get(buffer);
    if (left === undefined) return;
    if (left > bytes.length) {
      this.#left.set(buffer, left - bytes.length);
      return;
    }
    this.#left.delete(buffer);
    if (buffer instanceof ArrayBuffer) buffer.transfer(0);
  }
}

/** The one of this thread. */
export const receivedMemory: ReceivedMemory = new ReceivedMemory();

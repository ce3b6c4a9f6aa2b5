/**
 * CRC-64/NVME: polynomial 0xad93d23594c93659, reflected, all ones in and out (NVM Express NVM
 * Command Set 1.0, section 5.2.1.3.4). Eight bytes a step with eight tables, on two 32-bit halves:
 * BigInt would be fifty times slower. Long pieces are folded instead (crc64-fold.ts).
 */

import { KiB } from '../../../base/units.ts';
import { crc64Folder, foldWindow } from './crc64-fold.ts';

/** A shorter piece does not repay the fold's fixed cost, some 5 µs at the end. */
const foldFromBytes: number = 8 * KiB;

/** The polynomial with its bits reversed, in halves. */
const POLYNOMIAL_HIGH = 0x9a6c9329;
const POLYNOMIAL_LOW = 0xac4bc9b5;

/** tables[t * 256 + b]: the register after byte b and t zero bytes. */
const low = new Int32Array(8 * 256);
const high = new Int32Array(8 * 256);

for (let byte = 0; byte < 256; byte++) {
  let lo = byte;
  let hi = 0;
  for (let bit = 0; bit < 8; bit++) {
    const carry = lo & 1;
    lo = (lo >>> 1) | (hi << 31);
    hi >>>= 1;
    if (carry === 1) {
      lo ^= POLYNOMIAL_LOW;
      hi ^= POLYNOMIAL_HIGH;
    }
  }
  low[byte] = lo;
  high[byte] = hi;
}
for (let index = 256; index < 8 * 256; index++) {
  const lo = low[index - 256] ?? 0;
  const hi = high[index - 256] ?? 0;
  const byte = lo & 0xff;
  low[index] = ((lo >>> 8) | (hi << 24)) ^ (low[byte] ?? 0);
  high[index] = (hi >>> 8) ^ (high[byte] ?? 0);
}

/** The running register. `update` may be called any number of times. */
export class Crc64Nvme {
  #low = -1;
  #high = -1;
  /** The last bytes, folded, from the first long piece on; then the register is of no use. */
  #window: Uint8Array | undefined;

  update(bytes: Uint8Array): void {
    if (this.#window !== undefined) crc64Folder?.take(this.#window, bytes);
    else if (bytes.length < foldFromBytes || crc64Folder === undefined) this.#step(bytes);
    else this.#beginFolding(bytes);
  }

  /** The register goes into the eight bytes that come first; from there on it is as if it had been zero. */
  #beginFolding(bytes: Uint8Array): void {
    const window = new Uint8Array(foldWindow);
    const first = Buffer.from(bytes.subarray(0, 8));
    first.writeInt32LE(first.readInt32LE(0) ^ this.#low, 0);
    first.writeInt32LE(first.readInt32LE(4) ^ this.#high, 4);
    crc64Folder?.take(window, first);
    crc64Folder?.take(window, bytes.subarray(8));
    this.#window = window;
  }

  #step(bytes: Uint8Array): void {
    let at = 0;
    // Words are read from aligned memory; the few bytes before it go one by one.
    while (at < bytes.length && ((bytes.byteOffset + at) & 3) !== 0) this.#byte(bytes[at++] ?? 0);
    const words = (bytes.length - at) >>> 3;
    if (words > 0) {
      this.#words(new Int32Array(bytes.buffer, bytes.byteOffset + at, words * 2));
      at += words * 8;
    }
    while (at < bytes.length) this.#byte(bytes[at++] ?? 0);
  }

  #byte(byte: number): void {
    const index = (this.#low ^ byte) & 0xff;
    const next = (this.#low >>> 8) | (this.#high << 24);
    this.#high = (this.#high >>> 8) ^ (high[index] ?? 0);
    this.#low = next ^ (low[index] ?? 0);
  }

  /** Pairs of little-endian words: all machines that Node runs on are. */
  #words(words: Int32Array): void {
    let lo = this.#low;
    let hi = this.#high;
    const l = low;
    const h = high;
    for (let at = 0; at < words.length; at += 2) {
      // Indexes are below 2048 and `at + 1` below the length: `| 0` tells the compiler and the engine.
      const a = lo ^ (words[at]! | 0);
      const b = hi ^ (words[at + 1]! | 0);
      const i0 = 1792 + (a & 0xff);
      const i1 = 1536 + ((a >>> 8) & 0xff);
      const i2 = 1280 + ((a >>> 16) & 0xff);
      const i3 = 1024 + (a >>> 24);
      const i4 = 768 + (b & 0xff);
      const i5 = 512 + ((b >>> 8) & 0xff);
      const i6 = 256 + ((b >>> 16) & 0xff);
      const i7 = b >>> 24;
      lo = l[i0]! ^ l[i1]! ^ l[i2]! ^ l[i3]! ^ l[i4]! ^ l[i5]! ^ l[i6]! ^ l[i7]!;
      hi = h[i0]! ^ h[i1]! ^ h[i2]! ^ h[i3]! ^ h[i4]! ^ h[i5]! ^ h[i6]! ^ h[i7]!;
    }
    this.#low = lo;
    this.#high = hi;
  }

  /** Eight bytes, big-endian, as the checksum headers carry them. */
  digest(): Uint8Array {
    if (this.#window !== undefined && crc64Folder !== undefined) {
      this.#low = 0;
      this.#high = 0;
      this.#step(crc64Folder.restView(this.#window));
    }
    const bytes = Buffer.alloc(8);
    bytes.writeUInt32BE(~this.#high >>> 0, 0);
    bytes.writeUInt32BE(~this.#low >>> 0, 4);
    return bytes;
  }
}

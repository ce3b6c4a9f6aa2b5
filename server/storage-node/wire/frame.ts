/** Frames of the protocol between machines: docs/format/wire.md. */
import { StoreError } from '../../../base/errors.ts';
import { reusedMemory } from '../../../base/memory/reused-memory.ts';
import { KiB, MiB } from '../../../base/units.ts';

export const frameTypes = {
  hello: 1,
  welcome: 2,
  request: 3,
  answer: 4,
  failure: 5,
  ping: 6,
  pong: 7,
  cancel: 8,
  refusal: 9,
} as const;
export type FrameType = (typeof frameTypes)[keyof typeof frameTypes];

export const frameHeaderBytes = 20;
/** A commit of 64 MiB, and its head. */
export const frameBytesMax: number = 68 * MiB;
export const headBytesMax: number = 4 * MiB;
/** Of hello and welcome: the other side is not known yet. */
export const greetingBytesMax: number = 4 * KiB;

export interface Frame {
  readonly type: FrameType;
  /** Zero except in a request. */
  readonly method: number;
  readonly call: number;
  /** How long the asking side waits. */
  readonly patienceMillis: number;
  readonly head: Uint8Array;
  /** The receiver's own. Large ones may be given back to base/memory/reused-memory.ts. */
  readonly bytes: Uint8Array;
}

const knownTypes: ReadonlySet<number> = new Set(Object.values(frameTypes));

function isFrameType(value: number): value is FrameType {
  return knownTypes.has(value);
}

function broken(message: string): StoreError {
  return new StoreError('invalid-argument', 'wire.frame', message);
}

export interface FrameInput {
  readonly type: FrameType;
  readonly method?: number;
  readonly call?: number;
  readonly patienceMillis?: number;
  readonly head?: Uint8Array;
  readonly bytes?: readonly Uint8Array[];
}

const noPieces: readonly Uint8Array[] = [];
const noHead: Uint8Array = new Uint8Array(0);

/** The frame in pieces; `bytes` are taken as they are. Throws `too-large`. */
export function encodeFrame(input: FrameInput): {
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
} {
  const head = input.head ?? noHead;
  const bytes = input.bytes ?? noPieces;
  let length = head.length;
  for (const piece of bytes) length += piece.length;
  if (length > frameBytesMax || head.length > headBytesMax) {
    throw new StoreError('too-large', 'wire.frame', 'a message between machines is too large');
  }
  const first = Buffer.allocUnsafe(frameHeaderBytes + head.length);
  first.writeUInt32LE(length, 0);
  first[4] = input.type;
  first[5] = input.method ?? 0;
  first.writeUInt16LE(0, 6);
  first.writeUInt32LE(input.call ?? 0, 8);
  first.writeUInt32LE(head.length, 12);
  first.writeUInt32LE(Math.min(Math.ceil(input.patienceMillis ?? 0), 0xffff_ffff), 16);
  first.set(head, frameHeaderBytes);
  return { pieces: [first, ...bytes], length: frameHeaderBytes + length };
}

/** Cuts a stream of chunks into frames. One that was told of a broken frame takes no more. */
export class FrameReader {
  readonly #onFrame: (frame: Frame) => void;
  /** Longer frames end the stream. Raised when the other side is known. */
  lengthMax: number;
  readonly #header: Buffer = Buffer.alloc(frameHeaderBytes);
  #headerFilled = 0;
  #head: Buffer | undefined;
  #headFilled = 0;
  #bytes: Uint8Array | undefined;
  #bytesFilled = 0;

  constructor(lengthMax: number, onFrame: (frame: Frame) => void) {
    this.lengthMax = lengthMax;
    this.#onFrame = onFrame;
  }

  /** The chunk is the reader's own. Throws `invalid-argument` where the stream is broken. */
  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#head === undefined || this.#bytes === undefined) {
        const count = Math.min(frameHeaderBytes - this.#headerFilled, chunk.length - at);
        this.#header.set(chunk.subarray(at, at + count), this.#headerFilled);
        this.#headerFilled += count;
        at += count;
        if (this.#headerFilled < frameHeaderBytes) return;
        at += this.#begin(chunk.subarray(at));
      } else {
        at += this.#fill(chunk.subarray(at), this.#head, this.#bytes);
      }
      this.#finish();
    }
  }

  /** A header is there. Returns how many bytes of `rest` the frame has taken already. */
  #begin(rest: Uint8Array): number {
    const header = this.#header;
    const length = header.readUInt32LE(0);
    const headLength = header.readUInt32LE(12);
    if (length > this.lengthMax || headLength > length || headLength > headBytesMax) {
      throw broken('a frame is too long');
    }
    if (!isFrameType(header[4] ?? 0)) throw broken('a frame of an unknown type');
    if (rest.length >= length) {
      // It lies in the chunk as a whole: nothing is copied.
      this.#head = Buffer.from(rest.buffer, rest.byteOffset, headLength);
      this.#bytes = rest.subarray(headLength, length);
      this.#headFilled = headLength;
      this.#bytesFilled = length - headLength;
      return length;
    }
    this.#head = Buffer.allocUnsafe(headLength);
    this.#headFilled = 0;
    const bytes = reusedMemory.take(length - headLength);
    reusedMemory.lend(bytes);
    this.#bytes = bytes;
    this.#bytesFilled = 0;
    return 0;
  }

  #fill(rest: Uint8Array, head: Buffer, bytes: Uint8Array): number {
    let taken = 0;
    if (this.#headFilled < head.length) {
      taken = Math.min(head.length - this.#headFilled, rest.length);
      head.set(rest.subarray(0, taken), this.#headFilled);
      this.#headFilled += taken;
    }
    const count = Math.min(bytes.length - this.#bytesFilled, rest.length - taken);
    if (count > 0) {
      bytes.set(rest.subarray(taken, taken + count), this.#bytesFilled);
      this.#bytesFilled += count;
      taken += count;
    }
    return taken;
  }

  #finish(): void {
    const head = this.#head;
    const bytes = this.#bytes;
    if (head === undefined || bytes === undefined) return;
    if (this.#headFilled < head.length || this.#bytesFilled < bytes.length) return;
    const type = this.#header[4] ?? 0;
    const method = this.#header[5] ?? 0;
    const call = this.#header.readUInt32LE(8);
    const patienceMillis = this.#header.readUInt32LE(16);
    this.#head = undefined;
    this.#bytes = undefined;
    this.#headerFilled = 0;
    if (!isFrameType(type)) throw broken('a frame of an unknown type');
    this.#onFrame({ type, method, call, patienceMillis, head, bytes });
  }
}

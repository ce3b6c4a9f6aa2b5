/**
 * A body as it is stored encrypted (docs/format/encryption.md): frames of AES-256-GCM, each a
 * sub-block of 64 KiB that fragments verify too. No nonce repeats under a key: a body has a key of
 * its own and a frame its number. No byte of a frame is given out before its tag was right.
 */
import { createCipheriv, createDecipheriv, type DecipherGCM, type KeyObject } from 'node:crypto';
import { StoreError } from '../../../base/errors.ts';
import { invariant } from '../../../base/invariant.ts';
import { receivedMemory } from '../../../base/memory/received-memory.ts';
import { reusedMemory } from '../../../base/memory/reused-memory.ts';
import { KiB } from '../../../base/units.ts';

const FRAME_BYTES = 64 * KiB;
const TAG_BYTES = 16;
/** Plain bytes of every frame but the last. */
export const framePlainBytes: number = FRAME_BYTES - TAG_BYTES;
const ALGORITHM = 'aes-256-gcm';

/** Stored bytes of a body of `plainSize`. */
export function sealedSize(plainSize: number): number {
  return plainSize + TAG_BYTES * Math.ceil(plainSize / framePlainBytes);
}

function nonceOf(frame: number, isLast: boolean): Uint8Array {
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(frame, 7);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** The pieces of one frame and its tag. */
function* sealFrame(
  key: KeyObject,
  pieces: readonly Uint8Array[],
  at: { readonly frame: number; readonly isLast: boolean },
): Generator<Uint8Array> {
  const cipher = createCipheriv(ALGORITHM, key, nonceOf(at.frame, at.isLast));
  for (const piece of pieces) {
    const sealed = cipher.update(piece);
    receivedMemory.giveUp(piece);
    // Freed when it was copied away, too.
    receivedMemory.follow(sealed);
    yield sealed;
  }
  cipher.final();
  yield cipher.getAuthTag();
}

/** Seals a body as it passes; holds one frame, for only what follows shows that it is not the last. `key` must never have sealed another body. Chunks are handed over. */
export async function* sealBody(
  key: KeyObject,
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let frame = 0;
  let held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of chunks) {
    let at = 0;
    while (at < chunk.length) {
      if (heldBytes === framePlainBytes) {
        yield* sealFrame(key, held, { frame: frame++, isLast: false });
        held = [];
        heldBytes = 0;
      }
      const piece = chunk.subarray(at, at + framePlainBytes - heldBytes);
      held.push(piece);
      heldBytes += piece.length;
      at += piece.length;
    }
  }
  if (heldBytes > 0) yield* sealFrame(key, held, { frame, isLast: true });
}

/** A body of one frame, in one piece. */
export function sealSmall(key: KeyObject, plain: Uint8Array): Uint8Array {
  invariant(plain.length > 0 && plain.length <= framePlainBytes, 'a small body is one frame');
  return Buffer.concat([...sealFrame(key, [plain], { frame: 0, isLast: true })]);
}

export interface SealedRange {
  /** Of the whole body. */
  readonly plainSize: number;
  /** Plain bytes [start, end). */
  readonly start: number;
  readonly end: number;
  /** Stored bytes [from, to), which belong to the receiver. */
  readonly read: (from: number, to: number) => AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** Opens the frames that the range touches. Throws `corrupt` when a frame is not the one that was sealed there, and what `read` throws. */
export async function* openBody(key: KeyObject, range: SealedRange): AsyncGenerator<Uint8Array> {
  const { plainSize, start, end } = range;
  invariant(start >= 0 && end <= plainSize, 'the range lies inside the body');
  if (start >= end) return;
  const sealed = sealedSize(plainSize);
  const first = Math.floor(start / framePlainBytes);
  const from = first * FRAME_BYTES;
  const to = Math.min(sealed, (Math.floor((end - 1) / framePlainBytes) + 1) * FRAME_BYTES);
  let number = first;
  let frame = new FrameOpener(key, number, sealed);
  let received = from;
  for await (const chunk of range.read(from, to)) {
    received += chunk.length;
    let at = 0;
    while (at < chunk.length) {
      at += frame.take(chunk.subarray(at));
      if (!frame.isFull) continue;
      yield* trimmed(frame.finish(), { at: number * framePlainBytes, start, end });
      if (at < chunk.length || received < to) frame = new FrameOpener(key, ++number, sealed);
    }
    // Its plain bytes are elsewhere: nobody reads this memory any more.
    reusedMemory.giveBack(chunk);
  }
  if (received !== to) throw tampered('a sealed body ends too early', number);
}

function tampered(sentence: string, frame: number): StoreError {
  return new StoreError('corrupt', 'body.open', sentence, { detail: { frame } });
}

/** Of pieces that lie one after the other from `at`, what is inside [start, end). */
function* trimmed(
  pieces: readonly Uint8Array[],
  range: { readonly at: number; readonly start: number; readonly end: number },
): Generator<Uint8Array> {
  let { at } = range;
  for (const piece of pieces) {
    const from = Math.max(0, range.start - at);
    const to = Math.min(piece.length, range.end - at);
    if (from < to) yield piece.subarray(from, to);
    at += piece.length;
  }
}

/** Takes a frame's stored bytes as they come, and gives its plain ones when the tag is right. */
class FrameOpener {
  readonly #number: number;
  readonly #decipher: DecipherGCM;
  readonly #tag = Buffer.alloc(TAG_BYTES);
  readonly #pieces: Uint8Array[] = [];
  #dataLeft: number;
  #tagLeft = TAG_BYTES;

  constructor(key: KeyObject, number: number, sealedBytes: number) {
    const length = Math.min(FRAME_BYTES, sealedBytes - number * FRAME_BYTES);
    invariant(length > TAG_BYTES, 'a frame holds at least one byte');
    const isLast = number * FRAME_BYTES + length === sealedBytes;
    this.#number = number;
    this.#dataLeft = length - TAG_BYTES;
    this.#decipher = createDecipheriv(ALGORITHM, key, nonceOf(number, isLast));
  }

  get isFull(): boolean {
    return this.#tagLeft === 0;
  }

  /** How many of the bytes belong to this frame. */
  take(bytes: Uint8Array): number {
    const data = bytes.subarray(0, this.#dataLeft);
    if (data.length > 0) {
      const plain = this.#decipher.update(data);
      receivedMemory.follow(plain);
      this.#pieces.push(plain);
    }
    this.#dataLeft -= data.length;
    if (this.#dataLeft > 0) return data.length;
    const tag = bytes.subarray(data.length, data.length + this.#tagLeft);
    this.#tag.set(tag, TAG_BYTES - this.#tagLeft);
    this.#tagLeft -= tag.length;
    return data.length + tag.length;
  }

  finish(): readonly Uint8Array[] {
    try {
      this.#decipher.setAuthTag(this.#tag);
      this.#decipher.final();
    } catch {
      // Node says only that it could not authenticate.
      throw tampered('a frame of a sealed body is not what was sealed', this.#number);
    }
    return this.#pieces;
  }
}

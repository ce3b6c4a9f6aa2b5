/** What the server and its hashing threads say to each other. Bytes go through shared slots, never through messages. */
import { KiB } from '../../base/units.ts';
import type { ChecksumAlgorithm } from '../core/model.ts';

/** Bytes of a slot: a message costs some 10 µs on both sides together, so a slot saves on them; a stream holds up to `slotsPerStream`. */
export const slotBytes: number = 256 * KiB;
/** A stream's MD5 may wait with 1 MiB for company (core/digest/md5.ts): four slots, one that is being filled, and one on the way. */
export const slotsPerStream = 6;
/** Of one thread. More are hashed on the event loop: 32 streams of 1.5 MiB are 48 MiB, which are real memory only where they were all used at once. */
export const streamsPerThread = 32;

export interface ThreadData {
  readonly slots: SharedArrayBuffer;
}

export type ToThread =
  | {
      readonly type: 'start';
      readonly stream: number;
      readonly algorithms: readonly ChecksumAlgorithm[];
      readonly size: number | undefined;
    }
  /** A stream of pieces, of each of which the SHA-256 is wanted. */
  | { readonly type: 'start-pieces'; readonly stream: number }
  | {
      readonly type: 'bytes';
      readonly stream: number;
      readonly slot: number;
      readonly length: number;
      /** Where in these bytes pieces end, ascending. */
      readonly cuts: readonly number[];
    }
  /** The piece ends with what was sent last. */
  | { readonly type: 'cut'; readonly stream: number }
  | { readonly type: 'finish'; readonly stream: number }
  | { readonly type: 'drop'; readonly stream: number };

export type FromThread =
  /** Slots whose bytes are hashed, by stream. */
  | { readonly type: 'done'; readonly stream: number; readonly slots: readonly number[] }
  /** Of pieces that ended, in order. */
  | {
      readonly type: 'pieces';
      readonly stream: number;
      readonly digests: readonly Uint8Array[];
    }
  /** The stream is over; with the slots that it still held. */
  | { readonly type: 'dropped'; readonly stream: number; readonly slots: readonly number[] }
  | {
      readonly type: 'digests';
      readonly stream: number;
      readonly digests: ReadonlyMap<ChecksumAlgorithm, Uint8Array>;
    };

/** What the server and its hashing threads say to each other. Bytes go through shared slots, never through messages. */
import { KiB, MiB } from '../../base/units.ts';
import type { ChecksumAlgorithm } from '../core/model.ts';

/** Bytes of a slot: a message costs some 10 µs on both sides together, so a slot saves on them. */
export const slotBytes: number = 256 * KiB;

/** How long a stream's MD5 waits for others to be computed with it, and the slots that it may hold for that. */
export interface Patience {
  /** Bytes that wait: a whole number of slots. */
  readonly bytes: number;
  /** For what waits, one that is being filled, and one on the way. */
  readonly slots: number;
}

const patienceOf = (bytes: number): Patience => ({ bytes, slots: bytes / slotBytes + 2 });
/** Few streams wait for each other's bursts, a stripe each. */
export const patient: Patience = patienceOf(MiB);
/** Among many streams somebody always has bytes. */
export const hasty: Patience = patienceOf(slotBytes);
/** Of one thread: four for each lane of MD5. */
export const patientStreams = 16;
/** Of one thread. More are hashed on the event loop. */
export const streamsPerThread = 64;
/** Of one thread: 60 MiB, which are real memory only where they were all used at once. */
export const slotsPerThread: number =
  patientStreams * patient.slots + (streamsPerThread - patientStreams) * hasty.slots;

export interface ThreadData {
  readonly slots: SharedArrayBuffer;
}

export type ToThread =
  | {
      readonly type: 'start';
      readonly stream: number;
      readonly algorithms: readonly ChecksumAlgorithm[];
      readonly size: number | undefined;
      /** Bytes that may wait for company: `Patience.bytes`. */
      readonly patience: number;
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

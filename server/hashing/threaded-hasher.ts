/** Hashes large bodies on threads beside the event loop, small ones where they are. */
import { Worker } from 'node:worker_threads';
import { invariant } from '../../base/invariant.ts';
import { KiB } from '../../base/units.ts';
import {
  type BodyDigests,
  type Hasher,
  localHasher,
  type PieceDigests,
} from '../core/digest/hasher.ts';
import { laneCount } from '../core/digest/md5-module.ts';
import type { ChecksumAlgorithm } from '../core/model.ts';
import {
  type FromThread,
  hasty,
  type Patience,
  patient,
  patientStreams,
  slotBytes,
  slotsPerThread,
  streamsPerThread,
  type ThreadData,
  type ToThread,
} from './protocol.ts';

/** Up to here a body is hashed at once where it is: hashing takes less time than telling a thread. */
const localBytes: number = 256 * KiB;

/** One stream of bytes to a thread: a body, or pieces. */
class ThreadDigests implements BodyDigests, PieceDigests {
  readonly #thread: HashingThread;
  readonly #id: number;
  readonly patience: Patience;
  #slot: number | undefined;
  #filled = 0;
  /** Slots that are filled, being filled, or on the way. */
  #held = 0;
  #room: (() => void) | undefined;
  /** Where pieces end in the slot that is being filled. */
  #cuts: number[] = [];
  /** Who waits for the digests of pieces, in order. */
  readonly #pieces: ((digest: Uint8Array) => void)[] = [];
  #found: ((digests: ReadonlyMap<ChecksumAlgorithm, Uint8Array>) => void) | undefined;

  constructor(thread: HashingThread, id: number, patience: Patience) {
    this.#thread = thread;
    this.#id = id;
    this.patience = patience;
  }

  get keeps(): boolean {
    return false;
  }

  update(bytes: Uint8Array): Promise<void> | undefined {
    let at = 0;
    while (at < bytes.length) {
      if (this.#slot === undefined) {
        if (this.#held === this.patience.slots) return this.#resume(bytes.subarray(at));
        this.#slot = this.#thread.takeSlot();
        this.#held++;
        this.#filled = 0;
      }
      const count = Math.min(bytes.length - at, slotBytes - this.#filled);
      // `fill` is a plain memcpy; `set` and `copy` take shared memory word by word, at a third of the speed.
      const end = this.#filled + count;
      this.#thread.viewOf(this.#slot).fill(bytes.subarray(at, at + count), this.#filled, end);
      this.#filled += count;
      at += count;
      if (this.#filled === slotBytes) this.#send();
    }
    return undefined;
  }

  async #resume(rest: Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#room = resolve;
    });
    await this.update(rest);
  }

  #send(): void {
    if (this.#slot === undefined) return;
    const [slot, length, cuts] = [this.#slot, this.#filled, this.#cuts];
    const message = { stream: this.#id, slot, length, cuts };
    this.#slot = undefined;
    this.#cuts = [];
    this.#thread.post({ type: 'bytes', ...message });
  }

  cut(): Promise<Uint8Array> {
    if (this.#slot === undefined) this.#thread.post({ type: 'cut', stream: this.#id });
    else this.#cuts.push(this.#filled);
    return new Promise((resolve) => {
      this.#pieces.push(resolve);
    });
  }

  flush(): void {
    this.#send();
  }

  finish(): Promise<ReadonlyMap<ChecksumAlgorithm, Uint8Array>> {
    this.#send();
    this.#thread.post({ type: 'finish', stream: this.#id });
    return new Promise((resolve) => {
      this.#found = resolve;
    });
  }

  drop(): void {
    if (this.#slot !== undefined) {
      this.#thread.giveSlots([this.#slot]);
      this.#slot = undefined;
    }
    this.#thread.post({ type: 'drop', stream: this.#id });
  }

  /** The thread is through with so many slots. */
  roomMade(count: number): void {
    this.#held -= count;
    const room = this.#room;
    this.#room = undefined;
    room?.();
  }

  piecesFound(digests: readonly Uint8Array[]): void {
    for (const digest of digests) this.#pieces.shift()?.(digest);
  }

  digestsFound(digests: ReadonlyMap<ChecksumAlgorithm, Uint8Array>): void {
    this.#found?.(digests);
  }
}

class HashingThread {
  readonly #worker: Worker;
  readonly #slots: readonly Buffer[];
  readonly #free: number[];
  readonly #streams = new Map<number, ThreadDigests>();
  #patientStreams = 0;
  #last = 0;

  constructor() {
    const slots = new SharedArrayBuffer(slotsPerThread * slotBytes);
    this.#slots = Array.from({ length: slotsPerThread }, (_, slot) => {
      return Buffer.from(slots, slot * slotBytes, slotBytes);
    });
    // The last one given back is taken first: it is the likeliest to be in a cache, and memory that was never needed stays untouched.
    this.#free = Array.from({ length: slotsPerThread }, (_, slot) => slotsPerThread - 1 - slot);
    const workerData: ThreadData = { slots };
    this.#worker = new Worker(new URL('./thread.ts', import.meta.url), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 64 },
    });
    this.#worker.on('message', (message: FromThread) => this.#take(message));
    // Uploads would wait for ever: a process that cannot hash must end and be started again.
    this.#worker.on('error', (error) => {
      throw error;
    });
    this.#worker.unref();
  }

  get streams(): number {
    return this.#streams.size;
  }

  start(algorithms: readonly ChecksumAlgorithm[], size: number | undefined): BodyDigests {
    const few = this.#patientStreams < patientStreams;
    const digests = this.#begin(few ? patient : hasty);
    const patience = digests.patience.bytes;
    this.post({ type: 'start', stream: this.#last, algorithms, size, patience });
    return digests;
  }

  startPieces(): PieceDigests {
    const digests = this.#begin(hasty);
    this.post({ type: 'start-pieces', stream: this.#last });
    return digests;
  }

  #begin(patience: Patience): ThreadDigests {
    const stream = ++this.#last;
    const digests = new ThreadDigests(this, stream, patience);
    this.#streams.set(stream, digests);
    if (patience === patient) this.#patientStreams++;
    return digests;
  }

  post(message: ToThread): void {
    this.#worker.postMessage(message);
  }

  viewOf(slot: number): Buffer {
    const view = this.#slots[slot];
    invariant(view !== undefined, 'a slot has a view');
    return view;
  }

  takeSlot(): number {
    const slot = this.#free.pop();
    invariant(slot !== undefined, 'there are slots for all streams at once');
    return slot;
  }

  giveSlots(slots: readonly number[]): void {
    this.#free.push(...slots);
  }

  #take(message: FromThread): void {
    const { stream } = message;
    const digests = this.#streams.get(stream);
    if (message.type === 'digests') {
      digests?.digestsFound(message.digests);
      return;
    }
    if (message.type === 'pieces') {
      digests?.piecesFound(message.digests);
      return;
    }
    this.giveSlots(message.slots);
    if (message.type === 'dropped') {
      this.#streams.delete(stream);
      if (digests?.patience === patient) this.#patientStreams--;
    } else digests?.roomMade(message.slots.length);
  }

  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

/** A hasher with threads of its own. */
export class ThreadedHasher implements Hasher {
  readonly #threads: readonly HashingThread[];

  /** `threads`: at least one. One core is left to the event loop. */
  constructor(threads: number) {
    this.#threads = Array.from({ length: Math.max(1, threads) }, () => new HashingThread());
  }

  start(algorithms: readonly ChecksumAlgorithm[], size: number | undefined): BodyDigests {
    return (this.#threadFor(size) ?? localHasher).start(algorithms, size);
  }

  startPieces(size: number | undefined): PieceDigests {
    return this.#threadFor(size)?.startPieces() ?? localHasher.startPieces(size);
  }

  /** undefined: the stream is hashed where it is. */
  #threadFor(size: number | undefined): HashingThread | undefined {
    if (size !== undefined && size <= localBytes) return undefined;
    // Streams that are hashed together cost less: a thread is filled before the next one begins.
    const idle = this.#threads.find((thread) => thread.streams < 2 * laneCount);
    const thread = idle ?? this.#threads.toSorted((a, b) => a.streams - b.streams)[0];
    return thread === undefined || thread.streams >= streamsPerThread ? undefined : thread;
  }

  /** Bodies that are under way on threads. */
  get streams(): number {
    return this.#threads.reduce((sum, thread) => sum + thread.streams, 0);
  }

  /** For when no body is under way any more. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

/**
 * MD5 of bodies. It is the largest single cost of a large upload, and cannot be split within one
 * stream; so uploads that run side by side are computed together, four in one SIMD register. Four
 * run at twice the speed of OpenSSL's MD5, eight at 2.4 times, two at the same, and one at 0.6 of it:
 * so a stream that begins alone is OpenSSL's to its end.
 */
import { createHash, type Hash, hash } from 'node:crypto';
import { invariant } from '../../../base/invariant.ts';
import { KiB, MiB } from '../../../base/units.ts';
import {
  assembleMd5,
  fillConstants,
  laneCount,
  memoryPages,
  slotBytes,
  slotsAt,
  statesAt,
} from './md5-module.ts';

/** An MD5 under way. Bytes given to `update` must stay as they are until `digest` or `drop`, or until they are no longer pending. */
export interface Md5 {
  update(bytes: Uint8Array): void;
  /** Bytes given that are not hashed yet: the last ones. */
  readonly pending: number;
  /** The 16 bytes of it. Ends the computation. */
  digest(): Uint8Array;
  /** To be called once in every case, also after `digest`: what waits to be hashed is let go. */
  drop(): void;
}

const blockBytes = 64;
/**
 * With so many bytes a stream waits no longer for others to be computed with it, where nothing else is
 * said. Uploads come in bursts of a stripe; and the chunks of a stripe are held anyway until it is whole.
 */
const usualPatience: number = MiB;
/** Of each stream in one call; with fewer, a stream does not join another's. */
const roundBytes = Math.floor(slotBytes / blockBytes) * blockBytes;
/** Shorter bodies are OpenSSL's: they never wait, so they would always be alone. */
const shortBytes: number = 256 * KiB;

/** Others that must be under way, or no lane but one would be in use for most of the time. */
const companions = 1;

/** `size` as declared, if it was. `patience`: as many bytes wait at most to be computed with others. */
export function createMd5(size: number | undefined, patience: number = usualPatience): Md5 {
  if (lanes === undefined || (size ?? Number.POSITIVE_INFINITY) <= shortBytes) {
    return new PlainMd5(undefined);
  }
  return lanes.live++ < companions ? new PlainMd5(lanes) : new LaneMd5(lanes, patience);
}

/** OpenSSL's. A body that came in one piece is hashed in one call: half the price at 4 KiB. */
class PlainMd5 implements Md5 {
  readonly #countedBy: Lanes | undefined;
  #first: Uint8Array | undefined;
  #hash: Hash | undefined;

  constructor(countedBy: Lanes | undefined) {
    this.#countedBy = countedBy;
  }

  get pending(): number {
    return this.#first?.length ?? 0;
  }

  update(bytes: Uint8Array): void {
    if (this.#hash !== undefined) {
      this.#hash.update(bytes);
    } else if (this.#countedBy !== undefined) {
      // A long one will not come in one piece.
      this.#hash = createHash('md5').update(bytes);
    } else if (this.#first === undefined) {
      this.#first = bytes;
    } else {
      this.#hash = createHash('md5').update(this.#first).update(bytes);
      this.#first = undefined;
    }
  }

  digest(): Uint8Array {
    return this.#hash?.digest() ?? hash('md5', this.#first ?? new Uint8Array(0), 'buffer');
  }

  drop(): void {
    this.#first = undefined;
    if (this.#countedBy !== undefined) this.#countedBy.live--;
  }
}

class LaneMd5 implements Md5 {
  readonly #lanes: Lanes;
  readonly patience: number;
  /** a, b, c and d. */
  readonly state: Uint32Array = Uint32Array.of(0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476);
  #pieces: Uint8Array[] = [];
  /** Bytes of the first piece that are hashed already. */
  #taken = 0;
  #pending = 0;
  #total = 0;

  constructor(of: Lanes, patience: number) {
    this.#lanes = of;
    this.patience = patience;
    of.streams++;
  }

  /** Bytes that wait. */
  get pending(): number {
    return this.#pending;
  }

  update(bytes: Uint8Array): void {
    this.#total += bytes.length;
    this.#push(bytes);
    if (this.#pending < roundBytes) return;
    this.#lanes.waiting.add(this);
    this.#lanes.advance(this);
  }

  digest(): Uint8Array {
    const padding = Buffer.alloc(blockBytes + blockBytes - ((this.#total + 8) % blockBytes));
    const end = padding.subarray(0, 8 + padding.length - blockBytes);
    end[0] = 0x80;
    end.writeBigUInt64LE(BigInt(this.#total) * 8n, end.length - 8);
    this.#push(end);
    this.#lanes.finish(this);
    invariant(this.#pending === 0, 'padding fills the last block');
    const digest = Buffer.alloc(16);
    for (const [place, word] of this.state.entries()) digest.writeUInt32LE(word, place * 4);
    return digest;
  }

  drop(): void {
    this.#pieces = [];
    this.#pending = 0;
    this.#lanes.waiting.delete(this);
    this.#lanes.streams--;
    this.#lanes.live--;
  }

  /** Moves the next `length` bytes there; so many are pending. */
  take(into: Uint8Array, length: number): void {
    let filled = 0;
    let used = 0;
    while (filled < length) {
      const piece = this.#pieces[used];
      invariant(piece !== undefined, 'no more is taken than is pending');
      const count = Math.min(piece.length - this.#taken, length - filled);
      into.set(piece.subarray(this.#taken, this.#taken + count), filled);
      filled += count;
      this.#taken += count;
      if (this.#taken < piece.length) break;
      used++;
      this.#taken = 0;
    }
    this.#pieces.splice(0, used);
    this.#pending -= length;
  }

  #push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.#pieces.push(bytes);
    this.#pending += bytes.length;
  }
}

class Lanes {
  /** Long bodies under way, also those that OpenSSL computes. */
  live = 0;
  /** Those that are computed here. */
  streams = 0;
  /** Streams with bytes enough for a round. */
  readonly waiting = new Set<LaneMd5>();
  readonly #run: (blocks: number) => void;
  readonly #states: Uint32Array;
  readonly #slots: readonly Uint8Array[];

  constructor(run: (blocks: number) => void, memory: WebAssembly.Memory) {
    this.#run = run;
    this.#states = new Uint32Array(memory.buffer, statesAt, 4 * laneCount);
    this.#slots = Array.from({ length: laneCount }, (_, lane) => {
      return new Uint8Array(memory.buffer, slotsAt + lane * slotBytes, slotBytes);
    });
  }

  /** After `stream` got bytes: full rounds as long as there are any, and what it must not keep. */
  advance(stream: LaneMd5): void {
    while (this.waiting.size >= Math.min(laneCount, this.streams)) {
      this.#round(this.#largest(laneCount), roundBytes);
    }
    while (stream.pending >= stream.patience) this.#roundWith(stream);
  }

  /** Computes all whole blocks of one stream, and of others that wait as far as lanes are free. */
  finish(stream: LaneMd5): void {
    while (stream.pending >= blockBytes) this.#roundWith(stream);
    this.waiting.delete(stream);
  }

  #roundWith(stream: LaneMd5): void {
    this.waiting.delete(stream);
    const least = Math.min(roundBytes, stream.pending);
    this.#round([stream, ...this.#largest(laneCount - 1)], least - (least % blockBytes));
    if (stream.pending >= roundBytes) this.waiting.add(stream);
  }

  /** Of those that wait, the ones with most to do. */
  #largest(count: number): readonly LaneMd5[] {
    if (this.waiting.size <= count) return [...this.waiting];
    return [...this.waiting].sort((a, b) => b.pending - a.pending).slice(0, count);
  }

  #round(streams: readonly LaneMd5[], bytes: number): void {
    const states = this.#states;
    for (const [lane, stream] of streams.entries()) {
      const slot = this.#slots[lane];
      invariant(slot !== undefined, 'no more streams than lanes');
      stream.take(slot, bytes);
      for (let word = 0; word < 4; word++) {
        states[word * laneCount + lane] = stream.state[word] ?? 0;
      }
    }
    this.#run(bytes / blockBytes);
    for (const [lane, stream] of streams.entries()) {
      for (let word = 0; word < 4; word++) {
        stream.state[word] = states[word * laneCount + lane] ?? 0;
      }
      if (stream.pending < roundBytes) this.waiting.delete(stream);
    }
  }
}

/** undefined on an engine without SIMD. */
async function loadLanes(): Promise<Lanes | undefined> {
  const bytes = assembleMd5();
  if (!WebAssembly.validate(bytes)) return undefined;
  const memory = new WebAssembly.Memory({ initial: memoryPages, maximum: memoryPages });
  fillConstants(new Uint32Array(memory.buffer));
  const module = await WebAssembly.compile(bytes);
  const { run } = (await WebAssembly.instantiate(module, { env: { memory } })).exports;
  invariant(typeof run === 'function', 'the module exports its function');
  return new Lanes((blocks) => void Reflect.apply(run, undefined, [blocks]), memory);
}

const lanes = await loadLanes();

/** The body of a hashing thread: streams of bytes in shared slots become digests. */
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { emptyBytes } from '../../base/bytes.ts';
import { invariant } from '../../base/invariant.ts';
import { type LocalDigests, startLocalDigests } from '../core/digest/hasher.ts';
import { type FromThread, slotBytes, type ThreadData, type ToThread } from './protocol.ts';

interface Held {
  readonly slot: number;
  readonly length: number;
}

interface Stream {
  readonly hashes: LocalDigests | Pieces;
  /** Not given back yet, in the order in which they came. */
  readonly held: Held[];
  heldBytes: number;
}

invariant(parentPort !== null, 'this file runs in a thread');
const port = parentPort;
// The server that started this thread is the only one who speaks to it.
const { slots } = workerData as ThreadData;
const streams = new Map<number, Stream>();

/** A stream whose pieces are hashed one by one. */
class Pieces {
  readonly #stream: number;
  #hash = createHash('sha256');
  readonly pending = 0;

  constructor(stream: number) {
    this.#stream = stream;
  }

  update(bytes: Uint8Array, cuts: readonly number[]): void {
    const digests: Uint8Array[] = [];
    let from = 0;
    for (const cut of cuts) {
      digests.push(this.#hash.update(bytes.subarray(from, cut)).digest());
      this.#hash = createHash('sha256');
      from = cut;
    }
    this.#hash.update(bytes.subarray(from));
    if (digests.length > 0) send({ type: 'pieces', stream: this.#stream, digests });
  }

  drop(): void {
    // Nothing is counted, and the hash goes with the stream.
  }
}

const send = (message: FromThread): void => port.postMessage(message);

function take(message: ToThread): void {
  if (message.type === 'start' || message.type === 'start-pieces') {
    const hashes =
      message.type === 'start'
        ? startLocalDigests(message.algorithms, message.size, message.patience)
        : new Pieces(message.stream);
    streams.set(message.stream, { hashes, held: [], heldBytes: 0 });
    return;
  }
  const stream = streams.get(message.stream);
  invariant(stream !== undefined, 'a stream is started before it is used');
  if (message.type === 'bytes') {
    const { slot, length } = message;
    stream.held.push({ slot, length });
    stream.heldBytes += length;
    stream.hashes.update(new Uint8Array(slots, slot * slotBytes, length), message.cuts);
  } else if (message.type === 'cut') {
    invariant(stream.hashes instanceof Pieces, 'only a stream of pieces is cut');
    stream.hashes.update(emptyBytes, [0]);
  } else if (message.type === 'finish') {
    invariant(!(stream.hashes instanceof Pieces), 'pieces have no digest of the whole');
    send({ type: 'digests', stream: message.stream, digests: stream.hashes.digests() });
  } else {
    stream.hashes.drop();
    streams.delete(message.stream);
    const held = stream.held.map(({ slot }) => slot);
    send({ type: 'dropped', stream: message.stream, slots: held });
  }
  // One stream's bytes may have given others the company that they waited for.
  for (const [id, each] of streams) giveBack(id, each);
}

/** Slots whose bytes nobody waits to hash any more. */
function giveBack(id: number, stream: Stream): void {
  const done: number[] = [];
  for (let first = stream.held[0]; first !== undefined; first = stream.held[0]) {
    if (stream.heldBytes - first.length < stream.hashes.pending) break;
    stream.held.shift();
    stream.heldBytes -= first.length;
    done.push(first.slot);
  }
  if (done.length > 0) send({ type: 'done', stream: id, slots: done });
}

port.on('message', take);

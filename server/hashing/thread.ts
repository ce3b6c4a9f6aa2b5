/** The body of a hashing thread: streams of bytes in shared slots become digests. */
import { parentPort, workerData } from 'node:worker_threads';
import { invariant } from '../../base/invariant.ts';
import { type LocalDigests, startLocalDigests } from '../core/digest/hasher.ts';
import { type FromThread, slotBytes, type ThreadData, type ToThread } from './protocol.ts';

interface Held {
  readonly slot: number;
  readonly length: number;
}

interface Stream {
  readonly digests: LocalDigests;
  /** Not given back yet, in the order in which they came. */
  readonly held: Held[];
  heldBytes: number;
}

invariant(parentPort !== null, 'this file runs in a thread');
const port = parentPort;
// The server that started this thread is the only one who speaks to it.
const { slots } = workerData as ThreadData;
const streams = new Map<number, Stream>();

const send = (message: FromThread): void => port.postMessage(message);

function take(message: ToThread): void {
  if (message.type === 'start') {
    const digests = startLocalDigests(message.algorithms, message.size);
    streams.set(message.stream, { digests, held: [], heldBytes: 0 });
    return;
  }
  const stream = streams.get(message.stream);
  invariant(stream !== undefined, 'a stream is started before it is used');
  if (message.type === 'bytes') {
    const { slot, length } = message;
    stream.held.push({ slot, length });
    stream.heldBytes += length;
    stream.digests.update(new Uint8Array(slots, slot * slotBytes, length));
  } else if (message.type === 'finish') {
    send({ type: 'digests', stream: message.stream, digests: stream.digests.digests() });
  } else {
    stream.digests.drop();
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
    if (stream.heldBytes - first.length < stream.digests.pending) break;
    stream.held.shift();
    stream.heldBytes -= first.length;
    done.push(first.slot);
  }
  if (done.length > 0) send({ type: 'done', stream: id, slots: done });
}

port.on('message', take);

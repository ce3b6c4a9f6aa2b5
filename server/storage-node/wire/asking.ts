/**
 * The asking side of one connection. Requests go out in the order in which they were made, and no
 * more of them than the other side takes at a time. A connection that breaks, falls silent or is
 * broken by the other side fails every call on it, and takes no more.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError, toStoreError } from '../../../base/errors.ts';
import type { NetStream } from '../../../base/net.ts';
import {
  encodeFrame,
  type Frame,
  type FrameInput,
  FrameReader,
  frameBytesMax,
  frameTypes,
  greetingBytesMax,
} from './frame.ts';
import { decodeWelcome, encodeHello, type Hello, type Welcome } from './greeting.ts';
import { decodeFailure, decodeHead, encodeHead, type Head } from './head.ts';
import type { Method } from './methods.ts';

export interface Call {
  readonly method: Method;
  readonly head: Head;
  /** Borrowed until the call has ended. */
  readonly bytes?: readonly Uint8Array[];
  /** After so long nobody waits any more: `unavailable`, and what was asked may still happen. */
  readonly timeoutMillis: number;
}

export interface Reply {
  readonly head: Head;
  /** The caller's own; large ones may be given back to base/memory/reused-memory.ts. */
  readonly bytes: Uint8Array;
}

export interface AskingTimes {
  /** How often deadlines and silence are looked at. */
  readonly tickMillis: number;
  /** Ticks without a byte after which a ping is sent. */
  readonly pingTicks: number;
  /** And after which the connection counts as broken. Ticks, not time: who was stopped itself blames nobody. */
  readonly silentTicks: number;
}

export const askingTimes: AskingTimes = { tickMillis: 250, pingTicks: 4, silentTicks: 16 };

/** Calls that wait for their turn: beyond it the other side is too far behind. */
const waitingMax = 16_384;

interface Pending {
  readonly call: number;
  readonly pieces: readonly Uint8Array[];
  readonly length: number;
  readonly deadline: number;
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: StoreError) => void;
  state: 'waiting' | 'sent' | 'flushed';
  /** Nobody waits for it any more; its answer only frees its share of the window. */
  isGivenUp: boolean;
}

function unavailable(message: string, cause?: unknown): StoreError {
  return new StoreError('unavailable', 'wire.call', message, { cause });
}

export interface AskingOptions {
  readonly stream: NetStream;
  readonly clock: Clock;
  readonly hello: Hello;
  readonly times?: AskingTimes;
}

export class AskingConnection {
  readonly #stream: NetStream;
  readonly #clock: Clock;
  readonly #times: AskingTimes;
  readonly #reader: FrameReader;
  readonly #pending = new Map<number, Pending>();
  #queue: Pending[] = [];
  #nextCall = 1;
  #bytesOut = 0;
  #windowBytes = 0;
  #welcome: Welcome | undefined;
  #greeted:
    | { resolve: (welcome: Welcome) => void; reject: (error: StoreError) => void }
    | undefined;
  #failure: StoreError | undefined;
  #silentTicks = 0;
  #cancelTick: (() => void) | undefined;
  readonly #listeners = new Set<(reason: StoreError) => void>();

  private constructor(options: AskingOptions) {
    this.#stream = options.stream;
    this.#clock = options.clock;
    this.#times = options.times ?? askingTimes;
    this.#reader = new FrameReader(greetingBytesMax, (frame) => this.#take(frame));
    this.#stream.listen({
      data: (chunk) => this.#data(chunk),
      closed: (reason) => this.#fail(reason),
    });
  }

  /** Greets the other side; must be called in the turn in which the stream was got. Rejects with what it refuses with, or `unavailable`. */
  static async open(options: AskingOptions, timeoutMillis: number): Promise<AskingConnection> {
    const connection = new AskingConnection(options);
    const cancel = options.clock.after(timeoutMillis, () => {
      connection.close(unavailable('the other node does not greet back'));
    });
    try {
      await new Promise<Welcome>((resolve, reject) => {
        connection.#greeted = { resolve, reject };
        connection.#write({ type: frameTypes.hello, head: encodeHello(options.hello) });
      });
      // It may have ended in the very turn in which it was greeted: nobody would ever hear of that.
      if (connection.#failure !== undefined) throw connection.#failure;
      return connection;
    } finally {
      cancel();
    }
  }

  get failure(): StoreError | undefined {
    return this.#failure;
  }

  /** Calls back once when the connection ends; returns the unsubscriber. */
  onClosed(listener: (reason: StoreError) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Errors: what the other side answers; `unavailable` when the outcome is not known; `too-large`. */
  call(call: Call): Promise<Reply> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#queue.length >= waitingMax) {
      return Promise.reject(unavailable('too many calls wait for the other node'));
    }
    return new Promise((resolve, reject) => {
      const number = this.#nextCall++;
      const { pieces, length } = encodeFrame({
        type: frameTypes.request,
        method: call.method.number,
        call: number,
        patienceMillis: call.timeoutMillis,
        head: encodeHead(call.head),
        ...(call.bytes === undefined ? {} : { bytes: call.bytes }),
      });
      const deadline = this.#clock.monotonic() + call.timeoutMillis;
      const rest = { state: 'waiting', isGivenUp: false } as const;
      this.#queue.push({ call: number, pieces, length, deadline, resolve, reject, ...rest });
      this.#send();
      this.#tickLater();
    });
  }

  /** Ends the connection; calls under way fail with the reason. */
  close(reason: StoreError): void {
    this.#stream.destroy();
    this.#fail(reason);
  }

  #write(frame: FrameInput): void {
    this.#stream.write(encodeFrame(frame).pieces);
  }

  /** Sends what the window has room for; one request alone always goes. */
  #send(): void {
    let count = 0;
    for (const next of this.#queue) {
      if (this.#bytesOut > 0 && this.#bytesOut + next.length > this.#windowBytes) break;
      count++;
      this.#bytesOut += next.length;
      this.#pending.set(next.call, next);
      next.state = 'sent';
      this.#stream.write(next.pieces, () => {
        next.state = 'flushed';
      });
    }
    if (count === this.#queue.length) this.#queue = [];
    else this.#queue.splice(0, count);
  }

  #data(chunk: Uint8Array): void {
    this.#silentTicks = 0;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.close(toStoreError(error, 'wire.call'));
    }
  }

  #take(frame: Frame): void {
    if (this.#failure !== undefined) return;
    if (this.#welcome === undefined) this.#greet(frame);
    else if (frame.type === frameTypes.answer || frame.type === frameTypes.failure) {
      this.#answered(frame);
    } else if (frame.type !== frameTypes.pong) {
      throw new StoreError('invalid-argument', 'wire.call', 'a frame that nobody asked for');
    }
  }

  #greet(frame: Frame): void {
    if (frame.type === frameTypes.refusal) {
      const { kind, message, detail } = decodeFailure(frame.head);
      this.close(new StoreError(kind, 'wire.hello', message, { detail }));
      return;
    }
    if (frame.type !== frameTypes.welcome) {
      throw new StoreError('invalid-argument', 'wire.hello', 'not a welcome');
    }
    this.#welcome = decodeWelcome(frame.head);
    this.#windowBytes = this.#welcome.windowBytes;
    this.#reader.lengthMax = frameBytesMax;
    this.#greeted?.resolve(this.#welcome);
    this.#greeted = undefined;
  }

  #answered(frame: Frame): void {
    const found = this.#pending.get(frame.call);
    if (found === undefined) {
      throw new StoreError('invalid-argument', 'wire.call', 'an answer to no question');
    }
    this.#pending.delete(frame.call);
    this.#bytesOut -= found.length;
    if (!found.isGivenUp) {
      if (frame.type === frameTypes.failure) found.reject(decodeFailure(frame.head));
      else this.#resolve(found, frame);
    }
    if (this.#queue.length > 0) this.#send();
  }

  #resolve(call: Pending, frame: Frame): void {
    try {
      call.resolve({ head: decodeHead(frame.head), bytes: frame.bytes });
    } catch (error) {
      call.reject(toStoreError(error, 'wire.call'));
    }
  }

  #tickLater(): void {
    if (this.#cancelTick !== undefined || this.#failure !== undefined) return;
    this.#cancelTick = this.#clock.after(this.#times.tickMillis, () => {
      this.#cancelTick = undefined;
      this.#tick();
    });
  }

  #tick(): void {
    this.#dropLate();
    if (this.#failure !== undefined) return;
    if (this.#pending.size === 0 && this.#queue.length === 0) {
      this.#silentTicks = 0;
      return;
    }
    this.#silentTicks++;
    if (this.#silentTicks >= this.#times.silentTicks) {
      this.close(unavailable('the other node has fallen silent'));
      return;
    }
    if (this.#silentTicks === this.#times.pingTicks) this.#write({ type: frameTypes.ping });
    this.#tickLater();
  }

  #dropLate(): void {
    const now = this.#clock.monotonic();
    const late = unavailable('the other node did not answer in time');
    for (const call of this.#queue) if (call.deadline <= now) call.reject(late);
    this.#queue = this.#queue.filter((call) => call.deadline > now);
    for (const call of this.#pending.values()) {
      if (call.isGivenUp || call.deadline > now) continue;
      if (call.state !== 'flushed') {
        // The system has not even taken its bytes, and their owner wants them back.
        this.close(late);
        return;
      }
      call.isGivenUp = true;
      call.reject(late);
      this.#write({ type: frameTypes.cancel, call: call.call });
    }
  }

  #fail(reason: StoreError): void {
    if (this.#failure !== undefined) return;
    this.#failure = reason;
    this.#cancelTick?.();
    this.#greeted?.reject(reason);
    this.#greeted = undefined;
    const calls = [...this.#pending.values(), ...this.#queue];
    this.#pending.clear();
    this.#queue = [];
    const lost = unavailable(`the connection is lost: ${reason.message}`, reason);
    for (const call of calls) if (!call.isGivenUp) call.reject(lost);
    for (const listener of this.#listeners) listener(reason);
    this.#listeners.clear();
  }
}

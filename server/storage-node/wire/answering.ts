/**
 * The answering side of one connection. Handlers are begun in the order in which requests arrive; a
 * connection that is ended, or replaced by a newer one of the same process, begins no more.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError, toStoreError } from '../../../base/errors.ts';
import { InvariantError } from '../../../base/invariant.ts';
import type { Logger } from '../../../base/log.ts';
import type { NetStream } from '../../../base/net.ts';
import { MiB } from '../../../base/units.ts';
import {
  encodeFrame,
  type Frame,
  type FrameInput,
  FrameReader,
  frameBytesMax,
  frameTypes,
  greetingBytesMax,
} from './frame.ts';
import { decodeHello, encodeWelcome, type Hello, type Lane, type Welcome } from './greeting.ts';
import { decodeHead, encodeFailure, encodeHead, type Head } from './head.ts';

export interface Request {
  readonly head: Head;
  /** The handler's own. */
  readonly bytes: Uint8Array;
  /** The asking node, as its certificate says. */
  readonly node: string;
}

export interface Result {
  readonly head: Head;
  readonly bytes?: readonly Uint8Array[];
  /** The bytes have been taken, or never will be. */
  readonly done?: () => void;
}

/** What it does before its first `await` happens in the order of the requests. */
export type Handler = (request: Request) => Promise<Result>;

/** By the number of the method. */
export type Handlers = ReadonlyMap<number, Handler>;

export interface AnsweringLimits {
  readonly windowBytes: number;
  /** Requests worked on at one time. */
  readonly requestsMax: number;
  /** Answers that wait to be taken, in bytes, beyond which no request is read. */
  readonly answerBytesMax: number;
  readonly greetingMillis: number;
}

/** 24 nodes with two lanes each that all do their worst: 1.5 GiB; in practice a few stripes. */
export const answeringLimits: AnsweringLimits = {
  windowBytes: 32 * MiB,
  requestsMax: 512,
  answerBytesMax: 16 * MiB,
  greetingMillis: 10_000,
};

export interface AnsweringOptions {
  readonly stream: NetStream;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly handlers: (lane: Lane) => Handlers;
  /** Judges the hello of the node with this name; throws what is to be refused with. */
  readonly greet: (hello: Hello, connection: AnsweringConnection) => Welcome;
  readonly limits?: AnsweringLimits;
}

export class AnsweringConnection {
  readonly #stream: NetStream;
  readonly #options: AnsweringOptions;
  readonly #limits: AnsweringLimits;
  readonly #reader: FrameReader;
  #handlers: Handlers | undefined;
  #node = '';
  #closed = false;
  #requests = 0;
  #bytesIn = 0;
  #paused = false;
  readonly #cancelled = new Set<number>();
  readonly #running = new Set<number>();
  readonly #listeners = new Set<() => void>();
  /** `done` of answers that are on their way. */
  readonly #unflushed = new Set<() => void>();
  #cancelGreeting: () => void;

  constructor(options: AnsweringOptions) {
    this.#options = options;
    this.#stream = options.stream;
    this.#limits = options.limits ?? answeringLimits;
    this.#reader = new FrameReader(greetingBytesMax, (frame) => this.#take(frame));
    this.#cancelGreeting = options.clock.after(this.#limits.greetingMillis, () => this.close());
    this.#stream.listen({
      data: (chunk) => this.#data(chunk),
      closed: () => this.#end(),
    });
  }

  onClosed(listener: () => void): void {
    if (this.#closed) listener();
    else this.#listeners.add(listener);
  }

  /** What was begun goes on; nothing else is begun, and nobody is answered. */
  close(): void {
    this.#stream.destroy();
    this.#end();
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelGreeting();
    for (const done of this.#unflushed) done();
    this.#unflushed.clear();
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  #data(chunk: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      const { message } = toStoreError(error, 'wire.answer');
      const fields = { event: 'wire.broken', node: this.#node, reason: message };
      this.#options.logger.warn(fields, 'A connection of another node is ended: it breaks rules.');
      this.close();
    }
  }

  #take(frame: Frame): void {
    if (this.#closed) return;
    if (this.#handlers === undefined) {
      this.#greet(frame);
      return;
    }
    switch (frame.type) {
      case frameTypes.request:
        this.#request(frame, this.#handlers);
        return;
      case frameTypes.ping:
        this.#write({ type: frameTypes.pong });
        return;
      case frameTypes.cancel:
        if (this.#running.has(frame.call)) this.#cancelled.add(frame.call);
        return;
      default:
        throw new StoreError('invalid-argument', 'wire.answer', 'a frame out of place');
    }
  }

  #greet(frame: Frame): void {
    if (frame.type !== frameTypes.hello) {
      throw new StoreError('invalid-argument', 'wire.hello', 'not a hello');
    }
    try {
      const hello = decodeHello(frame.head);
      if (hello.node !== this.#stream.peerName) {
        throw new StoreError('access-denied', 'wire.hello', 'the certificate has another name');
      }
      const welcome = this.#options.greet(hello, this);
      this.#node = hello.node;
      this.#handlers = this.#options.handlers(hello.lane);
      this.#reader.lengthMax = frameBytesMax;
      this.#cancelGreeting();
      this.#write({ type: frameTypes.welcome, head: encodeWelcome(welcome) });
    } catch (error) {
      if (error instanceof InvariantError) throw error;
      this.#write({ type: frameTypes.refusal, head: encodeFailure(error) });
      this.#stream.end();
      this.#end();
    }
  }

  #request(frame: Frame, handlers: Handlers): void {
    const length = frame.head.length + frame.bytes.length;
    if (this.#bytesIn > 0 && this.#bytesIn + length > this.#limits.windowBytes) {
      throw new StoreError('invalid-argument', 'wire.answer', 'more requests than are taken');
    }
    if (this.#running.has(frame.call)) {
      throw new StoreError('invalid-argument', 'wire.answer', 'a call number is used twice');
    }
    this.#requests++;
    this.#bytesIn += length;
    this.#running.add(frame.call);
    if (this.#requests >= this.#limits.requestsMax) this.#pause();
    this.#handle(frame, handlers).then(
      (result) => this.#answer(frame.call, length, result),
      (error: unknown) => this.#failed(frame.call, length, error),
    );
  }

  /** Begins the handler at once. */
  async #handle(frame: Frame, handlers: Handlers): Promise<Result> {
    const handler = handlers.get(frame.method);
    if (handler === undefined) {
      throw new StoreError('not-implemented', 'wire.answer', `no method ${frame.method}`);
    }
    const { bytes } = frame;
    return handler({ head: decodeHead(frame.head), bytes, node: this.#node });
  }

  #answer(call: number, length: number, result: Result): void {
    const { done } = result;
    if (this.#closed || this.#cancelled.has(call)) {
      done?.();
      const error = new StoreError('cancelled', 'wire.answer', 'nobody waits for it');
      this.#failed(call, length, error);
      return;
    }
    let pieces: readonly Uint8Array[];
    try {
      const bytes = result.bytes === undefined ? {} : { bytes: result.bytes };
      const head = encodeHead(result.head);
      pieces = encodeFrame({ type: frameTypes.answer, call, head, ...bytes }).pieces;
    } catch (error) {
      done?.();
      this.#failed(call, length, error);
      return;
    }
    if (done !== undefined) this.#unflushed.add(done);
    this.#stream.write(pieces, () => {
      if (done !== undefined && this.#unflushed.delete(done)) done();
      this.#resumeIfCalm();
    });
    this.#finish(call, length);
  }

  #failed(call: number, length: number, error: unknown): void {
    // A broken invariant ends the process, whoever asked.
    if (error instanceof InvariantError) throw error;
    if (!this.#closed) this.#write({ type: frameTypes.failure, call, head: encodeFailure(error) });
    this.#finish(call, length);
  }

  #finish(call: number, length: number): void {
    this.#requests--;
    this.#bytesIn -= length;
    this.#running.delete(call);
    this.#cancelled.delete(call);
    if (this.#stream.waitingBytes > this.#limits.answerBytesMax) this.#pause();
    else this.#resumeIfCalm();
  }

  #write(frame: FrameInput): void {
    this.#stream.write(encodeFrame(frame).pieces);
  }

  #pause(): void {
    if (this.#paused || this.#closed) return;
    this.#paused = true;
    this.#stream.pause();
  }

  #resumeIfCalm(): void {
    if (!this.#paused || this.#closed) return;
    if (this.#requests >= this.#limits.requestsMax / 2) return;
    if (this.#stream.waitingBytes > this.#limits.answerBytesMax / 2) return;
    this.#paused = false;
    this.#stream.resume();
  }
}

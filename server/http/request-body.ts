import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { receivedMemory } from '../../base/memory/received-memory.ts';

export interface RequestBodyOptions {
  readonly request: IncomingMessage;
  readonly clock: Clock;
  readonly idleMillis: number;
  /** Bytes that may wait here before the socket is told to stop. */
  readonly bufferBytes: number;
  /** Called at the first read: the moment for `100 Continue`. */
  readonly onStart: () => void;
}

type Result = IteratorResult<Uint8Array, undefined>;

interface Waiter {
  readonly resolve: (result: Result) => void;
  readonly reject: (error: StoreError) => void;
}

const done: Result = { done: true, value: undefined };

/**
 * A request's bytes, pulled. Node's own iterator joins waiting chunks into one (a copy); this hands
 * them on as they came. Node's parser copies each out of its buffer, so the consumer owns them.
 */
export class RequestBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #options: RequestBodyOptions;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #received = 0;
  #waiter: Waiter | undefined;
  #waitingSince = 0;
  #stopTimer: (() => void) | undefined;
  #failure: StoreError | undefined;
  #ended = false;
  #started = false;
  #discarded: number | undefined;

  constructor(options: RequestBodyOptions) {
    this.#options = options;
  }

  get started(): boolean {
    return this.#started;
  }

  /** Bytes that came for whoever reads it. */
  get receivedBytes(): number {
    return this.#received;
  }

  /** Bytes thrown away since `discardRest`. */
  get discardedBytes(): number {
    return this.#discarded ?? 0;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    invariant(!this.#started, 'a request body is read at most once');
    return this;
  }

  next(): Promise<Result> {
    if (!this.#started) this.#start();
    const chunk = this.#queue.shift();
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.length;
      if (this.#queuedBytes === 0) this.#options.request.resume();
      return Promise.resolve({ done: false, value: chunk });
    }
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(done);
    return new Promise((resolve, reject) => {
      this.#waiter = { resolve, reject };
      this.#waitingSince = this.#options.clock.monotonic();
      this.#stopTimer ??= this.#startTimer(this.#options.idleMillis);
    });
  }

  /** The consumer stops early: what is left stays unread until `discardRest`. */
  return(): Promise<Result> {
    this.#release();
    if (!this.#ended && this.#discarded === undefined) this.#options.request.pause();
    return Promise.resolve(done);
  }

  /** Ends the body with an error from outside: the parser refused its framing. */
  fail(error: StoreError): void {
    if (this.#ended || this.#failure !== undefined) return;
    this.#failure = error;
    this.#stopTimer?.();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.reject(error);
  }

  /** From now on the bytes are counted and thrown away; `onBytes` is told the count so far. */
  discardRest(onBytes: (discarded: number) => void): void {
    this.#release();
    this.#discarded = 0;
    this.#options.request.on('data', (chunk: Uint8Array) => {
      this.#discarded = (this.#discarded ?? 0) + chunk.length;
      onBytes(this.#discarded);
    });
    this.#options.request.resume();
  }

  #start(): void {
    this.#started = true;
    this.#options.onStart();
    const { request } = this.#options;
    request.on('data', (chunk: Uint8Array) => this.#receive(chunk));
    request.on('end', () => this.#end());
    request.on('error', () => this.#cut());
    request.on('close', () => this.#cut());
    if (request.destroyed) this.#cut();
  }

  #receive(chunk: Uint8Array): void {
    if (this.#discarded !== undefined || this.#failure !== undefined) return;
    receivedMemory.follow(chunk);
    this.#received += chunk.length;
    const waiter = this.#waiter;
    if (waiter !== undefined) {
      this.#waiter = undefined;
      waiter.resolve({ done: false, value: chunk });
      return;
    }
    this.#queue.push(chunk);
    this.#queuedBytes += chunk.length;
    if (this.#queuedBytes >= this.#options.bufferBytes) this.#options.request.pause();
  }

  #end(): void {
    if (this.#failure !== undefined) return;
    this.#ended = true;
    this.#stopTimer?.();
    const waiter = this.#waiter;
    this.#waiter = undefined;
    waiter?.resolve(done);
  }

  #cut(): void {
    if (this.#ended) return;
    this.fail(
      new StoreError('incomplete-body', 'http.body', 'the connection closed before the body ended'),
    );
  }

  #release(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#stopTimer?.();
  }

  /** One timer a body, not one a chunk: when it fires early, it is set for the rest. */
  #startTimer(millis: number): () => void {
    return this.#options.clock.after(millis, () => {
      const { clock, idleMillis } = this.#options;
      const waited = this.#waiter === undefined ? 0 : clock.monotonic() - this.#waitingSince;
      if (waited < idleMillis) {
        this.#stopTimer = this.#startTimer(idleMillis - waited);
        return;
      }
      const message = `no byte of the body came for ${idleMillis} ms`;
      this.fail(new StoreError('timeout', 'http.body', message));
    });
  }
}

/** What a request without a body gives. */
export const emptyBody: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: () => Promise.resolve(done) }),
};

/** The network between machines, as a port: streams of bytes between processes that know each other's names. */
import type { StoreError } from './errors.ts';

export interface NetAddress {
  readonly host: string;
  readonly port: number;
}

export interface DialOptions extends NetAddress {
  /** The name that the other side's certificate must carry. */
  readonly name: string;
  /** What is spoken: the other side must agree. */
  readonly protocol: string;
  readonly timeoutMillis: number;
}

/** One connection. Bytes arrive in order, each once, or the connection ends. */
export interface NetStream {
  /** The name in the other side's certificate; undefined when it showed none that can be trusted. */
  readonly peerName: string | undefined;
  /** What both sides agreed to speak. */
  readonly protocol: string;
  /** Bytes that were given to `write` and that the system has not taken yet. */
  readonly waitingBytes: number;
  /** Sets what takes the bytes (each chunk is the receiver's own) and what hears of the end, once. Called once, in the turn in which the stream is got. */
  listen(listener: StreamListener): void;
  /** The pieces are borrowed until `flushed` runs or the stream has closed, whichever comes first. */
  write(pieces: readonly Uint8Array[], flushed?: () => void): void;
  /** No more chunks until `resume`. */
  pause(): void;
  resume(): void;
  /** Sends what waits, then closes. */
  end(): void;
  /** Closes at once; what waits is lost. */
  destroy(): void;
}

export interface StreamListener {
  data(chunk: Uint8Array): void;
  /** Nothing is called after this. */
  closed(reason: StoreError): void;
}

export interface Net {
  /** Rejects with `unavailable` when nobody answers as who was asked for, within the time. */
  dial(options: DialOptions): Promise<NetStream>;
  /** Takes connections that agree on one of `protocols`. Rejects with `unavailable` when the address cannot be had. */
  serve(options: ServeOptions): Promise<NetServer>;
}

export interface ServeOptions extends NetAddress {
  readonly protocols: readonly string[];
  readonly accept: (stream: NetStream) => void;
}

export interface NetServer {
  /** The port that was got, where 0 was asked for. */
  readonly port: number;
  /** Takes no more connections, and ends those that are there. */
  close(): Promise<void>;
}

/**
 * A network in memory: streams as TCP gives them (in order, each byte once, or the connection ends), with
 * delays, hosts that are cut off in one direction or both, connections that break, hosts that stand still.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type {
  DialOptions,
  Net,
  NetServer,
  NetStream,
  ServeOptions,
  StreamListener,
} from '../../../base/net.ts';
import type { SeededRandom } from '../random.ts';

const lost = (why: string): StoreError => new StoreError('unavailable', 'net', why);

export interface SimNetOptions {
  /** The world's own: not that of any node. */
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** Milliseconds that a chunk takes. */
  readonly latencyMillis?: () => number;
}

interface Door {
  readonly options: ServeOptions;
  readonly host: Host;
}

/** What comes of bytes while the way is cut: TCP sends them again and again until somebody gives up. */
const retryMillis = 20;
/** The system ends a connection whose bytes nobody takes; Linux by default after some 15 minutes, here sooner. */
const hopelessMillis = 60_000;

export class SimNet {
  readonly #options: SimNetOptions;
  readonly #doors = new Map<string, Door>();
  readonly #cut = new Set<string>();
  readonly #streams = new Set<SimStream>();

  constructor(options: SimNetOptions) {
    this.#options = options;
  }

  get clock(): Clock {
    return this.#options.clock;
  }

  latency(): number {
    return this.#options.latencyMillis?.() ?? 0.05 + this.#options.random.fraction() * 0.3;
  }

  /** The network as a process sees it that runs on `name`; its streams and doors end with `Host.end`. */
  host(name: string): Host {
    return new Host(this, name);
  }

  /** Bytes from `from` to `to` do not arrive until `join`. */
  cut(from: string, to: string): void {
    this.#cut.add(`${from}>${to}`);
  }

  join(from: string, to: string): void {
    this.#cut.delete(`${from}>${to}`);
  }

  joinAll(): void {
    this.#cut.clear();
  }

  isCut(from: string, to: string): boolean {
    return this.#cut.has(`${from}>${to}`);
  }

  /** Every connection between the two ends with a reset that both see at once. */
  reset(a: string, b: string): void {
    for (const stream of this.#streams) {
      const { from, to } = stream;
      if ((from.name === a && to.name === b) || (from.name === b && to.name === a)) {
        stream.close(lost('connection reset'));
      }
    }
  }

  async dial(from: Host, options: DialOptions): Promise<NetStream> {
    const door = this.#doors.get(`${options.host}:${options.port}`);
    const target = door?.host;
    await from.wait(2 * this.latency());
    if (target === undefined || !target.alive) throw lost('connection refused');
    if (this.isCut(from.name, target.name) || this.isCut(target.name, from.name)) {
      await from.wait(options.timeoutMillis);
      throw lost('no answer');
    }
    if (target.isPaused) {
      await from.wait(options.timeoutMillis);
      if (target.isPaused) throw lost('no answer');
    }
    const agreed = door?.options.protocols.includes(options.protocol) === true;
    if (target.name !== options.name || !agreed) throw lost('somebody else answers');
    if (!from.alive || !target.alive) throw lost('connection refused');
    const near = new SimStream(this, { from, to: target, protocol: options.protocol });
    const far = new SimStream(this, { from: target, to: from, protocol: options.protocol });
    near.other = far;
    far.other = near;
    for (const stream of [near, far]) {
      this.#streams.add(stream);
      stream.from.streams.add(stream);
    }
    door?.options.accept(far);
    return near;
  }

  forget(stream: SimStream): void {
    this.#streams.delete(stream);
    stream.from.streams.delete(stream);
  }

  serve(host: Host, options: ServeOptions): NetServer {
    const address = `${options.host}:${options.port}`;
    const door = { options, host };
    this.#doors.set(address, door);
    return {
      port: options.port,
      close: () => {
        if (this.#doors.get(address) === door) this.#doors.delete(address);
        for (const stream of host.streams) stream.close(lost('the server is closed'));
        return Promise.resolve();
      },
    };
  }
}

/** One process on the network. */
export class Host implements Net {
  readonly name: string;
  readonly streams: Set<SimStream> = new Set();
  readonly #net: SimNet;
  alive = true;
  isPaused = false;
  #resumed: (() => void)[] = [];

  constructor(net: SimNet, name: string) {
    this.#net = net;
    this.name = name;
  }

  dial(options: DialOptions): Promise<NetStream> {
    return this.#net.dial(this, options);
  }

  serve(options: ServeOptions): Promise<NetServer> {
    return Promise.resolve(this.#net.serve(this, options));
  }

  wait(millis: number): Promise<void> {
    return this.#net.clock.sleep(millis);
  }

  /** Runs now, or when the process goes on; never when it is dead. */
  whenRunning(task: () => void): void {
    if (!this.alive) return;
    if (this.isPaused) this.#resumed.push(task);
    else task();
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    for (const task of this.#resumed.splice(0)) task();
  }

  /** The process dies; the system tells the other sides, as far as they can be reached. */
  end(): void {
    this.alive = false;
    this.#resumed = [];
    for (const stream of this.streams) stream.abandon();
  }
}

/** A copy of its own, not of a pool that others share. */
function joined(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly flushed: (() => void) | undefined;
}

export class SimStream implements NetStream {
  readonly from: Host;
  readonly to: Host;
  readonly protocol: string;
  readonly peerName: string;
  other: SimStream | undefined;
  readonly #net: SimNet;
  #listener: StreamListener | undefined;
  #closed = false;
  #waiting = 0;
  /** On their way, in order. */
  #way: Chunk[] = [];
  #travelling = false;
  #stuckSince: number | undefined;
  /** Arrived while the receiver had paused. */
  #held: Uint8Array[] = [];
  #isHeld = false;
  #ending = false;

  constructor(net: SimNet, ends: { from: Host; to: Host; protocol: string }) {
    this.#net = net;
    this.from = ends.from;
    this.to = ends.to;
    this.protocol = ends.protocol;
    this.peerName = ends.to.name;
  }

  get waitingBytes(): number {
    return this.#waiting;
  }

  listen(listener: StreamListener): void {
    this.#listener = listener;
  }

  write(pieces: readonly Uint8Array[], flushed?: () => void): void {
    if (this.#closed || this.#ending) return;
    const bytes = joined(pieces);
    this.#waiting += bytes.length;
    this.#way.push({ bytes, flushed });
    this.#travel();
  }

  #travel(): void {
    if (this.#travelling || this.#closed) return;
    if (this.#way.length === 0) {
      if (this.#ending) this.close(lost('closed'));
      return;
    }
    this.#travelling = true;
    this.#net.clock.after(this.#net.latency(), () => this.#arrive());
  }

  #arrive(): void {
    this.#travelling = false;
    if (this.#closed) return;
    if (this.#net.isCut(this.from.name, this.to.name)) {
      const now = this.#net.clock.monotonic();
      this.#stuckSince ??= now;
      if (now - this.#stuckSince > hopelessMillis) {
        this.close(lost('the connection timed out'));
        return;
      }
      this.#travelling = true;
      this.#net.clock.after(retryMillis, () => this.#arrive());
      return;
    }
    this.#stuckSince = undefined;
    const chunk = this.#way.shift();
    if (chunk === undefined) return;
    this.#waiting -= chunk.bytes.length;
    const { other } = this;
    // Borrowed bytes may change from now on: what arrives is a copy.
    chunk.flushed?.();
    this.to.whenRunning(() => other?.receive(chunk.bytes));
    this.#travel();
  }

  receive(bytes: Uint8Array): void {
    if (this.#closed) return;
    if (this.#isHeld) this.#held.push(bytes);
    else this.#listener?.data(bytes);
  }

  pause(): void {
    this.#isHeld = true;
  }

  resume(): void {
    this.#isHeld = false;
    while (!this.#isHeld && !this.#closed) {
      const next = this.#held.shift();
      if (next === undefined) return;
      this.#listener?.data(next);
    }
  }

  end(): void {
    this.#ending = true;
    this.#travel();
  }

  destroy(): void {
    this.close(lost('closed here'));
  }

  /** This side is gone; the other hears of it when it can be reached. */
  abandon(): void {
    this.close(lost('closed'));
  }

  close(reason: StoreError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#net.forget(this);
    const listener = this.#listener;
    // As with real sockets the end is told in a turn of its own.
    this.#net.clock.after(0, () => this.from.whenRunning(() => listener?.closed(reason)));
    this.#tellOther(reason);
  }

  #tellOther(reason: StoreError): void {
    const { other } = this;
    if (other === undefined || other.isClosed) return;
    const { from, to } = this;
    this.#net.clock.after(this.#net.latency(), () => {
      if (this.#net.isCut(from.name, to.name)) {
        this.#net.clock.after(retryMillis, () => this.#tellOther(reason));
      } else to.whenRunning(() => other.close(lost('closed by the other side')));
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }
}

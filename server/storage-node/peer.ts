/**
 * One process on another machine, for as long as its session lives: keeps a connection a lane to it, and makes
 * a new one when one breaks. A process that restarts is another peer.
 */
import type { Clock } from '../../base/clock.ts';
import { StoreError, toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Net } from '../../base/net.ts';
import type { SessionState } from '../../storage/shard/coordinator.ts';
import type { Asker } from './remote/ask.ts';
import { notSent } from './remote/shard.ts';
import { AskingConnection, type AskingTimes, type Call, type Reply } from './wire/asking.ts';
import { type Lane, lanes, newestProtocol, oldestProtocol, wireProtocol } from './wire/greeting.ts';

/** This process, as it tells of itself. */
export interface Self {
  readonly cluster: string;
  readonly node: string;
  readonly instance: string;
  readonly release: string;
}

export interface PeerOptions {
  readonly net: Net;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly self: Self;
  readonly session: SessionState;
  /** Grows with every connection that this process makes. */
  readonly nextTurn: () => number;
  /** Replicas that were reached over this lane are lost. */
  readonly onLost: (lane: Lane, error: StoreError) => void;
  readonly times?: AskingTimes;
}

const dialMillis = 3000;
const pauseMinMillis = 100;
const pauseMaxMillis = 2000;

class LaneConnection implements Asker {
  readonly #options: PeerOptions;
  readonly #lane: Lane;
  #open: AskingConnection | undefined;
  #opening: Promise<AskingConnection> | undefined;
  #failures = 0;
  #cancelRetry: (() => void) | undefined;
  #closed: StoreError | undefined;

  constructor(options: PeerOptions, lane: Lane) {
    this.#options = options;
    this.#lane = lane;
  }

  /** The connection that stands now. */
  get open(): AskingConnection | undefined {
    return this.#open;
  }

  /** Whether asking makes sense: it is connected, or nobody knows yet that it cannot be. */
  get mayAnswer(): boolean {
    return this.#closed === undefined && (this.#open !== undefined || this.#failures === 0);
  }

  /** Keeps trying to be connected. */
  connect(): void {
    this.#connection().catch(() => undefined);
  }

  #connection(): Promise<AskingConnection> {
    if (this.#closed !== undefined) return Promise.reject(this.#closed);
    if (this.#open !== undefined) return Promise.resolve(this.#open);
    this.#opening ??= this.#dial().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #dial(): Promise<AskingConnection> {
    const { net, clock, self, session, nextTurn, times } = this.#options;
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    try {
      const { host, port } = addressOf(session.address);
      const stream = await net.dial({
        ...{ host, port, name: session.node, protocol: wireProtocol },
        timeoutMillis: dialMillis,
      });
      const hello = {
        ...{ oldest: oldestProtocol, newest: newestProtocol, ...self },
        ...{ to: session.node, toInstance: session.instance },
        ...{ lane: this.#lane, turn: nextTurn() },
      };
      const rest = times === undefined ? {} : { times };
      const connection = await AskingConnection.open({ stream, clock, hello, ...rest }, dialMillis);
      if (this.#closed !== undefined) {
        connection.close(this.#closed);
        throw this.#closed;
      }
      this.#take(connection);
      return connection;
    } catch (error) {
      this.#failed(toStoreError(error, 'peer.connect'));
      throw error;
    }
  }

  #take(connection: AskingConnection): void {
    this.#failures = 0;
    this.#open = connection;
    connection.onClosed((reason) => {
      this.#open = undefined;
      this.#options.onLost(this.#lane, reason);
      if (this.#closed === undefined) this.connect();
    });
  }

  #failed(error: StoreError): void {
    this.#failures++;
    if (this.#closed !== undefined) return;
    const { clock, logger, session } = this.#options;
    if (this.#failures === 1) {
      const fields = { event: 'peer.unreachable', node: session.node, reason: error.message };
      logger.warn({ ...fields, lane: this.#lane }, 'Another node cannot be reached.');
    }
    const pause = Math.min(pauseMinMillis * 2 ** Math.min(this.#failures, 10), pauseMaxMillis);
    this.#cancelRetry = clock.after(pause, () => this.connect());
  }

  async ask(call: Call): Promise<Reply> {
    let connection: AskingConnection;
    try {
      connection = this.#open ?? (await this.#connection());
    } catch (error) {
      throw notSent(error);
    }
    return connection.call(call);
  }

  close(reason: StoreError): void {
    this.#closed ??= reason;
    this.#cancelRetry?.();
    this.#open?.close(reason);
  }
}

export class Peer {
  readonly session: SessionState;
  readonly #lanes: ReadonlyMap<Lane, LaneConnection>;

  constructor(options: PeerOptions) {
    this.session = options.session;
    this.#lanes = new Map(lanes.map((lane) => [lane, new LaneConnection(options, lane)]));
    for (const lane of this.#lanes.values()) lane.connect();
  }

  #lane(lane: Lane): LaneConnection {
    const found = this.#lanes.get(lane);
    if (found === undefined) throw new StoreError('internal', 'peer', `there is no lane ${lane}`);
    return found;
  }

  /** What asks over whichever connection stands. Errors: `stale-epoch` where nothing can have been done. */
  asker(lane: Lane): Asker {
    return this.#lane(lane);
  }

  /** What asks over the connection that stands now, and only over that one; undefined when there is none. */
  boundAsker(lane: Lane): Asker | undefined {
    const connection = this.#lane(lane).open;
    return connection && { ask: (call) => connection.call(call) };
  }

  mayAnswer(lane: Lane): boolean {
    return this.#lane(lane).mayAnswer;
  }

  /** Its session has ended, or this process stops. */
  close(reason: StoreError): void {
    for (const lane of this.#lanes.values()) lane.close(reason);
  }
}

export function addressOf(text: string): { readonly host: string; readonly port: number } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, colon).replace(/^\[|\]$/g, '');
  return { host, port: Number(text.slice(colon + 1)) };
}

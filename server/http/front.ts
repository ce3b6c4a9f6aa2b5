/** One listener: takes connections and requests from Node's server and serves them through the doors. */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock } from '../../base/clock.ts';
import { StoreError, toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import {
  type ConnectionEvent,
  connectionOf,
  detach,
  followConnections,
  reattach,
} from './connection.ts';
import { type Connection, Exchange } from './exchange-node.ts';
import { chooseDoor, type DoorName, type DoorRules } from './dispatch.ts';
import type { Door, HttpReply } from './exchange.ts';
import { repairMetadataNames } from './mending/header-names.ts';
import type { HttpLimits } from './limits.ts';
import { cut, sendReply } from './reply.ts';
import { gatherLine, repairRequestLine } from './mending/request-line.ts';

/** What one request did, for metrics and the log. */
export interface Served {
  readonly door: DoorName;
  readonly operation: string;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
  /** Of the request's body: as declared, else as many as came. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface FrontOptions extends DoorRules {
  readonly doors: { readonly s3: Door; readonly swift: Door };
  /** Serves `/metrics` and `/torc/…` on Node's own objects. */
  readonly admin: (request: IncomingMessage, response: ServerResponse) => void;
  readonly limits: HttpLimits;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly observe: (served: Served) => void;
}

export class Front {
  readonly #options: FrontOptions;
  #stopping = false;
  #inFlight = 0;

  constructor(options: FrontOptions) {
    this.#options = options;
  }

  get requestsInFlight(): number {
    return this.#inFlight;
  }

  /** From now on every reply ends its connection. */
  stop(): void {
    this.#stopping = true;
  }

  attach(server: Server, event: ConnectionEvent): void {
    followConnections(server, event);
    const from = { server, event };
    server.on('request', (request, response) => {
      this.#accept(from, request, response, false);
    });
    server.on('checkContinue', (request, response) => {
      this.#accept(from, request, response, true);
    });
    // An expectation that nobody knows: S3 and Swift go on as if it were not there, where RFC 9110
    // section 10.1.1 would allow 417.
    server.on('checkExpectation', (request, response) => {
      this.#accept(from, request, response, false);
    });
    server.on('clientError', (error: Error, socket) => {
      const connection = connectionOf(socket);
      if (connection === undefined) socket.destroy();
      else this.#refused(server, event, connection, error);
    });
  }

  #accept(
    { server, event }: { readonly server: Server; readonly event: ConnectionEvent },
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
  ): void {
    const connection = connectionOf(request.socket);
    if (connection === undefined || connection.closing) {
      request.socket.destroy();
      return;
    }
    const { limits, clock } = this.#options;
    const secure = event === 'secureConnection';
    const exchange = new Exchange({
      request,
      response,
      connection,
      secure,
      expectsContinue,
      limits,
      clock,
    });
    const finished = (): void => {
      connection.readTo = request.complete ? request.socket.bytesRead : undefined;
      const next = connection.waiting.shift();
      connection.current = next;
      if (next !== undefined) this.#start(next);
      else if (exchange.wantsReparse) this.#reparse(server, event, exchange);
    };
    response.once('close', finished);
    if (connection.current !== undefined) {
      connection.waiting.push(exchange);
      if (connection.waiting.length > limits.maxPipelined) request.socket.destroy();
      return;
    }
    connection.current = exchange;
    this.#start(exchange);
  }

  #start(exchange: Exchange): void {
    if (exchange.isGone || exchange.connection.closing) return;
    this.#inFlight += 1;
    exchange.response.once('close', () => {
      this.#inFlight -= 1;
    });
    const door = chooseDoor(
      {
        path: exchange.path,
        query: exchange.query,
        authorization: exchange.header('authorization'),
        host: exchange.header('host'),
        hasToken:
          (exchange.header('x-auth-token') ?? exchange.header('x-storage-token')) !== undefined,
      },
      this.#options,
    );
    if (door === 'admin') this.#options.admin(exchange.request, exchange.response);
    else void this.#serve(exchange, door);
  }

  /** Never rejects: what goes wrong here is logged, and the connection cut. */
  async #serve(exchange: Exchange, door: 's3' | 'swift'): Promise<void> {
    const { clock, limits, logger, observe } = this.#options;
    let reply: HttpReply;
    try {
      reply = await this.#options.doors[door].handle(exchange);
    } catch (error) {
      const { message } = toStoreError(error, 'http.serve');
      logger.error({ event: 'http.door-threw', door, error }, `a door threw: ${message}`);
      reply = { status: 500, headers: [], operation: 'unknown' };
    }
    let bytesOut = 0;
    try {
      const stopping = this.#stopping;
      bytesOut = await sendReply(exchange, reply, { limits, clock, stopping });
    } catch (error) {
      const { kind, message } = toStoreError(error, 'http.reply');
      const fields = { event: 'http.reply-cut', door, kind, path: exchange.path };
      logger.warn(fields, `a reply was cut off: ${message}`);
      cut(exchange);
    }
    const millis = clock.monotonic() - exchange.startedAt;
    reply.done?.({ bytesOut, millis });
    observe({
      door,
      operation: reply.operation ?? 'unknown',
      method: exchange.method,
      status: reply.status,
      seconds: millis / 1000,
      bytesIn: exchange.bytesIn,
      bytesOut,
    });
  }

  /** The client was sent an error instead of `100 Continue`: it sends its next request now, not the body that the parser waits for. */
  #reparse(server: Server, event: ConnectionEvent, exchange: Exchange): void {
    const { connection } = exchange;
    if (connection.socket.destroyed || this.#stopping) connection.socket.destroy();
    // It did send the body after all: what follows cannot be told apart, so the connection ends.
    else if (exchange.requestBody.discardedBytes > 0) connection.socket.destroy();
    else {
      detach(connection);
      queueMicrotask(() => reattach(connection, server, event));
    }
  }

  /** Node's parser refused what it read. */
  #refused(server: Server, event: ConnectionEvent, connection: Connection, error: Error): void {
    const { socket, current } = connection;
    const code = 'code' in error ? String(error.code) : '';
    if (socket.destroyed || connection.closing || code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    if (current !== undefined) {
      this.#refusedBody(connection, current, code);
      return;
    }
    const packet =
      'rawPacket' in error && Buffer.isBuffer(error.rawPacket) ? error.rawPacket : undefined;
    if (packet !== undefined && (code === 'HPE_INVALID_URL' || code === 'HPE_INVALID_METHOD')) {
      const badAt = 'bytesParsed' in error ? Number(error.bytesParsed) : 0;
      this.#mend(server, event, connection, { packet, badAt });
      return;
    }
    // Only where the packet begins the request: what came before could not be given to the parser again.
    const isStart = packet !== undefined && socket.bytesRead - packet.length === connection.readTo;
    const names = code === 'HPE_INVALID_HEADER_TOKEN' && isStart;
    const mended = names ? repairMetadataNames(packet) : undefined;
    if (mended === undefined) {
      refuse(socket, code);
      return;
    }
    detach(connection);
    queueMicrotask(() => reattach(connection, server, event, mended));
  }

  /**
   * The framing of a body is broken, or it ended too soon: the door hears it, answers, and the
   * connection closes. What comes after a whole body is no fault of that body's.
   */
  #refusedBody(connection: Connection, current: Exchange, code: string): void {
    const isShort = code === 'HPE_INVALID_EOF_STATE';
    if (!current.request.complete) {
      current.failBody(
        isShort
          ? new StoreError('incomplete-body', 'http.body', 'the body ended before its length')
          : new StoreError('invalid-argument', 'http.body', `the body is malformed: ${code}`),
      );
    }
    connection.closing = true;
    current.response.shouldKeepAlive = false;
    const { clock, limits } = this.#options;
    const cancel = clock.after(limits.maxDrainMillis, () => connection.socket.destroy());
    current.response.once('close', () => {
      cancel();
      connection.socket.destroySoon();
    });
  }

  #mend(
    server: Server,
    event: ConnectionEvent,
    connection: Connection,
    refused: { readonly packet: Buffer; readonly badAt: number },
  ): void {
    const { limits, clock } = this.#options;
    detach(connection);
    const finish = (packet: Buffer | undefined): void => {
      const repaired = packet === undefined ? undefined : repairRequestLine(packet, refused.badAt);
      if (repaired === undefined) {
        refuse(connection.socket, 'HPE_INVALID_URL');
        return;
      }
      connection.nextMethod = repaired.method;
      const { bytes } = repaired;
      reattach(connection, server, event, repairMetadataNames(bytes) ?? bytes);
    };
    const bounds = { maxBytes: limits.maxHeaderBytes, maxMillis: limits.headersTimeoutMillis };
    gatherLine(connection.socket, refused, { ...bounds, clock }, finish);
  }
}

/** Answers what no door can: there is no request yet. */
function refuse(socket: Socket, code: string): void {
  const status =
    code === 'HPE_HEADER_OVERFLOW'
      ? '431 Request Header Fields Too Large'
      : code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? '408 Request Timeout'
        : '400 Bad Request';
  if (socket.listenerCount('error') === 0) socket.on('error', () => socket.destroy());
  if (socket.writable) {
    socket.end(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`);
  }
  socket.destroySoon();
}

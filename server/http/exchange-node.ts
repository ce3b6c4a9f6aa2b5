import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import type { StoreError } from '../../base/errors.ts';
import type { HttpRequest } from './exchange.ts';
import type { HttpLimits } from './limits.ts';
import { emptyBody, RequestBody } from './request-body.ts';

/** What we know of one client connection (connection.ts). */
export interface Connection {
  readonly socket: Socket;
  /** The request in work. */
  current: Exchange | undefined;
  /** Requests sent ahead of the reply: served in order, so pipelined writes of one key keep theirs. */
  readonly waiting: Exchange[];
  /** The method that the next request really has, when its request line was mended. */
  nextMethod: string | undefined;
  /** Bytes that had come when the last request was answered, if it was all there: the next packet begins a request. undefined: more of its body may come. */
  readTo: number | undefined;
  /** No further request is served: an early reply has ended the conversation. */
  closing: boolean;
  /** Listeners from before the HTTP server took the socket. */
  readonly baseline: ReadonlyMap<string, ReadonlySet<unknown>>;
}

export interface ExchangeOptions {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  readonly secure: boolean;
  /** The client waits for `100 Continue` before it sends its body. */
  readonly expectsContinue: boolean;
  readonly limits: HttpLimits;
  readonly clock: Clock;
}

/** One request and its reply on Node's objects, from the parsed head to the last byte sent. */
export class Exchange implements HttpRequest {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly connection: Connection;
  readonly method: string;
  readonly path: string;
  readonly query: string;
  readonly secure: boolean;
  readonly contentLength: number | undefined;
  readonly isChunked: boolean;
  readonly expectsContinue: boolean;
  readonly startedAt: number;
  /** The reply went out instead of `100 Continue`, and the next bytes are a new request. */
  wantsReparse = false;
  readonly #options: ExchangeOptions;
  #headers: Map<string, string> | undefined;
  #abort: AbortController | undefined;
  #body: RequestBody | undefined;
  #isGone = false;

  constructor(options: ExchangeOptions) {
    const { request, response, connection } = options;
    this.#options = options;
    this.request = request;
    this.response = response;
    this.connection = connection;
    this.secure = options.secure;
    this.expectsContinue = options.expectsContinue;
    this.startedAt = options.clock.monotonic();
    this.method = connection.nextMethod ?? request.method ?? '';
    connection.nextMethod = undefined;
    const target = originForm(request.url ?? '/');
    const mark = target.indexOf('?');
    this.path = mark < 0 ? target : target.slice(0, mark);
    this.query = mark < 0 ? '' : target.slice(mark + 1);
    this.isChunked = this.header('transfer-encoding') !== undefined;
    // The parser has refused anything but one decimal number.
    const length = this.header('content-length');
    this.contentLength = length === undefined || this.isChunked ? undefined : Number(length);
    response.once('close', () => this.#closed());
  }

  get rawHeaders(): readonly string[] {
    return this.request.rawHeaders;
  }

  get remoteAddress(): string {
    return this.connection.socket.remoteAddress ?? '';
  }

  get tlsVersion(): string | undefined {
    const { socket } = this.connection;
    const protocol = socket instanceof TLSSocket ? socket.getProtocol() : null;
    return protocol?.replace(/^TLSv/, '');
  }

  get tlsCipher(): string | undefined {
    const { socket } = this.connection;
    return socket instanceof TLSSocket ? socket.getCipher().standardName : undefined;
  }

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController();
      if (this.#isGone) this.#abort.abort();
    }
    return this.#abort.signal;
  }

  /** The client closed its connection before the reply was out. */
  get isGone(): boolean {
    return this.#isGone;
  }

  get hasBody(): boolean {
    return this.isChunked || (this.contentLength ?? 0) > 0;
  }

  header(name: string): string | undefined {
    this.#headers ??= indexHeaders(this.request.rawHeaders);
    return this.#headers.get(name);
  }

  body(): AsyncIterable<Uint8Array> {
    if (this.hasBody) return this.requestBody;
    // Of an empty body too, as Amazon does: botocore (1.44) misreads the next reply of a connection
    // on which it was told a success without a `100 Continue`, and waits a minute for its end.
    this.#continue();
    return emptyBody;
  }

  get requestBody(): RequestBody {
    this.#body ??= new RequestBody({
      request: this.request,
      clock: this.#options.clock,
      idleMillis: this.#options.limits.bodyIdleMillis,
      bufferBytes: this.#options.limits.socketBufferBytes,
      onStart: () => this.#continue(),
    });
    return this.#body;
  }

  #continue(): void {
    if (this.expectsContinue && !this.response.headersSent) this.response.writeContinue();
  }

  /** Of the body: as the client declared it, else as many as came. */
  get bytesIn(): number {
    return this.contentLength ?? this.#body?.receivedBytes ?? 0;
  }

  failBody(error: StoreError): void {
    this.requestBody.fail(error);
  }

  #closed(): void {
    if (this.response.writableFinished) return;
    this.#isGone = true;
    this.#abort?.abort();
  }
}

/** RFC 9112 section 3.2.2: a target with scheme and authority is accepted; what follows them counts. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const absolute = /^https?:\/\/[^/?]*/i.exec(target);
  if (absolute === null) return target;
  const rest = target.slice(absolute[0].length);
  return rest.startsWith('/') ? rest : `/${rest}`;
}

function indexHeaders(raw: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = (raw[i] ?? '').toLowerCase();
    const value = raw[i + 1] ?? '';
    const before = headers.get(name);
    headers.set(name, before === undefined ? value : `${before}, ${value}`);
  }
  return headers;
}

/** Requests to another S3 store. Bodies stream, with backpressure; replies are bounded. */
import { once } from 'node:events';
import { type ClientRequest, Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Clock } from '../../base/clock.ts';
import { StoreError, toStoreError } from '../../base/errors.ts';
import { type Signer, encodeStrictly, queryText, signed } from './sign.ts';

export interface StoreSettings extends Signer {
  readonly name: string;
  /** Without a path. */
  readonly endpoint: string;
  /** False: the bucket stands in the host name. */
  readonly pathStyle: boolean;
  /** PEM of the authority that vouches for the endpoint, where the system's own do not. */
  readonly ca?: string | undefined;
  /** A store that is silent for so long has failed. */
  readonly timeoutMillis: number;
}

export interface StoreRequest {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE';
  readonly bucket: string;
  readonly key?: string;
  readonly query?: readonly (readonly [string, string])[];
  /** By lower-case name; values are latin1 strings of wire bytes. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly chunks: AsyncIterable<Uint8Array>; readonly size: number };
}

export interface StoreReply {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  /** Of error documents and small results; longer ones are cut. */
  readonly text: string;
}

/** What sends requests to one store. */
export interface Store {
  readonly settings: { readonly name: string };
  send(asked: StoreRequest): Promise<StoreReply>;
}

const MAX_REPLY_BYTES = 64 * 1024;
const MAX_SOCKETS = 16;

export class StoreClient implements Store {
  readonly settings: StoreSettings;
  readonly #clock: Clock;
  readonly #url: URL;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(settings: StoreSettings, clock: Clock) {
    this.settings = settings;
    this.#clock = clock;
    this.#url = new URL(settings.endpoint);
    const { ca } = settings;
    const pool = { keepAlive: true, maxSockets: MAX_SOCKETS };
    this.#agent =
      this.#url.protocol === 'https:'
        ? new HttpsAgent({ ...pool, ...(ca === undefined ? {} : { ca }) })
        : new HttpAgent(pool);
  }

  /** Resolves with any reply that is whole. StoreError `unavailable` or `timeout` otherwise, and what the body throws. */
  async send(asked: StoreRequest): Promise<StoreReply> {
    const { settings } = this;
    const key = (asked.key ?? '').split('/').map(encodeStrictly).join('/');
    const isHosted = !settings.pathStyle;
    const host = isHosted ? `${asked.bucket}.${this.#url.host}` : this.#url.host;
    const path = isHosted
      ? `/${key}`
      : `/${asked.bucket}${asked.key === undefined ? '' : `/${key}`}`;
    const query = asked.query ?? [];
    const size = asked.body?.size ?? 0;
    const headers = signed(settings, {
      ...{ method: asked.method, path, query, now: this.#clock.now() },
      headers: { ...asked.headers, host, ...(size > 0 ? { 'content-length': String(size) } : {}) },
      payloadHash: asked.body === undefined ? emptyHash : 'UNSIGNED-PAYLOAD',
    });
    const text = queryText(query);
    const request = (this.#url.protocol === 'https:' ? httpsRequest : httpRequest)({
      agent: this.#agent,
      host: isHosted ? `${asked.bucket}.${this.#url.hostname}` : this.#url.hostname,
      port: this.#url.port,
      method: asked.method,
      path: text === '' ? path : `${path}?${text}`,
      headers: {
        ...headers,
        ...(size === 0 && asked.method !== 'GET' ? { 'content-length': '0' } : {}),
      },
    });
    const { timeoutMillis } = settings;
    return exchange(request, asked.body, { clock: this.#clock, timeoutMillis });
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Sends the body and gives any reply that is whole. StoreError `unavailable` or `timeout` otherwise, and what the body throws. */
export async function exchange(
  request: ClientRequest,
  body: StoreRequest['body'],
  patience: { readonly clock: Clock; readonly timeoutMillis: number },
): Promise<StoreReply> {
  const silence = new Silence(patience.clock, patience.timeoutMillis, () => {
    request.destroy(new StoreError('timeout', 'store.send', 'the store did not answer'));
  });
  const replied = receive(request, silence);
  // Whichever fails first ends both.
  replied.catch(() => undefined);
  try {
    await transmit(request, body, silence);
    return await replied;
  } catch (error) {
    request.destroy();
    if (error instanceof StoreError) throw error;
    const { message } = toStoreError(error, 'store.send');
    throw new StoreError('unavailable', 'store.send', message, { cause: error });
  } finally {
    silence.end();
  }
}

const emptyHash = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** Fires when nothing was heard for so long. */
class Silence {
  readonly #clock: Clock;
  readonly #millis: number;
  readonly #fire: () => void;
  #cancel: () => void;

  constructor(clock: Clock, millis: number, fire: () => void) {
    this.#clock = clock;
    this.#millis = millis;
    this.#fire = fire;
    this.#cancel = clock.after(millis, fire);
  }

  heard(): void {
    this.#cancel();
    this.#cancel = this.#clock.after(this.#millis, this.#fire);
  }

  end(): void {
    this.#cancel();
  }
}

async function transmit(
  request: ClientRequest,
  body: StoreRequest['body'],
  silence: Silence,
): Promise<void> {
  if (body === undefined || body.size === 0) {
    request.end();
    return;
  }
  for await (const chunk of body.chunks) {
    // The store answered before the end, or is gone: the reply tells which.
    if (request.destroyed || request.writableEnded) return;
    if (!request.write(chunk)) await once(request, 'drain');
    silence.heard();
  }
  request.end();
}

async function receive(request: ClientRequest, silence: Silence): Promise<StoreReply> {
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  let size = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    silence.heard();
    if (size < MAX_REPLY_BYTES) pieces.push(piece);
    size += piece.length;
  }
  if (!response.complete) {
    throw new StoreError('unavailable', 'store.send', 'the reply ended too soon');
  }
  return {
    status: response.statusCode ?? 0,
    header: (name) => {
      const value = response.headers[name];
      return typeof value === 'string' ? value : undefined;
    },
    text: Buffer.concat(pieces).subarray(0, MAX_REPLY_BYTES).toString('utf8'),
  };
}

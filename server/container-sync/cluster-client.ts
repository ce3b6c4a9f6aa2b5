/** Requests to other clusters of Swift, or of Torc, that a container is synced to. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../base/clock.ts';
import { exchange, type StoreReply } from '../replication/store-client.ts';

export interface ClusterRequest {
  readonly method: 'HEAD' | 'PUT' | 'DELETE';
  /** Only where to: its path says nothing. */
  readonly origin: URL;
  /** As on the wire. Parsed as part of a URL, a key of `..` would be gone. */
  readonly path: string;
  /** '' or from its `?` on; not signed. */
  readonly query: string;
  /** Values are latin1 strings of wire bytes. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: { readonly chunks: AsyncIterable<Uint8Array>; readonly size: number };
}

/** Resolves with any reply that is whole. StoreError `unavailable` or `timeout` otherwise, and what the body throws. */
export type SendToCluster = (asked: ClusterRequest) => Promise<StoreReply>;

const pool = { keepAlive: true, maxSockets: 16 };
/** A cluster that is silent for so long has failed. */
const TIMEOUT_MILLIS = 30_000;

export class ClusterClient {
  readonly #clock: Clock;
  readonly #plain = new HttpAgent(pool);
  readonly #secure: HttpsAgent;

  constructor(clock: Clock, ca: string | undefined) {
    this.#clock = clock;
    this.#secure = new HttpsAgent({ ...pool, ...(ca === undefined ? {} : { ca }) });
  }

  readonly send: SendToCluster = (asked) => {
    const { method, origin, path, query, body } = asked;
    const isSecure = origin.protocol === 'https:';
    const length = method === 'PUT' ? { 'content-length': String(body?.size ?? 0) } : {};
    const request: ClientRequest = (isSecure ? httpsRequest : httpRequest)({
      agent: isSecure ? this.#secure : this.#plain,
      hostname: origin.hostname,
      port: origin.port,
      method,
      path: `${path}${query}`,
      headers: { ...asked.headers, ...length },
    });
    const patience = { clock: this.#clock, timeoutMillis: TIMEOUT_MILLIS };
    return exchange(request, body, patience);
  };

  close(): void {
    this.#plain.destroy();
    this.#secure.destroy();
  }
}

/**
 * One HTTP request and its reply as the doors see them: values, no sockets. server/http owns
 * everything about connections: Expect, backpressure, draining of unread bodies, cutting a reply
 * whose body fails, HEAD and 204/304 without a body.
 */

export interface HttpRequest {
  /** As sent, e.g. `PUT`; may be any token. */
  readonly method: string;
  /** Path as on the wire, before `?`, percent-encoding untouched (bytes ≥ 0x80 are already percent-encoded). */
  readonly path: string;
  /** Query as on the wire, without `?`; '' when there is none. */
  readonly query: string;
  /** Header by lower-case name; its bytes as a latin1 string (`headerText` decodes UTF-8). Repeated ones joined by `, `. */
  header(name: string): string | undefined;
  /** All headers in order, names as sent: [name, value, name, value, …], latin1. */
  readonly rawHeaders: readonly string[];
  readonly secure: boolean;
  /** e.g. `1.3`; undefined without TLS. */
  readonly tlsVersion?: string | undefined;
  /** As RFC 8446 and the TLS registry name it; undefined without TLS. */
  readonly tlsCipher?: string | undefined;
  readonly remoteAddress: string;
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal;
  /** Declared Content-Length; undefined when chunked or absent. */
  readonly contentLength: number | undefined;
  readonly isChunked: boolean;
  /** The body's bytes; sends `100 Continue` first when the client waits for it. At most once. Ends with StoreError `incomplete-body` when the client goes away or sends less than declared, `timeout` when it stalls. */
  body(): AsyncIterable<Uint8Array>;
}

/** Headers of a reply while they are gathered: see `HttpReply`. */
export type HeaderPairs = (readonly [string, string])[];

export interface HttpReply {
  readonly status: number;
  /** Name of the route that answered, e.g. `PutObject`: a label of metrics, so from a fixed set. */
  readonly operation?: string | undefined;
  /** [name, value] pairs with the case to send; values are latin1 strings (use `headerBytes` for UTF-8). Content-Length is set by server/http when `body` is bytes. */
  readonly headers: readonly (readonly [string, string])[];
  /** Absent for HEAD, 204, 304. An iterable streams; when its length is known, give Content-Length in headers. If it throws, the connection is cut, never ended cleanly. A chunk is handed over: nobody else reads it once it was yielded (base/memory/reused-memory.ts). */
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  /** Called when the last byte is handed to the socket, or the connection was cut. Must not throw. */
  readonly done?:
    | ((sent: { readonly bytesOut: number; readonly millis: number }) => void)
    | undefined;
}

/** A door answers every request and never throws: its error table turns StoreErrors into replies. */
export interface Door {
  handle(request: HttpRequest): Promise<HttpReply>;
}

/** UTF-8 text → the latin1 string that puts those bytes on the wire. */
export function headerBytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

/** Wire value (latin1 string) → text, if its bytes are UTF-8; undefined otherwise. */
export function headerText(value: string): string | undefined {
  const bytes = Buffer.from(value, 'latin1');
  const text = bytes.toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : undefined;
}

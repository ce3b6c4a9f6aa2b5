/** Every limit of the HTTP front; defaults and their arithmetic are in server/config. */
export interface HttpLimits {
  /** Request line and headers together; beyond it 431. */
  readonly maxHeaderBytes: number;
  /** Open connections of one listener; further ones are dropped at once. */
  readonly maxConnections: number;
  /** Requests that one connection may have sent ahead of their replies; beyond it the connection is cut. */
  readonly maxPipelined: number;
  /** From the first byte of a request to the end of its headers; beyond it 408. */
  readonly headersTimeoutMillis: number;
  /** Longest silence inside a request body; beyond it the body ends with `timeout`. */
  readonly bodyIdleMillis: number;
  /** Longest silence of a socket in both directions while a request is in work; beyond it the connection is cut. */
  readonly socketIdleMillis: number;
  /** How long an idle connection is kept for a further request. */
  readonly keepAliveMillis: number;
  /** Stream buffer of a socket, each way, before it pushes back. */
  readonly socketBufferBytes: number;
  /** Unread body that is read and thrown away after an early reply, so that the client sees the reply. */
  readonly maxDrainBytes: number;
  readonly maxDrainMillis: number;
  /** An error instead of `100 Continue` leaves the connection usable only when it goes out sooner than this: later, the client may have given up waiting and be sending. */
  readonly expectGraceMillis: number;
  /** How long a stop waits for requests in flight. */
  readonly shutdownMillis: number;
}

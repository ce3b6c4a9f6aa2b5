/** Sends a reply: fast for bytes in hand, with backpressure for streams, and never a clean short end. */
import { TLSSocket } from 'node:tls';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { receivedMemory } from '../../base/memory/received-memory.ts';
import { reusedMemory } from '../../base/memory/reused-memory.ts';
import type { HttpReply } from './exchange.ts';
import type { Exchange } from './exchange-node.ts';
import type { HttpLimits } from './limits.ts';

/** What becomes of the connection after the reply. */
export type Afterwards = 'keep' | 'close' | 'reparse';

export interface SendOptions {
  readonly limits: HttpLimits;
  readonly clock: Clock;
  /** The process is stopping: no connection is kept. */
  readonly stopping: boolean;
}

/** Resolves when the last byte is handed to the socket, or the connection is cut. Returns the body bytes sent. Rejects with what the body threw, the connection cut already. */
export async function sendReply(
  exchange: Exchange,
  reply: HttpReply,
  options: SendOptions,
): Promise<number> {
  const { response } = exchange;
  if (exchange.isGone) return 0;
  const afterwards = planUnreadBody(exchange, options);
  const mute =
    exchange.method === 'HEAD' ||
    reply.status === 204 ||
    reply.status === 304 ||
    reply.body === undefined;
  response.removeHeader('connection');
  // Node closes every connection that it did not send `100 Continue` on; here the plan decides.
  if (exchange.expectsContinue) Object.assign(response, { _expect_continue: false });
  const declared = writeHead(exchange, reply, mute, afterwards === 'close' || options.stopping);
  settleUnreadBody(exchange, afterwards, options);
  if (mute || reply.body === undefined) {
    response.end();
    return 0;
  }
  if (reply.body instanceof Uint8Array) {
    response.end(reply.body);
    return reply.body.length;
  }
  return await stream(exchange, reply.body, declared);
}

/** Returns the declared length of the body. */
function writeHead(
  exchange: Exchange,
  reply: HttpReply,
  mute: boolean,
  close: boolean,
): number | undefined {
  const headers: string[] = [];
  let declared: number | undefined;
  for (const [name, value] of reply.headers) {
    headers.push(name, value);
    if (name.length === 14 && name.toLowerCase() === 'content-length') declared = Number(value);
  }
  if (declared === undefined && reply.status !== 204 && reply.status !== 304) {
    if (reply.body instanceof Uint8Array) headers.push('Content-Length', `${reply.body.length}`);
    else if (!mute || exchange.method === 'HEAD') declared = undefined;
    else headers.push('Content-Length', '0');
  }
  const asked = exchange.header('connection')?.toLowerCase();
  if (close || !exchange.response.shouldKeepAlive) {
    // A client of HTTP/1.0 that did not ask to keep the connection expects it to close.
    if (close || asked !== undefined) headers.push('Connection', 'close');
  } else if (asked?.includes('keep-alive') === true) headers.push('Connection', 'keep-alive');
  exchange.response.writeHead(reply.status, headers);
  return declared;
}

async function stream(
  exchange: Exchange,
  body: AsyncIterable<Uint8Array>,
  declared: number | undefined,
): Promise<number> {
  const { response } = exchange;
  let sent = 0;
  try {
    for await (const chunk of body) {
      if (exchange.isGone) return sent;
      sent += chunk.length;
      if (declared !== undefined && sent > declared) break;
      // The socket is the last to read a chunk. After an error it may still do so.
      const written = (error: Error | null | undefined): void => {
        if (error !== null && error !== undefined) return;
        reusedMemory.giveBack(chunk);
        receivedMemory.giveUp(chunk);
      };
      if (!response.write(chunk, written)) await writable(exchange);
    }
    if (exchange.isGone) return sent;
    if (declared !== undefined && sent !== declared) {
      const detail = { declared, sent };
      throw new StoreError('internal', 'http.reply', 'a body has not its length', { detail });
    }
  } catch (error) {
    cut(exchange);
    throw error;
  }
  response.end();
  return sent;
}

/** Resolves when the socket takes more, or the client has gone. */
function writable(exchange: Exchange): Promise<void> {
  const { response } = exchange;
  if (response.destroyed || exchange.isGone) return Promise.resolve();
  return new Promise((resolve) => {
    const settle = (): void => {
      response.off('drain', settle);
      response.off('close', settle);
      resolve();
    };
    response.on('drain', settle);
    response.on('close', settle);
  });
}

/** Ends the connection so that the client cannot take what it got for the whole: by reset, and under TLS without close_notify. */
export function cut(exchange: Exchange): void {
  const { socket } = exchange.connection;
  if (socket instanceof TLSSocket) socket.destroy();
  else socket.resetAndDestroy();
}

/** RFC 9110 section 10.1.1 and RFC 9112 section 9.6: what to do with a body that nobody read. */
function planUnreadBody(exchange: Exchange, options: SendOptions): Afterwards {
  const { request } = exchange;
  if (request.complete || !exchange.hasBody) return 'keep';
  if (exchange.expectsContinue && !exchange.requestBody.started) {
    return isWaitingForContinue(exchange, options) ? 'reparse' : 'close';
  }
  const length = exchange.contentLength;
  return length !== undefined && length <= options.limits.maxDrainBytes ? 'keep' : 'close';
}

/**
 * The client surely still waits, so it will not send the body: nothing of it came, and it was
 * answered sooner than any client gives up. Behind a proxy one cannot know who waits: there the
 * connection closes, else one client's body could be read as another's request.
 */
function isWaitingForContinue(exchange: Exchange, options: SendOptions): boolean {
  const waited = options.clock.monotonic() - exchange.startedAt;
  const viaProxy = ['via', 'forwarded', 'x-forwarded-for'].some(
    (name) => exchange.header(name) !== undefined,
  );
  return (
    !options.stopping &&
    !viaProxy &&
    exchange.response.shouldKeepAlive &&
    exchange.request.readableLength === 0 &&
    waited < options.limits.expectGraceMillis
  );
}

function settleUnreadBody(exchange: Exchange, afterwards: Afterwards, options: SendOptions): void {
  const { request, connection } = exchange;
  if (request.complete || !exchange.hasBody) return;
  const { limits, clock } = options;
  const { socket } = connection;
  exchange.requestBody.discardRest((discarded) => {
    if (discarded > limits.maxDrainBytes) socket.destroy();
  });
  if (afterwards === 'reparse') {
    exchange.wantsReparse = true;
    return;
  }
  const cancel = clock.after(limits.maxDrainMillis, () => {
    if (!request.complete) socket.destroy();
  });
  request.once('close', cancel);
  if (afterwards === 'close') lingerOnClose(exchange);
}

/** Closing a socket with unread bytes resets it, and the client may never see the reply: so only our side is ended, and the rest read away until the client closes, or the drain's bounds are reached. */
function lingerOnClose(exchange: Exchange): void {
  const { socket } = exchange.connection;
  exchange.connection.closing = true;
  // Node calls this after the last byte of a reply with `Connection: close`.
  socket.destroySoon = () => {
    socket.end();
    if (exchange.request.complete) socket.destroy();
    else exchange.request.once('end', () => socket.destroy());
  };
}

/**
 * What we know of one client connection, and how it is given to Node's HTTP parser a second time.
 *
 * Twice a connection needs a fresh parser: after a request line that the parser refuses and we can
 * mend (mending/), and after an error sent instead of `100 Continue`, when the client sends
 * its next request and not the body that the old parser waits for. Both take the way that Node
 * documents: everything the server hung on the socket is taken off, and the server's `connection`
 * event is emitted again with the same socket. None of this costs an ordinary request anything.
 */
import type { EventEmitter } from 'node:events';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Connection } from './exchange-node.ts';

/** Events that an HTTP server listens to on its sockets. */
const watched = ['data', 'end', 'close', 'drain', 'error', 'timeout', 'pause', 'resume'] as const;

/** `https` servers take the socket when TLS stands. */
export type ConnectionEvent = 'connection' | 'secureConnection';

const connections = new WeakMap<EventEmitter, Connection>();

/** Starts to follow every connection of a server. Prepended, so that it sees the socket first. */
export function followConnections(server: Server, event: ConnectionEvent): void {
  server.prependListener(event, (socket: Socket) => {
    if (connections.has(socket)) return;
    const baseline = new Map(watched.map((name) => [name, new Set(socket.rawListeners(name))]));
    connections.set(socket, {
      socket,
      current: undefined,
      waiting: [],
      nextMethod: undefined,
      readTo: 0,
      closing: false,
      baseline,
    });
  });
}

export function connectionOf(socket: EventEmitter): Connection | undefined {
  return connections.get(socket);
}

/** Takes everything off the socket that the HTTP server put there. Its `close` listeners are run, as if the connection had closed: they free the old parser. */
export function detach(connection: Connection): void {
  const { socket, baseline } = connection;
  const emitter: { removeListener(name: string, listener: unknown): unknown } = socket;
  const closeListeners: ReturnType<Socket['rawListeners']> = [];
  for (const name of watched) {
    for (const listener of socket.rawListeners(name)) {
      if (baseline.get(name)?.has(listener) === true) continue;
      emitter.removeListener(name, listener);
      if (name === 'close') closeListeners.push(listener);
    }
  }
  for (const listener of closeListeners) Reflect.apply(listener, socket, [false]);
}

/** Gives a detached connection to a new parser; `head` are bytes that it reads first. Call it before any further byte can arrive, so in a microtask at the latest. */
export function reattach(
  connection: Connection,
  server: Server,
  event: ConnectionEvent,
  head?: Buffer,
): void {
  const { socket } = connection;
  if (socket.destroyed) return;
  if (head !== undefined && head.length > 0) socket.unshift(head);
  server.emit(event, socket);
}

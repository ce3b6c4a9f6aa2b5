/** Opens the public ports, and closes them without cutting off what is in flight. */
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { StoreError } from '../../base/errors.ts';
import type { ConnectionEvent } from './connection.ts';
import { Front, type FrontOptions } from './front.ts';
import type { HttpLimits } from './limits.ts';

export interface Address {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

export interface Certificate {
  /** PEM. */
  readonly key: string;
  readonly certificate: string;
}

export interface ListenOptions extends FrontOptions {
  readonly http?: Address | undefined;
  readonly https?: (Address & Certificate) | undefined;
}

export interface Listening {
  readonly httpUrl: string | undefined;
  readonly httpsUrl: string | undefined;
  connections(): Promise<number>;
  requestsInFlight(): number;
  /** Refuses new connections at once, finishes requests in flight within `shutdownMillis`, then cuts what is left. */
  close(): Promise<void>;
}

/** StoreError `conflict` when a port is taken; nothing stays open then. */
export async function listen(options: ListenOptions): Promise<Listening> {
  const front = new Front(options);
  const servers: Server[] = [];
  const open = async (
    server: Server,
    event: ConnectionEvent,
    address: Address,
  ): Promise<string> => {
    configure(server, options.limits);
    front.attach(server, event);
    const port = await bind(server, address);
    servers.push(server);
    const scheme = event === 'connection' ? 'http' : 'https';
    return `${scheme}://${address.host.includes(':') ? `[${address.host}]` : address.host}:${port}`;
  };
  const { http, https } = options;
  try {
    const httpUrl =
      http && (await open(createServer(serverOptions(options.limits)), 'connection', http));
    const httpsUrl =
      https &&
      (await open(createTlsServer(tlsOptions(https, options.limits)), 'secureConnection', https));
    return {
      httpUrl,
      httpsUrl,
      connections: async () => (await Promise.all(servers.map(countConnections))).reduce(add, 0),
      requestsInFlight: () => front.requestsInFlight,
      close: () => close(front, servers, options),
    };
  } catch (error) {
    await Promise.all(servers.map(closeServer));
    throw error;
  }
}

const add = (a: number, b: number): number => a + b;

function serverOptions(limits: HttpLimits): {
  maxHeaderSize: number;
  highWaterMark: number;
  keepAlive: boolean;
} {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    highWaterMark: limits.socketBufferBytes,
    // TCP keep-alive finds clients that vanished without a word.
    keepAlive: true,
  };
}

function tlsOptions(
  https: Certificate,
  limits: HttpLimits,
): ReturnType<typeof serverOptions> & {
  key: string;
  cert: string;
  minVersion: 'TLSv1.2';
  ALPNProtocols: string[];
  handshakeTimeout: number;
} {
  return {
    ...serverOptions(limits),
    key: https.key,
    cert: https.certificate,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    handshakeTimeout: limits.headersTimeoutMillis,
  };
}

function configure(server: Server, limits: HttpLimits): void {
  server.maxConnections = limits.maxConnections;
  // A slow upload may take hours: only its silences are bounded (bodyIdleMillis).
  server.requestTimeout = 0;
  server.headersTimeout = limits.headersTimeoutMillis;
  server.timeout = limits.socketIdleMillis;
  server.keepAliveTimeout = limits.keepAliveMillis;
  // A client may close its sending side after its request and still wait for the reply.
  Object.assign(server, { httpAllowHalfOpen: true });
}

function bind(server: Server, address: Address): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      const code = 'code' in error ? String(error.code) : '';
      const where = `${address.host}:${address.port}`;
      const message =
        code === 'EADDRINUSE'
          ? `${where} is in use by another process`
          : `cannot listen on ${where}: ${error.message}`;
      reject(new StoreError('conflict', 'http.listen', message, { cause: error }));
    });
    server.listen({ host: address.host, port: address.port, backlog: 1024 }, () => {
      const bound = server.address();
      resolve(typeof bound === 'object' && bound !== null ? bound.port : address.port);
    });
  });
}

function countConnections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
  });
}

async function close(
  front: Front,
  servers: readonly Server[],
  options: ListenOptions,
): Promise<void> {
  front.stop();
  const cancel = options.clock.after(options.limits.shutdownMillis, () => {
    options.logger.warn(
      { event: 'http.stop-cut', inFlight: front.requestsInFlight },
      'requests in flight did not end in time and are cut off',
    );
    for (const server of servers) server.closeAllConnections();
  });
  await Promise.all(servers.map(closeServer));
  cancel();
}

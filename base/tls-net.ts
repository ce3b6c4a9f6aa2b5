/** The real network: TLS 1.3 over TCP, both sides with certificates of one authority. */
import type { Socket } from 'node:net';
import { connect, createServer, type PeerCertificate, type Server, type TLSSocket } from 'node:tls';
import { StoreError } from './errors.ts';
import type {
  DialOptions,
  Net,
  NetServer,
  NetStream,
  ServeOptions,
  StreamListener,
} from './net.ts';

/** PEM texts. */
export interface NetIdentity {
  /** Of the only authority that is believed. */
  readonly authority: string;
  /** Empty, as the key: shows none. */
  readonly certificate: string;
  readonly key: string;
}

const keepAliveMillis = 30_000;
/** From a TCP connection to the end of its handshake. */
const handshakeMillis = 10_000;
/** Connections that have not shown yet who they are, and all others, of one process. */
const connectionsMax = 4096;

function reasonOf(cause: unknown): StoreError {
  const text = cause instanceof Error ? cause.message : 'the connection has ended';
  return new StoreError('unavailable', 'net', text, { cause });
}

/** The DNS name in a certificate that our authority signed. */
function nameIn(certificate: PeerCertificate): string | undefined {
  const names = (certificate.subjectaltname ?? '').split(', ');
  return names.find((name) => name.startsWith('DNS:'))?.slice(4);
}

class TlsStream implements NetStream {
  readonly peerName: string | undefined;
  readonly protocol: string;
  readonly #socket: TLSSocket;

  constructor(socket: TLSSocket) {
    this.#socket = socket;
    this.protocol = socket.alpnProtocol === false ? '' : (socket.alpnProtocol ?? '');
    this.peerName = socket.authorized ? nameIn(socket.getPeerCertificate()) : undefined;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, keepAliveMillis);
  }

  get waitingBytes(): number {
    return this.#socket.writableLength;
  }

  listen(listener: StreamListener): void {
    const socket = this.#socket;
    let cause: unknown;
    socket.on('data', (chunk: Buffer) => {
      if (!socket.destroyed) listener.data(chunk);
    });
    socket.on('error', (error) => {
      cause = error;
    });
    socket.on('end', () => socket.destroy());
    socket.once('close', () => listener.closed(reasonOf(cause)));
  }

  write(pieces: readonly Uint8Array[], flushed?: () => void): void {
    const socket = this.#socket;
    if (socket.destroyed) return;
    socket.cork();
    for (const [place, piece] of pieces.entries()) {
      // The last piece is through when all are.
      if (place < pieces.length - 1 || flushed === undefined) socket.write(piece);
      else socket.write(piece, (error) => (error ? undefined : flushed()));
    }
    socket.uncork();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

export class TlsNet implements Net {
  #identity: NetIdentity;
  readonly #servers = new Set<Server>();

  constructor(identity: NetIdentity) {
    this.#identity = identity;
  }

  /** Another certificate of the same authority and key: connections from now on show it, those that are there stay. */
  use(identity: NetIdentity): void {
    this.#identity = identity;
    const { authority, certificate, key } = identity;
    for (const server of this.#servers) {
      server.setSecureContext({ ca: authority, cert: certificate, key, minVersion: 'TLSv1.3' });
    }
  }

  dial(options: DialOptions): Promise<NetStream> {
    const { authority, certificate, key } = this.#identity;
    const { host, port, name, protocol, timeoutMillis } = options;
    return new Promise((resolve, reject) => {
      const socket = connect({
        ...{ host, port, ca: authority },
        ...(certificate === '' ? {} : { cert: certificate, key }),
        minVersion: 'TLSv1.3',
        // The name that the certificate must carry, whatever the address is.
        servername: name,
        ALPNProtocols: [protocol],
        timeout: timeoutMillis,
      });
      const failed = (cause: unknown): void => {
        socket.destroy();
        reject(reasonOf(cause));
      };
      socket.once('error', failed);
      socket.once('timeout', () => failed(new Error(`${name} does not answer`)));
      socket.once('secureConnect', () => {
        socket.off('error', failed);
        socket.setTimeout(0);
        if (socket.alpnProtocol === protocol) resolve(new TlsStream(socket));
        else failed(new Error(`${name} does not speak ${protocol}`));
      });
    });
  }

  serve(options: ServeOptions): Promise<NetServer> {
    const { authority, certificate, key } = this.#identity;
    const { host, port, protocols, accept } = options;
    const sockets = new Set<Socket>();
    const server = createServer({
      ...{ ca: authority, cert: certificate, key, minVersion: 'TLSv1.3' },
      handshakeTimeout: handshakeMillis,
      requestCert: true,
      // Who shows none is not trusted: `peerName` is undefined then.
      rejectUnauthorized: false,
      ALPNProtocols: [...protocols],
    });
    server.maxConnections = connectionsMax;
    server.on('connection', (socket: Socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
    });
    server.on('secureConnection', (socket) => {
      // Without it an error that comes before anybody listens would end the process.
      socket.on('error', () => socket.destroy());
      accept(new TlsStream(socket));
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(reasonOf(error)));
      server.listen(port, host, () => {
        this.#servers.add(server);
        const address = server.address();
        resolve({
          port: typeof address === 'object' && address !== null ? address.port : port,
          close: () =>
            new Promise((closed) => {
              this.#servers.delete(server);
              server.close(() => closed());
              for (const socket of sockets) socket.destroy();
            }),
        });
      });
    });
  }
}

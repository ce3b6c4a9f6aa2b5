import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { generate } from 'selfsigned';
import { systemClock } from '../../../base/clock.ts';
import { type Logger, silentLogger } from '../../../base/log.ts';
import type { Door, HttpReply, HttpRequest } from '../../../server/http/exchange.ts';
import type { Served } from '../../../server/http/front.ts';
import type { HttpLimits } from '../../../server/http/limits.ts';
import { type Listening, listen } from '../../../server/http/listen.ts';

export const testLimits: HttpLimits = {
  maxHeaderBytes: 65_536,
  maxConnections: 100,
  maxPipelined: 20,
  headersTimeoutMillis: 2_000,
  bodyIdleMillis: 300,
  socketIdleMillis: 5_000,
  keepAliveMillis: 5_000,
  socketBufferBytes: 65_536,
  maxDrainBytes: 262_144,
  maxDrainMillis: 1_000,
  expectGraceMillis: 500,
  shutdownMillis: 1_000,
};

export interface Harness {
  readonly listening: Listening;
  readonly served: Served[];
  readonly warnings: string[];
  /** A raw connection to the chosen port. */
  dial(scheme: 'http' | 'https'): Promise<Wire>;
}

let certificate: Promise<{ key: string; certificate: string }> | undefined;

function makeCertificate(): Promise<{ key: string; certificate: string }> {
  certificate ??= generate([{ name: 'commonName', value: 'localhost' }], {
    keyType: 'ec',
  }).then((pair) => ({ key: pair.private, certificate: pair.cert }));
  return certificate;
}

/** Both doors answer through `handle`; the reply's X-Door names which was asked. */
export async function startFront(
  handle: (request: HttpRequest) => Promise<HttpReply>,
  limits: Partial<HttpLimits> = {},
): Promise<Harness> {
  const served: Served[] = [];
  const warnings: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (fields) => warnings.push(fields.event),
    error: (fields) => warnings.push(fields.event),
  };
  const door = (name: string): Door => ({
    handle: async (request) => {
      const reply = await handle(request);
      return { ...reply, headers: [...reply.headers, ['X-Door', name]] };
    },
  });
  const listening = await listen({
    http: { host: '127.0.0.1', port: 0 },
    https: { host: '127.0.0.1', port: 0, ...(await makeCertificate()) },
    doors: { s3: door('s3'), swift: door('swift') },
    admin: (_request, response) => response.end('admin'),
    hostSuffixes: ['s3.test'],
    limits: { ...testLimits, ...limits },
    clock: systemClock,
    logger,
    observe: (one) => served.push(one),
  });
  return { listening, served, warnings, dial: (scheme) => dial(listening, scheme) };
}

async function dial(listening: Listening, scheme: 'http' | 'https'): Promise<Wire> {
  const url = new URL((scheme === 'http' ? listening.httpUrl : listening.httpsUrl) ?? '');
  const port = Number(url.port);
  const socket = await new Promise<Socket>((resolve, reject) => {
    const made: Socket =
      scheme === 'http'
        ? connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => resolve(made))
        : connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => resolve(made));
    made.once('error', reject);
  });
  return new Wire(socket);
}

export interface WireReply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** A client that sends exactly the bytes it is given. */
export class Wire {
  readonly socket: Socket;
  received = '';
  closed = false;
  error: Error | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.toString('latin1');
    });
    socket.on('end', () => {
      this.closed = true;
    });
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', (error) => {
      this.error = error;
      this.closed = true;
    });
  }

  send(text: string | Uint8Array): void {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text);
  }

  /** The next whole reply with a Content-Length, or one without a body. */
  async reply(isHead = false): Promise<WireReply> {
    const headEnd = await this.until(() => this.received.indexOf('\r\n\r\n'));
    const [first = '', ...lines] = this.received.slice(0, headEnd).split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line): [string, string] => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const status = Number(first.split(' ')[1]);
    const length = isHead || status < 200 ? 0 : Number(headers['content-length'] ?? 0);
    const end = headEnd + 4 + length;
    await this.until(() => (this.received.length >= end ? end : -1));
    const body = this.received.slice(headEnd + 4, end);
    this.received = this.received.slice(end);
    return { status, headers, body };
  }

  async end(): Promise<void> {
    await this.until(() => (this.closed ? 1 : -1));
  }

  async until(find: () => number): Promise<number> {
    for (let i = 0; i < 600; i++) {
      const found = find();
      if (found >= 0) return found;
      if (this.closed) break;
      await systemClock.sleep(5);
    }
    throw new Error(`no answer; closed: ${this.closed}; received: ${this.received.slice(0, 200)}`);
  }
}

export async function readBody(request: HttpRequest): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const chunk of request.body()) pieces.push(chunk);
  return Buffer.concat(pieces).toString('latin1');
}

/** Answers with what it saw. */
export async function echo(request: HttpRequest): Promise<HttpReply> {
  const text = await readBody(request);
  const seen = JSON.stringify({
    method: request.method,
    path: request.path,
    query: request.query,
    secure: request.secure,
    body: text,
  });
  return { status: 200, headers: [], operation: 'Echo', body: Buffer.from(seen, 'latin1') };
}

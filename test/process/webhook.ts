/** A receiver of notifications in this process. */
import { createServer, type Server } from 'node:http';
import { once } from 'node:events';

export interface Received {
  readonly authorization: string | undefined;
  readonly body: string;
}

export class Webhook {
  readonly got: Received[] = [];
  /** What it answers. */
  status = 200;
  /** Requests that got another answer than a 2xx. */
  turnedAway = 0;
  #server: Server | undefined;
  #port: number;

  constructor(port = 0) {
    this.#port = port;
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/hook`;
  }

  async start(): Promise<void> {
    const server = createServer((request, response) => {
      const pieces: Buffer[] = [];
      request.on('data', (piece: Buffer) => pieces.push(piece));
      request.on('end', () => {
        const { status } = this;
        const body = Buffer.concat(pieces).toString('utf8');
        if (status >= 300) this.turnedAway++;
        else this.got.push({ authorization: request.headers.authorization, body });
        response.writeHead(status).end('noted');
      });
    });
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    if (typeof address === 'object' && address !== null) this.#port = address.port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.closeAllConnections();
    server.close();
    await once(server, 'close');
  }

  /** Keys of the records so far, without test events. */
  keys(): readonly string[] {
    return this.got.flatMap(({ body }) => {
      const { Records = [] } = JSON.parse(body) as {
        Records?: readonly { s3: { object: { key: string } } }[];
      };
      return Records.map((record) => record.s3.object.key);
    });
  }
}

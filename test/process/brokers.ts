/** redis-server and nats-server from Debian, in folders of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export class Broker {
  readonly port: number;
  readonly #kind: 'redis' | 'nats';
  readonly #folder: string = mkdtempSync(join(tmpdir(), 'torc-broker-'));
  #child: ChildProcess | undefined;

  constructor(kind: 'redis' | 'nats', port: number) {
    this.#kind = kind;
    this.port = port;
  }

  /** Resolves when it takes connections. */
  async start(): Promise<void> {
    const port = String(this.port);
    const redis = [
      '--port',
      port,
      '--bind',
      '127.0.0.1',
      '--dir',
      this.#folder,
      '--appendonly',
      'yes',
    ];
    const nats = ['-a', '127.0.0.1', '-p', port, '-js', '-sd', this.#folder];
    const [command, args] =
      this.#kind === 'redis' ? ['redis-server', redis] : (['nats-server', nats] as const);
    const child = spawn(command, args, { stdio: 'ignore' });
    this.#child = child;
    const failed = once(child, 'error').then(([error]) => Promise.reject(error as Error));
    await Promise.race([this.#answers(), failed]);
  }

  async #answers(): Promise<void> {
    for (;;) {
      const socket = connect(this.port, '127.0.0.1');
      const outcome = await Promise.race([
        once(socket, 'connect').then(() => true),
        once(socket, 'close').then(() => false),
      ]).catch(() => false);
      socket.destroy();
      if (outcome) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async stop(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  }

  async remove(): Promise<void> {
    await this.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** A real server process for real clients: `torc serve` on free ports, in a folder of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly account: string;
  readonly user: string;
  readonly password: string;
}

const root = join(import.meta.dirname, '..', '..');

export class ServerProcess {
  readonly data: string;
  #child: ChildProcess | undefined;
  #urls: readonly string[] = [];
  #printed = '';

  /** `parent`: the folder that its own is made in. */
  constructor(parent: string = tmpdir()) {
    this.data = join(mkdtempSync(join(parent, 'torc-client-')), 'data');
  }

  /** Everything that it said since it was started, its log included. */
  get printed(): string {
    return this.#printed;
  }

  get httpUrl(): string {
    return this.#urls[0] ?? '';
  }

  get httpsUrl(): string {
    return this.#urls[1] ?? '';
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  get credentials(): Credentials {
    return JSON.parse(readFileSync(join(this.data, 'credentials.json'), 'utf8')) as Credentials;
  }

  /** Resolves when the ready line is out; rejects with what was printed when the process ends before. */
  start(extra: readonly string[] = []): Promise<void> {
    const flags = ['--max-semi-space-size=32', '--heap-growing-percent=300'];
    const args = [...flags, join(root, 'bin', 'torc.ts'), 'serve'];
    args.push('--data', this.data, '--log-level', 'warn', ...extra);
    if (!extra.includes('--http')) args.push('--http', '127.0.0.1:0');
    if (!extra.includes('--https')) args.push('--https', '127.0.0.1:0');
    const child = spawn(process.execPath, args, {
      cwd: root,
      env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#printed = '';
    return new Promise((resolve, reject) => {
      const collect = (chunk: Buffer): void => {
        this.#printed += chunk.toString('utf8');
        const ready = /Torc is ready: (\S+)(?: and (\S+))?/.exec(this.#printed);
        if (ready === null) return;
        this.#urls = [ready[1] ?? '', ready[2] ?? ''];
        resolve();
      };
      child.stdout.on('data', collect);
      child.stderr.on('data', collect);
      child.once('exit', (code) =>
        reject(new Error(`the server ended with ${code}: ${this.#printed}`)),
      );
    });
  }

  /** Ends it and resolves with the exit code (null after a signal that killed it). */
  end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    const ended = child === undefined || child.exitCode !== null || child.signalCode !== null;
    if (ended) return Promise.resolve(null);
    return new Promise((resolve) => {
      child.once('exit', (code) => resolve(code));
      child.kill(signal);
    });
  }

  async remove(): Promise<void> {
    await this.end('SIGKILL');
    rmSync(join(this.data, '..'), { recursive: true, force: true });
  }
}

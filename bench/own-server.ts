import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import type { Target } from './sign.ts';

export interface OwnServer {
  readonly target: Target;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.on('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address();
      probe.close(() => {
        if (address === null || typeof address === 'string') reject(new Error('no port'));
        else resolve(address.port);
      });
    });
  });
}

/**
 * Starts `torc serve` with its defaults on a free port and a folder of its own below `parent`.
 * With `profiles` it leaves a CPU profile in that folder when it stops.
 */
export async function startOwnServer(parent: string, profiles?: string): Promise<OwnServer> {
  const data = mkdtempSync(join(parent, 'torc-bench-'));
  const port = await freePort();
  const entry = join(import.meta.dirname, '..', 'bin', 'torc.ts');
  const args = ['serve', '--data', data, '--http', `127.0.0.1:${port}`, '--https', 'off'];
  const profiling =
    profiles === undefined
      ? []
      : ['--cpu-prof', '--cpu-prof-interval=500', `--cpu-prof-dir=${profiles}`];
  // As package.json and bin/torc.mjs start it.
  const flags = ['--max-semi-space-size=32', '--heap-growing-percent=300', ...profiling];
  const child = spawn(process.execPath, [...flags, entry, ...args], {
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const url = new URL(`http://127.0.0.1:${port}/`);
  await waitUntilReady(url, child);
  const credentials = JSON.parse(readFileSync(join(data, 'credentials.json'), 'utf8')) as {
    accessKeyId: string;
    secretAccessKey: string;
  };
  const target = { url, region: 'us-east-1', ...credentials };
  const stop = async (): Promise<void> => {
    await new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGTERM');
    });
    rmSync(data, { recursive: true, force: true });
  };
  return { target, pid: child.pid, stop };
}

async function waitUntilReady(url: URL, child: ChildProcess): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    try {
      await fetch(new URL('/healthcheck', url));
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error('the server did not become ready');
}

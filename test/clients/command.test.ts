/** The command itself: help, refusals at start, the launcher, and how it ends. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerProcess } from '../process/server.ts';

const root = join(import.meta.dirname, '..', '..');
const launcher = join(root, 'bin', 'torc.mjs');

function torc(...args: readonly string[]): { code: number | null; output: string } {
  const run = spawnSync('node', [launcher, ...args], { encoding: 'utf8', timeout: 30_000 });
  return { code: run.status, output: run.stdout + run.stderr };
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torc-command-'));
});
// A server that lost its launcher may still be closing its files.
afterEach(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));

/** Flags of a server that would disturb nobody. */
const apart = (): string[] => [
  ...['serve', '--data', join(folder, 'data'), '--log-level', 'warn'],
  ...['--http', '127.0.0.1:0', '--https', 'off'],
];

describe('torc', () => {
  it('explains itself and every verb', { timeout: 60_000 }, () => {
    const help = torc('--help');
    expect(help.code).toBe(0);
    for (const verb of ['serve', 'status', 'ring']) {
      expect(help.output).toContain(verb);
      expect(torc(verb, '--help').output).toContain(`torc ${verb}`);
    }
    for (const flag of ['--data', '--devices', '--policy', '--http', '--https', '--region']) {
      expect(torc('serve', '--help').output).toContain(flag);
    }
  });

  it('refuses what it does not know, and names it', () => {
    expect(torc('dance').code).not.toBe(0);
    expect(torc('serve', '--colour', 'red').output).toContain('--colour');
    const config = join(folder, 'config.json');
    writeFileSync(config, '{"colour": "red"}');
    const refused = torc(...apart(), '--config', config);
    expect(refused.code).toBe(1);
    expect(refused.output).toContain('colour');
  });

  it('refuses a taken port, and a policy that the devices do not fit', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const taken = torc(...apart(), '--http', `127.0.0.1:${port}`);
    other.close();
    expect(taken.code).toBe(1);
    expect(taken.output).toContain(`127.0.0.1:${port} is in use`);
    const misfit = torc(...apart(), '--data', join(folder, 'two'), '--policy', 'ec:8+4');
    expect(misfit.code).toBe(1);
    expect(misfit.output).toMatch(/torc: .*ec:8\+4/);
  });
});

describe('a running server', () => {
  it('keeps its data folder to itself, its credentials to the owner, and ends with 0', async () => {
    const server = new ServerProcess();
    try {
      await server.start();
      expect(statSync(join(server.data, 'credentials.json')).mode & 0o777).toBe(0o600);
      expect(statSync(join(server.data, 'tls', 'key.pem')).mode & 0o777).toBe(0o600);
      const second = torc(...apart(), '--data', server.data);
      expect(second.code).toBe(1);
      expect(second.output).toContain('torc:');
      expect(torc('status', '--url', server.httpUrl).output).toContain('"devices"');
      const metrics = await (await fetch(`${server.httpUrl}/metrics`)).text();
      expect(metrics).toContain('torc_devices');
      expect(await server.end('SIGTERM')).toBe(0);
      const before = server.credentials;
      await server.start();
      expect(server.credentials).toEqual(before);
    } finally {
      await server.remove();
    }
  });

  const ready = (child: ChildProcess): Promise<string> =>
    new Promise((resolve, reject) => {
      let printed = '';
      child.stdout?.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
        const url = /Torc is ready: (\S+)/.exec(printed)?.[1];
        if (url !== undefined) resolve(url);
      });
      child.once('exit', (code) => reject(new Error(`ended with ${code}: ${printed}`)));
    });

  it.each(['SIGTERM', 'SIGKILL'] as const)('stops with its launcher: %s', async (signal) => {
    const child = spawn('node', [launcher, ...apart()], { stdio: ['ignore', 'pipe', 'inherit'] });
    const url = await ready(child);
    expect((await fetch(`${url}/healthcheck`)).status).toBe(200);
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill(signal);
    expect(await ended).toBe(signal === 'SIGTERM' ? 0 : null);
    for (let i = 0; i < 200; i++) {
      const alive = await fetch(`${url}/healthcheck`).then(
        () => true,
        () => false,
      );
      if (!alive) return;
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
    throw new Error('the server outlived its launcher');
  });
});

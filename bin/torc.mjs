#!/usr/bin/env node
// Starts bin/torc.ts with the pinned Node, from any Node that can run this file.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pinned = join(root, 'node_modules', '.bin', 'node');
const child = spawn(
  existsSync(pinned) ? pinned : process.execPath,
  ['--max-semi-space-size=64', join(root, 'bin', 'torc.ts'), ...process.argv.slice(2)],
  {
    // The channel carries nothing: when this process dies, its end tells the child to stop.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { UV_THREADPOOL_SIZE: '16', ...process.env },
  },
);
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => {
  process.exitCode = signal === null ? (code ?? 1) : 1;
});

#!/usr/bin/env node
// Starts bin/torc.ts with the pinned Node, from any Node that can run this file.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const pinned = join(root, 'node_modules', '.bin', 'node');
// The heap is small (some 25 MB) beside the bodies that pass. With V8's own growth it marked the
// whole heap anew every 15 MiB of body, which was a third of the time of a large PUT
// (docs/performance.md); now it does so when the heap and the bodies are four times the live heap.
const flags = ['--max-semi-space-size=32', '--heap-growing-percent=300'];
const child = spawn(
  existsSync(pinned) ? pinned : process.execPath,
  [...flags, join(root, 'bin', 'torc.ts'), ...process.argv.slice(2)],
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

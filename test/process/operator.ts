/** What an operator does: runs the command, looks at the status, waits until something has come about. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServerProcess } from './server.ts';

const entry = join(import.meta.dirname, '..', '..', 'bin', 'torc.ts');

/** Runs a verb. Resolves with what it printed; rejects with its output when it fails. */
export async function torc(...args: readonly string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [entry, ...args])).stdout;
}

/** `Status` names the part of the document that the caller looks at. */
export async function statusOf<Status>(server: Pick<ServerProcess, 'httpUrl'>): Promise<Status> {
  return (await (await fetch(new URL('/torc/status', server.httpUrl))).json()) as Status;
}

/** Asks until it holds. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  seconds = 90,
): Promise<void> {
  const until = performance.now() + seconds * 1000;
  let reason: unknown;
  while (performance.now() < until) {
    try {
      if (await holds()) return;
    } catch (error) {
      reason = error;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error(`within ${seconds} seconds it did not come to be that ${what}`, {
    cause: reason,
  });
}

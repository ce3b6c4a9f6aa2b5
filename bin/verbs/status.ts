import type { Command } from 'commander';
import { StoreError } from '../../base/errors.ts';

export function addStatus(program: Command): void {
  program
    .command('status')
    .description('Show devices, shards, workers and redundancy of a running server')
    .option('--url <url>', 'where it serves', 'http://127.0.0.1:8080')
    .action(async ({ url }: { url: string }) => {
      const answer = await fetch(new URL('/torc/status', url)).catch((cause: unknown) => {
        throw new StoreError('unavailable', 'status', `no server answers at ${url}`, { cause });
      });
      process.stdout.write(await answer.text());
    });
}

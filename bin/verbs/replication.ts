import type { Command } from 'commander';
import { printControl } from './control.ts';
import { dataOption } from './data-folder.ts';

export function addReplication(program: Command): void {
  program
    .command('replication')
    .description('Replication of containers to other stores')
    .command('retry <account> <container>')
    .description(
      'Try again what the other store has refused (FAILED) or has not got. What was refused is also tried again without being told, for a week.',
    )
    .addOption(dataOption())
    .action(async (account: string, container: string, { data }: { data: string }) => {
      const params = new URLSearchParams({ account, container });
      await printControl(data, `/replication/retry?${params.toString()}`);
    });
}

import type { Command } from 'commander';
import { printControl } from './control.ts';
import { dataOption } from './data-folder.ts';

export function addShard(program: Command): void {
  const shard = program.command('shard').description('Shards of the metadata of a running server');
  shard
    .command('list')
    .description('All shards: where each begins, who serves it, what is under way')
    .addOption(dataOption())
    .action(async ({ data }: { data: string }) => {
      await printControl(data, '/shard/list');
    });
  shard
    .command('split <number>')
    .description(
      'Split a shard that this node serves, between two containers. Large and busy ones are split without being told.',
    )
    .option('--at <id>', 'the first container id of the new shard; by default about the middle')
    .addOption(dataOption())
    .action(async (number: string, { at, data }: { at?: string; data: string }) => {
      const params = new URLSearchParams({ shard: number, ...(at === undefined ? {} : { at }) });
      await printControl(data, `/shard/split?${params.toString()}`);
    });
  shard
    .command('merge <number>')
    .description(
      'Merge a shard that this node serves into the one before it. Small ones that this node serves both are merged without being told.',
    )
    .addOption(dataOption())
    .action(async (number: string, { data }: { data: string }) => {
      const params = new URLSearchParams({ shard: number });
      await printControl(data, `/shard/merge?${params.toString()}`);
    });
  shard
    .command('pieces <account> <container>')
    .description('Where a container lies: in one piece, or, when it is large, in several')
    .addOption(dataOption())
    .action(async (account: string, container: string, { data }: { data: string }) => {
      const params = new URLSearchParams({ account, container });
      await printControl(data, `/shard/pieces?${params.toString()}`);
    });
  shard
    .command('divide <account> <container>')
    .description(
      'Divide the largest piece of a container, which this node serves, and split its shard. What is large or busy is divided without being told.',
    )
    .addOption(dataOption())
    .action(async (account: string, container: string, { data }: { data: string }) => {
      const params = new URLSearchParams({ account, container });
      await printControl(data, `/shard/divide?${params.toString()}`);
    });
}

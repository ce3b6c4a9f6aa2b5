import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { RedundancyReport } from '../../server/work/reconciler.ts';
import { dataOption } from './data-folder.ts';
import { callControl } from './control.ts';

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

const askMillis = 300;

/** Waits for a whole count that begins now. */
export function addRedundancy(program: Command): void {
  program
    .command('redundancy')
    .description(
      'Compare every stored body with what the devices hold, now, and tell what is missing: of the shards that this server serves',
    )
    .addOption(dataOption())
    .action(async ({ data }: { data: string }) => {
      const since = systemClock.now();
      let text = '';
      while (text === '') {
        await systemClock.sleep(askMillis);
        text = await callControl(data, `/redundancy?since=${since}`);
      }
      const report = JSON.parse(text) as RedundancyReport;
      const { bodies, degradedBodies, fragmentsNeeded, fragmentsPresent } = report;
      process.stdout.write(
        `${bodies} bodies, ${degradedBodies} with fragments missing; ${fragmentsPresent} of ${fragmentsNeeded} fragments present\n`,
      );
      if (fragmentsPresent < fragmentsNeeded) process.exitCode = 1;
    });
}

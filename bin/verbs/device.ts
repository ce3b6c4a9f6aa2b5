import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { dataOption } from './data-folder.ts';
import { callControl, printControl } from './control.ts';

const lookMillis = 500;

export function addFsck(program: Command): void {
  program
    .command('fsck')
    .description(
      'Read every fragment that a running server needs, and count by that what is there; changes nothing without --rebuild',
    )
    .option(
      '--rebuild',
      'Instead: make shards that have lost every replica again, from fragments alone; shards that are whole are left as they are',
    )
    .option(
      '--give-up-replicas',
      'With --rebuild: replicas on devices that are away, and damaged ones, count as lost for good',
    )
    .addOption(dataOption())
    .action(async (options: FsckFlags) => {
      const { data, rebuild = false, giveUpReplicas = false } = options;
      if (giveUpReplicas && !rebuild) {
        throw new StoreError('invalid-argument', 'fsck', '--give-up-replicas goes with --rebuild');
      }
      const call = rebuild ? '/fsck/rebuild' : '/fsck';
      let answer = await callControl(
        data,
        `${call}?begin=yes${giveUpReplicas ? '&givesUp=yes' : ''}`,
      );
      while (answer === '') {
        await systemClock.sleep(lookMillis);
        answer = await callControl(data, call);
      }
      process.stdout.write(`${answer}\n`);
    });
}

interface FsckFlags {
  readonly data: string;
  readonly rebuild?: boolean;
  readonly giveUpReplicas?: boolean;
}

export function addDevice(program: Command): void {
  const device = program.command('device').description('Change the devices of a running server');
  device
    .command('replace <device>')
    .description(
      'Initialise the empty folder of a device that is away, and rebuild it. First stop the server, empty the folder, and start.',
    )
    .addOption(dataOption())
    .action(async (name: string, { data }: { data: string }) => {
      const call = `/device/replace?device=${encodeURIComponent(name)}`;
      await printControl(data, call);
    });
  device
    .command('audit')
    .description('Read and verify every byte of all devices now, and repair what is bad')
    .addOption(dataOption())
    .action(async ({ data }: { data: string }) => {
      await printControl(data, '/device/audit');
    });
}

import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { dataOption } from './data-folder.ts';
import { callControl } from './control.ts';

const lookMillis = 500;

export function addFsck(program: Command): void {
  program
    .command('fsck')
    .description(
      'Read every fragment that a running server needs, and count by that what is there; changes nothing',
    )
    .addOption(dataOption())
    .action(async ({ data }: { data: string }) => {
      let answer = await callControl(data, '/fsck?begin=yes');
      while (answer === '') {
        await systemClock.sleep(lookMillis);
        answer = await callControl(data, '/fsck');
      }
      process.stdout.write(`${answer}\n`);
    });
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
      process.stdout.write(`${await callControl(data, call)}\n`);
    });
  device
    .command('audit')
    .description('Read and verify every byte of all devices now, and repair what is bad')
    .addOption(dataOption())
    .action(async ({ data }: { data: string }) => {
      process.stdout.write(`${await callControl(data, '/device/audit')}\n`);
    });
}

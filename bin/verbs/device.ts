import type { Command } from 'commander';
import { StoreError } from '../../base/errors.ts';
import { NodeDisk } from '../../base/node-disk.ts';
import { type ControlAddress, controlPath } from '../../server/admin/control.ts';

async function callControl(data: string, call: string): Promise<string> {
  const bytes = await new NodeDisk(data).readAll(controlPath);
  const gone = `no server runs on ${data}`;
  if (bytes === undefined) throw new StoreError('unavailable', 'control', gone);
  const { url, token } = JSON.parse(Buffer.from(bytes).toString('utf8')) as ControlAddress;
  const headers = { Authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}${call}`, { method: 'POST', headers }).catch(
    (cause: unknown) => {
      throw new StoreError('unavailable', 'control', gone, { cause });
    },
  );
  const text = (await answer.text()).trim();
  if (!answer.ok) throw new StoreError('invalid-argument', 'control', text);
  return text;
}

export function addDevice(program: Command): void {
  const device = program.command('device').description('Change the devices of a running server');
  device
    .command('replace <device>')
    .description(
      'Initialise the empty folder of a device that is away, and rebuild it. First stop the server, empty the folder, and start.',
    )
    .option('--data <folder>', 'data folder', 'data')
    .action(async (name: string, { data }: { data: string }) => {
      const call = `/device/replace?device=${encodeURIComponent(name)}`;
      process.stdout.write(`${await callControl(data, call)}\n`);
    });
  device
    .command('audit')
    .description('Read and verify every byte of all devices now, and repair what is bad')
    .option('--data <folder>', 'data folder', 'data')
    .action(async ({ data }: { data: string }) => {
      process.stdout.write(`${await callControl(data, '/device/audit')}\n`);
    });
}

/** `torc ring add|remove|set-weight|drain|plan|status`: asked of the server that runs on a data folder. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { printControl } from './control.ts';
import { dataOption } from './data-folder.ts';

interface ChangeFlags {
  readonly data: string;
  readonly weight?: string;
  readonly node?: string;
  readonly allowLess?: true;
}

/** Parameters of a call, in order; some repeat. */
type Parameters = readonly (readonly [name: string, value: string])[];

type Call = '/ring/change' | '/ring/plan';

export function addRingChanges(ring: Command): void {
  addChanges(ring, '/ring/change');
  const plan = ring
    .command('plan')
    .description('Show what a change would move and what may be lost afterwards; changes nothing');
  addChanges(plan, '/ring/plan');
  ring
    .command('status')
    .description('Show how far changes are')
    .addOption(dataOption())
    .action(async ({ data }: { data: string }) => {
      await printControl(data, '/ring/status');
    });
}

function addChanges(parent: Command, call: Call): void {
  changeOptions(parent.command('add <folder...>'))
    .description('Empty folders of this machine become devices, and take their share')
    .option('--weight <weight>', 'their size; the first devices have 1', '1')
    .action((folders: readonly string[], flags: ChangeFlags) =>
      ask(call, flags, [
        ['type', 'add'],
        ['weight', flags.weight ?? '1'],
        ...folders.map((folder) => ['folder', resolve(folder)] as const),
      ]),
    );
  changeOptions(parent.command('set-weight <device> <weight>'))
    .description('Give a device another share; 0 drains it')
    .action((device: string, weight: string, flags: ChangeFlags) =>
      ask(call, flags, [
        ['type', 'set-weight'],
        ['device', device],
        ['weight', weight],
      ]),
    );
  for (const [type, text] of [
    ['drain', 'Move everything off devices; they stay, with weight 0'],
    ['remove', 'Move everything off devices, or rebuild it if they are away; then they leave'],
  ] as const) {
    changeOptions(parent.command(`${type} [device...]`))
      .description(text)
      .option('--node <name>', 'all devices of this node')
      .action((devices: readonly string[], flags: ChangeFlags) =>
        ask(call, flags, [
          ['type', type],
          ...devices.map((device) => ['device', device] as const),
          ...(flags.node === undefined ? [] : [['node', flags.node] as const]),
        ]),
      );
  }
}

function changeOptions(command: Command): Command {
  return command
    .addOption(dataOption())
    .option('--allow-less', 'also if less may be lost afterwards');
}

async function ask(call: Call, { data, allowLess }: ChangeFlags, what: Parameters): Promise<void> {
  const parameters = new URLSearchParams();
  for (const [name, value] of what) parameters.append(name, value);
  if (allowLess === true) parameters.set('allow-less', 'yes');
  await printControl(data, `${call}?${parameters.toString()}`);
}

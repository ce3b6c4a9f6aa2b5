/** `torc keys` and `torc kms`: of a running server, or on the files of one that is stopped. */
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import { createLogger } from '../../base/log.ts';
import { NodeDisk } from '../../base/node-disk.ts';
import { systemRandom } from '../../base/random.ts';
import { lockFolder } from '../../server/cell/level-folder.ts';
import { openKeys, type OpenKeysOptions } from '../../server/keys/open-keys.ts';
import { answerKeyCall, createKeyRing } from '../../server/keys/operator.ts';
import { dataOption } from './data-folder.ts';
import { callControl } from './control.ts';

interface Flags {
  readonly data: string;
  readonly region: string;
}

/** With the folder's lock: no server runs on it, and none can start meanwhile. */
async function onFiles(
  { data, region }: Flags,
  work: (options: OpenKeysOptions) => Promise<string>,
): Promise<string> {
  const unlock = await lockFolder(resolve(data));
  try {
    const disk = new NodeDisk(resolve(data));
    const logger = createLogger('warn');
    return await work({ disk, region, logger, clock: systemClock, random: systemRandom });
  } finally {
    await unlock();
  }
}

async function ask(flags: Flags, path: string, parameters: URLSearchParams): Promise<void> {
  const text = await callControl(flags.data, `${path}?${parameters.toString()}`).catch(
    (error: unknown) => {
      if (!isStoreError(error, 'unavailable')) throw error;
      return onFiles(flags, async (options) => {
        const keys = await openKeys(options);
        const answer = await answerKeyCall(keys, path, parameters);
        await keys.close();
        if (answer !== undefined) return answer;
        throw new StoreError('internal', 'keys', `there is no call ${path}`);
      });
    },
  );
  process.stdout.write(`${text}\n`);
}

function verb(parent: Command, name: string, description: string): Command {
  return parent
    .command(name)
    .description(description)
    .addOption(dataOption())
    .option('--region <name>', 'region of the ARNs, when no server runs', 'us-east-1');
}

export function addKeys(program: Command): void {
  const keys = program.command('keys').description("The store's own keys (SSE-S3): keys/ring.json");
  verb(keys, 'list', 'Show the keys of the ring, without their secrets').action((flags: Flags) =>
    ask(flags, '/keys/list', new URLSearchParams()),
  );
  verb(keys, 'rotate', 'New objects get a new key; older ones stay readable').action(
    (flags: Flags) => ask(flags, '/keys/rotate', new URLSearchParams()),
  );
  verb(keys, 'create', 'Make a ring where none is; what a lost one wrapped stays lost').action(
    async (flags: Flags) => {
      process.stdout.write(`${await onFiles(flags, createKeyRing)}\n`);
    },
  );
  addKms(program);
}

const each = (value: string, before: readonly string[]): readonly string[] => [...before, value];

interface CreateFlags extends Flags {
  readonly id?: string;
  readonly alias: readonly string[];
  readonly account: readonly string[];
}

function addKms(program: Command): void {
  const kms = program
    .command('kms')
    .description('Keys of the local key service (SSE-KMS): keys/kms');
  verb(kms, 'list', 'Show the keys, without their secrets').action((flags: Flags) =>
    ask(flags, '/kms/list', new URLSearchParams()),
  );
  verb(kms, 'create', 'Make a key')
    .option('--id <id>', 'its id (default: random)')
    .option('--alias <alias>', 'alias/…, several times; alias/aws/s3 is the default key', each, [])
    .option('--account <name>', 'only this account may use it, several times', each, [])
    .action(({ id, alias, account, ...flags }: CreateFlags) => {
      const parameters = new URLSearchParams(id === undefined ? [] : [['id', id]]);
      for (const one of alias) parameters.append('alias', one);
      for (const one of account) parameters.append('account', one);
      return ask(flags, '/kms/create', parameters);
    });
  for (const [name, description] of [
    ['rotate', 'What is wrapped from now on has new bytes of the key; older ones stay'],
    ['disable', 'Refuse every use of the key'],
    ['enable', 'Allow its use again'],
  ] as const) {
    verb(kms, name, description)
      .argument('<key>', 'id, alias or ARN')
      .action((key: string, flags: Flags) =>
        ask(flags, `/kms/${name}`, new URLSearchParams([['key', key]])),
      );
  }
  verb(kms, 'alias', 'Give the key one more name; another key that has it loses it')
    .argument('<key>', 'id, alias or ARN')
    .argument('<alias>', 'alias/…')
    .action((key: string, alias: string, flags: Flags) => {
      const parameters = new URLSearchParams([
        ['key', key],
        ['alias', alias],
      ]);
      return ask(flags, '/kms/alias', parameters);
    });
}

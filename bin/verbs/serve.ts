import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { StoreError } from '../../base/errors.ts';
import { loadSettings, type RawSettings, type Settings } from '../../server/config/settings.ts';
import type { RunningServer } from '../../server/main.ts';

export interface ServeFlags {
  readonly config?: string;
  readonly devices?: string;
  readonly [name: string]: string | undefined;
}

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('Serve the devices of this machine')
    .option('--data <folder>', 'data folder (default: data)')
    .option('--devices <folders>', 'device folders, separated by commas (default: six below data)')
    .option('--policy <scheme>', 'ec:K+M or replica:N (default: ec:4+2)')
    .option('--http <address>', 'HOST:PORT or off (default: 127.0.0.1:8080)')
    .option('--https <address>', 'HOST:PORT or off (default: 127.0.0.1:8443)')
    .option('--region <name>', 'region that S3 clients sign for (default: us-east-1)')
    .option(
      '--join <token>',
      'become a node of a cluster at the first start: a token of torc cluster token',
    )
    .option('--role <role>', 'of a node: all, proxy (no devices) or storage (no doors)')
    .option('--name <name>', 'of a node that joins: its name')
    .option('--address <address>', 'of a node that joins: HOST:PORT under which others reach it')
    .option(
      '--listen <address>',
      'of a node that joins: HOST:PORT to listen on (default: --address)',
    )
    .option('--zone <zone>', 'of a node that joins: what fails together (default: z1)')
    .option('--config <file>', 'JSON file with the same settings, and users')
    .option('--log-level <level>', 'debug, info, warn, error or silent (default: info)')
    .action(async (flags: ServeFlags) => {
      await serve(loadFrom(flags));
    });
}

export function loadFrom({ config, devices, ...rest }: ServeFlags): Settings {
  const { join, role, name, address, listen, zone, ...flags } = rest;
  const file = config === undefined ? {} : readConfig(config);
  const list = devices === undefined ? {} : { devices: devices.split(',') };
  const given = Object.entries({ join, role, name, address, listen, zone }).filter(
    ([, value]) => value !== undefined,
  );
  const inFile = typeof file['cluster'] === 'object' ? file['cluster'] : {};
  const cluster = { ...inFile, ...Object.fromEntries(given) };
  return loadSettings({ file, environment: process.env, flags: { ...flags, ...list, cluster } });
}

function readConfig(path: string): RawSettings {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'));
    if (typeof parsed === 'object' && parsed !== null) return { ...parsed };
  } catch (cause) {
    throw new StoreError('invalid-argument', 'config', `${path} cannot be read as JSON`, { cause });
  }
  throw new StoreError('invalid-argument', 'config', `${path} does not hold an object`);
}

async function serve(settings: Settings): Promise<void> {
  // Loaded when it is needed: `torc --help` and the other verbs answer without the whole server.
  const { startServer } = await import('../../server/main.ts');
  const server = await startServer(settings);
  announce(server, settings);
  const stop = (): void => {
    server.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        process.stderr.write(`torc: stopping failed: ${String(error)}\n`);
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
  // Started by bin/torc.mjs, which has died: nobody could stop this process by stopping that one.
  if (process.connected) process.once('disconnect', stop);
}

function announce(server: RunningServer, settings: Settings): void {
  const lines: string[] = [];
  const made = server.newCredentials;
  const url = server.httpUrl ?? server.httpsUrl ?? '';
  if (made !== undefined) {
    lines.push(
      `A first account was made; ${settings.data}/credentials.json keeps what is shown here once:`,
      `  access key ${made.accessKeyId}   secret key ${made.secretAccessKey}`,
      `  Swift user ${made.account}:${made.user}   password ${made.password}`,
      'Try:',
      `  AWS_ACCESS_KEY_ID=${made.accessKeyId} AWS_SECRET_ACCESS_KEY=${made.secretAccessKey} AWS_DEFAULT_REGION=${settings.region} aws --endpoint-url ${url} s3 mb s3://first`,
      `  swift -A ${url}/auth/v1.0 -U ${made.account}:${made.user} -K ${made.password} list`,
    );
  }
  for (const reason of server.degraded) lines.push(`Degraded: ${reason}`);
  const urls = [server.httpUrl, server.httpsUrl].filter((one) => one !== undefined);
  lines.push(`Torc is ready: ${urls.join(' and ')}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

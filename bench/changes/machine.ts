/**
 * One machine while its devices change: how fast clients read and write before and while a device more takes its
 * share, and how long it takes until everything is whole again after one is lost. One JSON line each.
 * `node bench/changes/machine.ts [--gib GIB] [--seconds SECONDS] [--folder FOLDER] [--loss-only]`: GIB of objects in all
 * (default 6: 1.5 GiB on each of six devices), SECONDS of clients before the change;
 * with --loss-only none is made before the loss, which leaves nothing but the rebuilding to be counted.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { statusOf, torc } from '../../test/process/operator.ts';
import { ServerProcess } from '../../test/process/server.ts';
import type { Target } from '../sign.ts';
import { fill, makeContainer, readAndWrite, sleep } from './clients.ts';
import { countersOf, figuresOf } from './counters.ts';

const { values } = parseArgs({
  options: {
    gib: { type: 'string', default: '6' },
    seconds: { type: 'string', default: '30' },
    'loss-only': { type: 'boolean', default: false },
    folder: { type: 'string', default: tmpdir() },
  },
});

const server = new ServerProcess(values.folder);
const devices = [1, 2, 3, 4, 5, 6].map((place) => join(server.data, 'devices', `d${place}`));

const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};

function start(): Promise<void> {
  return server.start(['--https', 'off', '--devices', devices.join(',')]);
}

function target(): Target {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return { url: new URL(server.httpUrl), region: 'us-east-1', accessKeyId, secretAccessKey };
}

const operate = (...args: readonly string[]): Promise<string> =>
  torc(...args, '--data', server.data);

/** Seconds until it holds; asked for every two seconds. */
async function until(holds: () => Promise<boolean>): Promise<number> {
  const from = performance.now();
  while (!(await holds())) await sleep(2);
  return (performance.now() - from) / 1000;
}

/** Bytes that the process has moved between homes since its start. */
async function moved(): Promise<number> {
  const text = await operate('ring', 'status');
  // Each is read once and written once.
  return Number(/(\d+) bytes read and written/.exec(text)?.[1] ?? 0) / 2;
}

async function isSettled(): Promise<boolean> {
  return /: settled$/m.test(await operate('ring', 'status'));
}

async function grow(objects: number): Promise<void> {
  let isOver = false;
  const before = await (async () => {
    const clients = readAndWrite(target(), objects, () => isOver);
    await sleep(Number(values.seconds));
    isOver = true;
    return clients;
  })();
  say({ case: 'clients, before a device is added', ...before });
  isOver = false;
  const clients = readAndWrite(target(), objects, () => isOver);
  const from = performance.now();
  const more = join(server.data, 'devices', 'd7');
  mkdirSync(more, { recursive: true });
  await operate('ring', 'add', more);
  await until(isSettled);
  const seconds = (performance.now() - from) / 1000;
  const movedMib = Math.round((await moved()) / 2 ** 20);
  isOver = true;
  const during = await clients;
  const share = (name: 'readBytesPerSecond' | 'writtenBytesPerSecond'): number =>
    Math.round((100 * during[name]) / before[name]) / 100;
  say({
    ...{ case: 'clients, while a seventh device takes its share', ...during },
    ofBefore: { read: share('readBytesPerSecond'), written: share('writtenBytesPerSecond') },
  });
  say({ case: 'the change itself', movedMib, seconds: Math.round(seconds) });
}

interface Status {
  readonly devices: readonly { readonly path: string; readonly usedBytes?: number }[];
  readonly redundancy: {
    readonly finishedAt: number;
    readonly fragmentsNeeded: number;
    readonly fragmentsPresent: number;
  } | null;
  readonly shards: { readonly total: number; readonly full: number };
}

const status = (): Promise<Status> => statusOf(server);

/** Bytes that lie in a folder. */
async function sizeOf(folder: string): Promise<number> {
  const { stdout } = await promisify(execFile)('du', ['-sb', folder]);
  return Number(stdout.split('\t')[0]);
}

async function lose(): Promise<void> {
  const [lost = ''] = devices;
  await server.end('SIGTERM');
  rmSync(lost, { recursive: true, force: true });
  mkdirSync(lost);
  await start();
  const since = Date.now();
  const [from, counters] = [performance.now(), countersOf([server.pid])];
  await operate('device', 'replace', 'd1');
  await until(async () => {
    const { redundancy, shards } = await status();
    return (
      shards.full === shards.total &&
      redundancy !== null &&
      redundancy.finishedAt > since &&
      redundancy.fragmentsPresent === redundancy.fragmentsNeeded
    );
  });
  const seconds = (performance.now() - from) / 1000;
  // What is there now, and not what was: that had holes where objects were overwritten.
  const bytes = await sizeOf(lost);
  say({
    case: 'one of the devices is lost and replaced, until everything is whole',
    ...figuresOf(bytes, seconds, [counters, countersOf([server.pid])]),
  });
}

try {
  await start();
  await makeContainer(target());
  const { objects, bytesPerSecond } = await fill(target(), Number(values.gib) * 2 ** 30);
  say({ case: 'filled', objects, mibPerSecond: Math.round(bytesPerSecond / 2 ** 20) });
  if (!values['loss-only']) await grow(objects);
  await lose();
} finally {
  await server.remove();
}

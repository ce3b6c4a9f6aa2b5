/** `torc cluster`: machines that are one store. The steps are in docs/operations.md. */
import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import { NodeDisk } from '../../base/node-disk.ts';
import { systemRandom } from '../../base/random.ts';
import type { Machine, NodeWish } from '../../server/cluster/join.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import { withMap } from './cluster-map.ts';
import { dataOption } from './data-folder.ts';
import { loadFrom } from './serve.ts';

interface NodeFlags {
  readonly data: string;
  readonly name: string;
  readonly address: string;
  readonly listen?: string;
  readonly zone: string;
  readonly role: string;
  readonly [name: string]: string | undefined;
}

function nodeOptions(command: Command): Command {
  return command
    .requiredOption('--name <name>', "the node's name: a-z, 0-9 and -")
    .requiredOption('--address <address>', 'HOST:PORT under which other nodes reach it')
    .option('--listen <address>', 'HOST:PORT to listen on for them (default: --address)')
    .option('--zone <zone>', 'what fails together: a rack, a room', 'z1')
    .option('--role <role>', 'all, proxy (no devices) or storage (no doors)', 'all')
    .addOption(dataOption());
}

export function addCluster(program: Command): void {
  const cluster = program
    .command('cluster')
    .description('Several machines as one store, over etcd');
  nodeOptions(cluster.command('init'))
    .description('Make a cluster, of which this machine is the first node')
    .requiredOption('--etcd <urls>', "etcd's client URLs, separated by commas")
    .option('--config <file>', 'JSON file with settings, as for serve')
    .action(init);
  nodeOptions(cluster.command('import'))
    .description("Make a cluster of this machine's store: its map moves to etcd, its data stay")
    .requiredOption('--etcd <urls>', "etcd's client URLs, separated by commas")
    .option('--devices <folders>', 'device folders, separated by commas (default: six below data)')
    .option('--config <file>', 'JSON file with settings, as for serve')
    .action(importStore);
  cluster
    .command('token')
    .description('Print a token by which one machine may join; on the node that made the cluster')
    .option('--days <days>', 'for how long it is good', '1')
    .addOption(dataOption())
    .action(token);
  nodeOptions(cluster.command('join <token>'))
    .description('Become a node of a cluster; its first node must be running')
    .action(join);
  cluster
    .command('renew [token]')
    .description(
      "Get this node's certificate anew, for its next start; the node that made the cluster needs no token",
    )
    .addOption(dataOption())
    .action(renew);
  cluster
    .command('form')
    .description('Build rings and shards over all devices that the nodes have registered')
    .option(
      '--policy <scheme>',
      'ec:K+M, replica:N or lrc:K+2+2 (default: ec:4+2, or what goes on without any one node)',
    )
    .option('--config <file>', 'JSON file with the policies, as for serve')
    .addOption(dataOption())
    .action(form);
  cluster
    .command('policies')
    .description(
      'Make the storage policies of the cluster those of the settings: also while it serves',
    )
    .requiredOption('--config <file>', 'JSON file with the policies, as for serve')
    .addOption(dataOption())
    .action(policies);
  cluster
    .command('remove <node>')
    .description('Take a node off the map that is stopped and has no devices any more')
    .addOption(dataOption())
    .action(remove);
  cluster
    .command('restore')
    .description(
      'Fill an etcd that has lost everything from the copy of the cluster map that this node keeps; no node may run',
    )
    .option('--show', 'only say how new the copy is')
    .addOption(dataOption())
    .action(restore);
  cluster
    .command('status')
    .description('Show nodes, devices and shards')
    .option('--json', 'the whole cluster map')
    .addOption(dataOption())
    .action(status);
}

function machineOf(data: string): Machine {
  return { disk: new NodeDisk(resolve(data)), clock: systemClock, random: systemRandom };
}

async function wishOf(flags: NodeFlags): Promise<NodeWish> {
  const { wholeWish } = await import('../../server/cluster/join.ts');
  const { nodeRoles } = await import('../../server/cluster/node-folder.ts');
  const role = nodeRoles.find((one) => one === flags.role);
  if (role === undefined) {
    throw new StoreError('invalid-argument', 'cluster', `there is no role "${flags.role}"`);
  }
  const { name, address, zone, listen } = flags;
  return wholeWish({ name, address, zone, role, ...(listen === undefined ? {} : { listen }) });
}

/** With the data folder's lock: no server runs on it meanwhile. */
async function locked<Result>(data: string, task: () => Promise<Result>): Promise<Result> {
  const { lockFolder } = await import('../../server/cell/level-folder.ts');
  await mkdir(data, { recursive: true, mode: 0o700 });
  const unlock = await lockFolder(resolve(data));
  try {
    return await task();
  } finally {
    await unlock();
  }
}

async function init(flags: NodeFlags): Promise<void> {
  const { etcd = '', data } = flags;
  const { initCluster } = await import('../../server/cluster/init.ts');
  const { makeKeys } = await import('../../server/keys/open-keys.ts');
  const { loadOrCreateCredentials, loadOrCreateSecret } = await import(
    '../../server/config/credentials.ts'
  );
  const machine = machineOf(data);
  const wish = await wishOf(flags);
  const settings = loadFrom({ data, ...configOf(flags) });
  await locked(data, async () => {
    const options = { ...machine, logger: silentLogger, region: settings.region };
    await initCluster(wish, etcd.split(','), machine, () => makeKeys(options, settings));
    // Every node has the same: they are handed to those that join.
    if (settings.users.length === 0) await loadOrCreateCredentials(machine.disk, machine.random);
    await loadOrCreateSecret(machine.disk, machine.random);
  });
  process.stdout.write(
    `The cluster is made, with node ${wish.name}. Start it (torc serve), and then the others:\n  torc cluster token --data ${data}     prints what one machine joins with\n`,
  );
}

function configOf({ config }: NodeFlags): { config?: string } {
  return config === undefined ? {} : { config };
}

async function importStore(flags: NodeFlags): Promise<void> {
  const { etcd = '', data, devices } = flags;
  const { importCluster } = await import('../../server/cluster/init.ts');
  const { LevelFolder } = await import('../../server/cell/level-folder.ts');
  const { withLaterFolders } = await import('../../server/cell/open-cluster.ts');
  const wish = await wishOf(flags);
  const list = devices === undefined ? {} : { devices };
  const settings = loadFrom({ data, ...list, ...configOf(flags) });
  const configured = settings.devices.map((path) => new LevelFolder(resolve(path)));
  const folders = await withLaterFolders(configured, (path) => new LevelFolder(path));
  await locked(data, () => importCluster(wish, etcd.split(','), machineOf(data), folders));
  process.stdout.write(
    `The store's map is in etcd, and this machine is node ${wish.name}. Start it as before (torc serve).\n`,
  );
}

async function token({ data, days }: { data: string; days: string }): Promise<void> {
  const { createToken } = await import('../../server/cluster/join.ts');
  const count = Number(days);
  if (!(count > 0 && count <= 365)) {
    throw new StoreError('invalid-argument', 'cluster.token', '--days is from above 0 to 365');
  }
  process.stdout.write(`${await createToken(machineOf(data), count)}\n`);
}

async function join(text: string, flags: NodeFlags): Promise<void> {
  const { joinCluster } = await import('../../server/cluster/join.ts');
  const { data } = flags;
  const wish = await wishOf(flags);
  const node = await locked(data, () => joinCluster(text, wish, machineOf(data)));
  process.stdout.write(`Node ${node.name} has joined. Start it: torc serve --data ${data}\n`);
}

async function renew(text: string | undefined, { data }: { data: string }): Promise<void> {
  const { renewCertificate } = await import('../../server/cluster/renew.ts');
  const ends = await renewCertificate(text, machineOf(data));
  const day = new Date(ends).toISOString().slice(0, 10);
  process.stdout.write(
    `The new certificate is good until ${day}. Start the node anew to use it.\n`,
  );
}

interface FormFlags {
  readonly data: string;
  readonly policy?: string;
  readonly config?: string;
}

const whileNodeIsAway = {
  writes: 'everything goes on',
  reads: 'what is stored can be read, and only what fits in rows (16 KiB) written',
  nothing: 'some of what is stored cannot be read',
} as const;

async function form({ data, ...flags }: FormFlags): Promise<void> {
  const { formCluster, lossOf, schemeFor } = await import('../../server/cluster/form.ts');
  const { initialPolicies } = await import('../../server/cell/policies.ts');
  const { policies: choice } = loadFrom({ data, ...flags });
  const map = await withMap(data, (coordinator) => {
    const { devices } = coordinator.current();
    const isOpen = choice.type === 'standard' && choice.scheme === undefined;
    const made = isOpen ? { ...choice, scheme: schemeFor(devices) } : choice;
    return formCluster(coordinator, initialPolicies(made, devices.length));
  });
  const nodes = new Set(map.devices.map(({ node }) => node)).size;
  const lines = map.policies.map((policy) => {
    const mark = policy.name === map.defaultPolicy ? ' (default)' : '';
    return `  ${policy.name}${mark}: while a node is away, ${whileNodeIsAway[lossOf(policy)]}`;
  });
  process.stdout.write(
    `${map.devices.length} devices on ${nodes} nodes, ${map.shards.length} shards. Storage policies:\n${lines.join('\n')}\nThe cluster serves.\n`,
  );
}

async function policies({ data, config }: { data: string; config: string }): Promise<void> {
  const { applyPolicies } = await import('../../server/cell/policies.ts');
  const settings = loadFrom({ data, config });
  const map = await withMap(data, async (coordinator) => {
    await applyPolicies(coordinator, settings.policies, 'serving');
    return coordinator.current();
  });
  const lines = map.policies.map(({ name, scheme, isDeprecated }) => {
    const marks = [
      name === map.defaultPolicy ? ', default' : '',
      isDeprecated === true ? ', deprecated' : '',
    ];
    return `${name} (${scheme}${marks.join('')})\n`;
  });
  process.stdout.write(lines.join(''));
}

async function remove(name: string, { data }: { data: string }): Promise<void> {
  const { removeNode } = await import('../../server/cluster/leave.ts');
  await withMap(data, (coordinator) => coordinator.change((map) => [removeNode(map, name)]));
  process.stdout.write(`Node ${name} is no part of the cluster any more.\n`);
}

async function restore({ data, show }: { data: string; show?: boolean }): Promise<void> {
  const { loadNodeFolder } = await import('../../server/cluster/node-folder.ts');
  const { readMapCopy, restoreMap } = await import('../../server/cluster/map-copy.ts');
  const { engineFor } = await import('../../server/cluster/init.ts');
  const disk = new NodeDisk(resolve(data));
  const own = await loadNodeFolder(disk);
  if (own === undefined) {
    throw new StoreError('invalid-argument', 'cluster', `${data} is not the folder of a node`);
  }
  const kept = await readMapCopy(disk);
  const { nodes = [], devices, shards } = kept.map;
  const written = `of ${new Date(kept.writtenAt).toISOString()}: ${nodes.length} nodes, ${devices.length} devices, ${shards.length} shards`;
  if (show === true) {
    process.stdout.write(`This node's copy of the cluster map is ${written}.\n`);
    return;
  }
  await locked(data, async () => {
    const engine = engineFor(own.node, own.identity, () => systemClock.now());
    try {
      await restoreMap(engine, kept);
    } finally {
      await engine.close();
    }
  });
  process.stdout.write(`etcd holds the cluster map again, ${written}. Start all nodes.\n`);
}

async function status({ data, json }: { data: string; json?: boolean }): Promise<void> {
  const map = await withMap(data, async (coordinator) => coordinator.current());
  process.stdout.write(json === true ? `${JSON.stringify(map, null, 2)}\n` : describe(map));
}

function describe(map: ClusterMap): string {
  const { nodes = [], sessions = [], devices, shards } = map;
  const serving = new Set(sessions.flatMap((session) => session.devices));
  const living = new Set(sessions.map((session) => session.id));
  const lines = nodes.map((node) => {
    const session = sessions.find((one) => one.node === node.name);
    const own = devices.filter((device) => device.node === node.name);
    const up = own.filter((device) => serving.has(device.id)).length;
    const state = session === undefined ? 'away' : 'up';
    return `${node.name.padEnd(16)} ${state.padEnd(5)} ${node.zone.padEnd(8)} ${node.address.padEnd(24)} ${up}/${own.length} devices`;
  });
  const served = shards.filter(({ session }) => session !== undefined && living.has(session));
  const full = shards.filter(({ inSync, replicas }) => inSync.length === replicas.length);
  lines.push(
    map.defaultPolicy === ''
      ? 'The cluster is not formed yet: torc cluster form, when all devices are there.'
      : `${shards.length} shards: ${served.length} served, ${full.length} with every replica in sync`,
  );
  return `${lines.join('\n')}\n`;
}

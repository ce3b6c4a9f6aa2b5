import { join } from 'node:path';
import type { Command } from 'commander';
import { StoreError } from '../../base/errors.ts';
import { NodeDisk } from '../../base/node-disk.ts';
import type { DeviceId } from '../../base/units.ts';
import { decodeRing } from '../../ring/ring-file.ts';
import type { Ring } from '../../ring/ring.ts';
import { accountNameOf } from '../../server/core/users.ts';
import { readMap } from '../../server/coordinator/map-file.ts';
import type { ClusterMap, DeviceState } from '../../storage/shard/coordinator.ts';
import { addRingChanges } from './change-ring.ts';
import { isNodeData, withMap } from './cluster-map.ts';
import { dataOption } from './data-folder.ts';
import { renderLocation, renderRing } from './ring.ts';

interface LoadedRing {
  readonly ring: Ring;
  readonly names: ReadonlyMap<DeviceId, string>;
}

interface RingFlags {
  readonly data: string;
  readonly devices?: string;
  readonly objectId?: string;
  readonly policy?: string;
}

/** Of a cluster from etcd, of a single machine the newest readable copy on its devices. */
async function loadMap({ data, devices }: RingFlags): Promise<ClusterMap> {
  if (devices === undefined && (await isNodeData(data))) {
    return withMap(data, async (coordinator) => coordinator.current());
  }
  const folders =
    devices?.split(',') ?? [1, 2, 3, 4, 5, 6].map((n) => join(data, 'devices', `d${n}`));
  const copies = await Promise.all(folders.map((folder) => readMap(new NodeDisk(folder))));
  const [newest] = copies
    .filter((copy) => copy !== undefined)
    .toSorted((a, b) => b.map.version - a.map.version);
  if (newest !== undefined) return newest.map;
  const sentence = `no device folder below ${data} holds a cluster map`;
  throw new StoreError('unavailable', 'ring', sentence);
}

/** The ring of the policy that was named, or of the default one. */
async function loadRing({ policy: wanted, ...flags }: RingFlags): Promise<LoadedRing> {
  const map = await loadMap(flags);
  if (map.policies.length === 0) {
    throw new StoreError('unavailable', 'ring', 'the cluster is not formed yet: torc cluster form');
  }
  const policy = map.policies.find(({ name, aliases = [] }) =>
    [name, ...aliases].includes(wanted ?? map.defaultPolicy),
  );
  if (policy === undefined) {
    const names = map.policies.map(({ name }) => name).join(', ');
    const sentence = `there is no policy ${wanted ?? map.defaultPolicy}; there are ${names}`;
    throw new StoreError('invalid-argument', 'ring', sentence);
  }
  const ring = decodeRing(Buffer.from(policy.ring, 'base64'));
  // Of a cluster's devices a path alone says nothing: other nodes have the same.
  const nameOf = ({ node, path }: DeviceState): string =>
    map.nodes === undefined ? path : `${node}:${path}`;
  return { ring, names: new Map(map.devices.map((device) => [device.id, nameOf(device)])) };
}

function print(lines: readonly string[]): void {
  process.stdout.write(`${lines.join('\n')}\n`);
}

export function addRing(program: Command): void {
  const ring = program.command('ring').description('Show and change where rings place fragments');
  addRingChanges(ring);
  ring
    .command('show')
    .description('Devices, weights, and how many fragments each is home to')
    .option('--policy <name>', 'of this policy (default: the default one)')
    .addOption(dataOption())
    .option('--devices <folders>', 'device folders, separated by commas')
    .action(async (flags: RingFlags) => {
      const loaded = await loadRing(flags);
      print(renderRing(loaded.ring, loaded.names));
    });
  ring
    .command('locate <account> <container> <key>')
    .description('The homes of one stored body')
    .option('--policy <name>', 'the policy that it is stored under (default: the default one)')
    .addOption(dataOption())
    .option('--devices <folders>', 'device folders, separated by commas')
    .option('--object-id <hex>', 'the id of the stored body: each version has its own place')
    .action(async (account: string, container: string, key: string, flags: RingFlags) => {
      const { ring: found, names } = await loadRing(flags);
      const { objectId } = flags;
      const place = { account: accountNameOf(account), container, key };
      print(renderLocation(found, objectId === undefined ? place : { ...place, objectId }, names));
    });
}

/** The first node of a cluster: made anew, or of a single machine whose store goes on. */
import { toHex } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import type { NetIdentity } from '../../base/tls-net.ts';
import type { ClusterMap, NodeState } from '../../storage/shard/coordinator.ts';
import type { DeviceFolder } from '../cell/open-device.ts';
import { EmbeddedCoordinator } from '../coordinator/embedded.ts';
import { EtcdEngine } from '../coordinator/etcd-engine.ts';
import type { MapEngine } from '../coordinator/map-engine.ts';
import { clusterKey, shardKey } from '../coordinator/map-keys.ts';
import { writeNewMap } from '../coordinator/new-map.ts';
import { createAuthority, createKeyPair, signCertificate } from './authority.ts';
import { checkFresh, type Machine, type NodeWish } from './join.ts';
import { checkNodeFile, loadNodeFolder, type NodeFile, writeNodeFolder } from './node-folder.ts';

/** Where a cluster's map lies in etcd. */
export function prefixOf(clusterId: string): string {
  return `torc/${clusterId}/`;
}

export function engineFor(node: NodeFile, tls: NetIdentity, now: () => number): MapEngine {
  return new EtcdEngine({ endpoints: node.etcd, prefix: prefixOf(node.clusterId), tls, now });
}

interface FirstNode {
  readonly node: NodeFile;
  readonly identity: NetIdentity;
  readonly authorityKey: string;
}

async function makeFirstNode(
  clusterId: string,
  etcd: readonly string[],
  wish: NodeWish,
  { clock, random }: Machine,
): Promise<FirstNode> {
  const node = checkNodeFile({ format: 1, clusterId, ...wish, etcd });
  const making = { random, now: clock.now() };
  const authority = await createAuthority(clusterId, making);
  const keys = await createKeyPair();
  const subject = { name: wish.name, publicKey: keys.publicKey };
  const certificate = await signCertificate(authority, subject, making);
  const identity = { authority: authority.certificate, certificate, key: keys.privateKey };
  return { node, identity, authorityKey: authority.privateKey };
}

function lineOf({ name, address, region, zone }: NodeWish): NodeState {
  return { name, address, region, zone };
}

/** `makeKeys` makes the store's own keys and returns the id of their ring. Throws a sentence for the operator. */
export async function initCluster(
  wish: NodeWish,
  etcd: readonly string[],
  machine: Machine,
  makeKeys: () => Promise<string>,
): Promise<NodeFile> {
  const { disk, clock, random } = machine;
  await checkFresh(disk);
  const clusterId = toHex(random.bytes(16));
  const first = await makeFirstNode(clusterId, etcd, wish, machine);
  const keyRing = await makeKeys();
  const engine = engineFor(first.node, first.identity, () => clock.now());
  try {
    await writeNewMap(engine, {
      ...{ format: 1, clusterId, version: 1, nodes: [lineOf(wish)], devices: [], policies: [] },
      ...{ defaultPolicy: '', keyRing, shards: [] },
    });
  } finally {
    await engine.close();
  }
  await writeNodeFolder(disk, first);
  return first.node;
}

/**
 * Moves a single machine's map to etcd; its data stays where it is. The map on the devices is marked first, so
 * that it cannot change any more; after that everything may be done again until it is through.
 */
export async function importCluster(
  wish: NodeWish,
  etcd: readonly string[],
  machine: Machine,
  folders: readonly DeviceFolder[],
): Promise<NodeFile> {
  const { disk, clock } = machine;
  if ((await loadNodeFolder(disk)) !== undefined) {
    throw new StoreError('conflict', 'cluster.import', 'this data folder is a node already');
  }
  const disks = folders.map((folder) => folder.disk);
  const known = await EmbeddedCoordinator.open(disks, 'open');
  if (known === undefined) {
    const sentence = 'there is no store on these devices: torc cluster init makes a cluster';
    throw new StoreError('invalid-argument', 'cluster.import', sentence);
  }
  try {
    const { clusterId } = known.current();
    const first = await makeFirstNode(clusterId, etcd, wish, machine);
    await known.retire(etcd.join(','));
    const engine = engineFor(first.node, first.identity, () => clock.now());
    try {
      await putMap(engine, movedMap(known.current(), wish));
    } finally {
      await engine.close();
    }
    await writeNodeFolder(disk, first);
    return first.node;
  } finally {
    await known.close();
  }
}

function movedMap({ movedTo: _movedTo, ...map }: ClusterMap, wish: NodeWish): ClusterMap {
  const { name, region, zone } = wish;
  const devices = map.devices.map((device) => ({ ...device, node: name, region, zone }));
  return { ...map, nodes: [lineOf(wish)], devices };
}

/** A map of this very cluster that an earlier attempt put there, and that nothing has served yet, is written over. */
async function putMap(engine: MapEngine, map: ClusterMap): Promise<void> {
  const { entries } = await engine.read();
  const there = new Map(entries.map(({ key, value }) => [key, value]));
  const hasMoved = map.shards.some((shard) => {
    const text = there.get(shardKey(shard.id));
    return text !== undefined && text !== JSON.stringify(shard);
  });
  if (hasMoved || entries.some(({ key }) => key.startsWith('sessions/'))) {
    const sentence = 'the cluster on this etcd has served this store already';
    throw new StoreError('conflict', 'cluster.import', sentence);
  }
  const left = entries.filter(({ key }) => key === clusterKey);
  if (left.length > 0) {
    await engine.commit(
      left.map(({ key, revision }) => ({ key, revision })),
      left.map(({ key }) => ({ key, value: undefined })),
    );
  }
  await writeNewMap(engine, map);
}

/** Makes a cluster of the devices that its nodes have registered: rings, shards, and from then on it serves. */
import { StoreError } from '../../base/errors.ts';
import { type DeviceId, deviceId, epoch, shardId } from '../../base/units.ts';
import { nodeLoss, type NodeLoss } from '../../ring/tolerance.ts';
import { minDevices, parseScheme } from '../../ring/policy.ts';
import { decodeRing } from '../../ring/ring-file.ts';
import { createPolicy, type PolicySpec, replicasFor, standardPolicy } from '../cell/policies.ts';
import type { MapCoordinator, MapEdit } from '../coordinator/map-coordinator.ts';
import {
  clusterKey,
  clusterLine,
  deviceKey,
  policyKey,
  shardKey,
} from '../coordinator/map-keys.ts';
import type { ClusterMap, DeviceState, PolicyState } from '../../storage/shard/coordinator.ts';
import { chooseReplacement } from '../../storage/shard/placement/replacement.ts';
import type { ShardState } from '../../storage/shard/shard.ts';

/** Shards a device is primary of at first: few, so that their commits share batches; enough to spread over devices. */
const shardsPerDevice = 2;
/** etcd takes 128 writes at once by default. */
const editsAtOnce = 32;

/** Devices of one node after those of another, so that neighbours in the order are on different nodes. */
function interleaved(devices: readonly DeviceState[]): readonly DeviceState[] {
  const turns = new Map<string, number>();
  return devices
    .map((device) => {
      const turn = turns.get(device.node) ?? 0;
      turns.set(device.node, turn + 1);
      return { device, turn };
    })
    .toSorted((a, b) => a.turn - b.turn || a.device.id - b.device.id)
    .map(({ device }) => device);
}

/** From the one that costs the least room; all of them keep what they hold when any two devices are lost. */
const schemesOfClusters = ['ec:4+2', 'ec:2+2', 'replica:3'] as const;

/**
 * The scheme of a cluster whose operator names none: the first by which bodies can be written while any one node is
 * away. Undefined where there is none, as on fewer than three nodes.
 */
export function schemeFor(devices: readonly DeviceState[]): string | undefined {
  return schemesOfClusters.find(
    (scheme) =>
      devices.length >= minDevices(parseScheme(scheme)) &&
      lossOf(createPolicy(standardPolicy(scheme, true), weighted(devices))) === 'writes',
  );
}

/** What a policy allows while one node is away. */
export function lossOf({ ring, scheme }: PolicyState): NodeLoss {
  return nodeLoss(decodeRing(Buffer.from(ring, 'base64')), parseScheme(scheme));
}

function weighted(devices: readonly DeviceState[]): readonly DeviceState[] {
  return devices.map((device) => ({ ...device, weight: 1, status: 'up' }));
}

/** Ranges of equal size over the 128-bit space of ids; replicas in different zones and on different nodes where that can be. */
export function firstShards(map: ClusterMap, replicas: number): readonly ShardState[] {
  const order = interleaved(map.devices.filter((device) => device.weight > 0));
  const count = order.length * shardsPerDevice;
  const shards: ShardState[] = [];
  for (let place = 0; place < count; place++) {
    const start = ((BigInt(place) << 128n) / BigInt(count)).toString(16).padStart(32, '0');
    const first = order[place % order.length]?.id ?? deviceId(0);
    const homes: DeviceId[] = [first];
    while (homes.length < replicas) {
      const shard = shardOf(place, start, homes);
      const next = chooseReplacement({ ...map, shards }, shard, deviceId(0), () => true);
      if (next === undefined) break;
      homes.push(next);
    }
    shards.push(shardOf(place, start, homes));
  }
  return shards;
}

function shardOf(place: number, start: string, homes: readonly DeviceId[]): ShardState {
  const primary = homes[0] ?? deviceId(0);
  const replicas = [...homes];
  return { id: shardId(place + 1), start, epoch: epoch(1), replicas, primary, inSync: replicas };
}

/**
 * Forms the cluster. What a run that died has left is written over; the last write makes it count.
 * Throws `conflict` for one that is formed already, `invalid-argument` when the devices do not carry the policies.
 */
export async function formCluster(
  coordinator: MapCoordinator,
  policies: readonly PolicySpec[],
): Promise<ClusterMap> {
  const before = coordinator.current();
  const standard = policies.find((policy) => policy.isDefault);
  if (standard === undefined) throw refusal('invalid-argument', 'no policy is the default one');
  if (before.defaultPolicy !== '') throw refusal('conflict', 'the cluster is formed already');
  const devices = weighted(before.devices);
  const lines = policies.map((policy) => createPolicy(policy, devices));
  const shards = firstShards({ ...before, devices, shards: [] }, replicasFor(policies));
  const kept = new Set(shards.map((line) => shardKey(line.id)));
  const leftovers = coordinator.keys('shards/').filter((key) => !kept.has(key));
  const edits: MapEdit[] = [
    ...leftovers.map((key) => ({ key, line: undefined })),
    ...devices.map((line) => ({ key: deviceKey(line.id), line })),
    ...lines.map((line) => ({ key: policyKey(line.name), line })),
    ...shards.map((line) => ({ key: shardKey(line.id), line })),
  ];
  for (let from = 0; from < edits.length; from += editsAtOnce) {
    await coordinator.change((map) => {
      checkUnformed(map);
      return edits.slice(from, from + editsAtOnce);
    });
  }
  return coordinator.change((map) => {
    checkUnformed(map);
    return [{ key: clusterKey, line: clusterLine({ ...map, defaultPolicy: standard.name }) }];
  });
}

function checkUnformed(map: ClusterMap): void {
  if (map.defaultPolicy !== '') throw refusal('conflict', 'the cluster has been formed meanwhile');
}

function refusal(kind: 'conflict' | 'invalid-argument', message: string): StoreError {
  return new StoreError(kind, 'cluster.form', message);
}

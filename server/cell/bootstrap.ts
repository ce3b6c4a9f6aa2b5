/** The first cluster map of a new machine: its devices, one ring a policy, and the shards. */
import { toHex } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type DeviceId, deviceId, epoch, shardId } from '../../base/units.ts';
import type { ClusterMap, DeviceState } from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import { createPolicy, type PolicySpec, replicasFor } from './policies.ts';

/** Shards a device is primary of at first: few, so that their commits share batches; enough to spread over devices. */
const SHARDS_PER_DEVICE = 2;

export interface BootstrapOptions {
  readonly random: Random;
  /** Device folders, in order. */
  readonly devicePaths: readonly string[];
  /** One of them is the default. */
  readonly policies: readonly PolicySpec[];
  readonly keyRing?: string;
}

export function createClusterMap(options: BootstrapOptions): ClusterMap {
  const { random, devicePaths } = options;
  const devices = devicePaths.map(
    (path, place): DeviceState => ({
      id: deviceId(place + 1),
      uuid: toHex(random.bytes(16)),
      region: 'r1',
      zone: 'z1',
      node: 'n1',
      path,
      weight: 1,
      status: 'up',
    }),
  );
  const standard = options.policies.find((policy) => policy.isDefault);
  if (standard === undefined) {
    throw new StoreError('invalid-argument', 'cluster.bootstrap', 'no policy is the default one');
  }
  return {
    format: 1,
    clusterId: toHex(random.bytes(16)),
    version: 1,
    devices,
    policies: options.policies.map((policy) => createPolicy(policy, devices)),
    defaultPolicy: standard.name,
    ...(options.keyRing === undefined ? {} : { keyRing: options.keyRing }),
    shards: createShards(
      devices.map((device) => device.id),
      replicasFor(options.policies),
    ),
  };
}

/** Ranges of equal size over the 128-bit space of ids; replicas on devices in turn. */
function createShards(devices: readonly DeviceId[], replicas: number): ShardState[] {
  const count = devices.length * SHARDS_PER_DEVICE;
  // A scheme is wider than the losses that it tolerates: there are as many devices as replicas.
  const width = Math.min(replicas, devices.length);
  return Array.from({ length: count }, (_, place) => {
    const start = (BigInt(place) << 128n) / BigInt(count);
    const homes = Array.from({ length: width }, (__, step) => {
      const home =
        devices[(place + step * (1 + Math.floor(place / devices.length))) % devices.length];
      return home ?? deviceId(0);
    });
    const distinct = [...new Set(homes)];
    for (const device of devices) {
      if (distinct.length < width && !distinct.includes(device)) distinct.push(device);
    }
    const primary = distinct[0] ?? deviceId(0);
    return {
      id: shardId(place + 1),
      start: start.toString(16).padStart(32, '0'),
      epoch: epoch(1),
      replicas: distinct,
      primary,
      inSync: distinct,
    };
  });
}

/** The first cluster map of a new machine: its devices, one ring a policy, and the shards. */
import { toHex } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type DeviceId, deviceId, epoch, shardId } from '../../base/units.ts';
import { buildRing } from '../../ring/builder.ts';
import { partitionPowerFor } from '../../ring/homes.ts';
import { minDevices, parseScheme, shardReplicas } from '../../ring/policy.ts';
import { encodeRing } from '../../ring/ring-file.ts';
import type { ClusterMap, DeviceState, PolicyState } from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';

/** Shards a device is primary of at first: few, so that their commits share batches; enough to spread over devices. */
const SHARDS_PER_DEVICE = 2;

export interface BootstrapOptions {
  readonly random: Random;
  /** Device folders, in order. */
  readonly devicePaths: readonly string[];
  readonly policy: string;
  readonly policies: Readonly<Record<string, string>>;
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
  const schemes = { [options.policy]: options.policy, ...options.policies };
  const policies = Object.entries(schemes).map(([name, scheme]) =>
    createPolicy(name, scheme, devices),
  );
  const { m } = parseScheme(options.policy);
  return {
    format: 1,
    clusterId: toHex(random.bytes(16)),
    version: 1,
    devices,
    policies,
    defaultPolicy: options.policy,
    shards: createShards(
      devices.map((device) => device.id),
      shardReplicas(parseScheme(options.policy)),
      m,
    ),
  };
}

function createPolicy(name: string, text: string, devices: readonly DeviceState[]): PolicyState {
  const scheme = parseScheme(text);
  const needed = minDevices(scheme);
  if (devices.length < needed) {
    throw new StoreError(
      'invalid-argument',
      'cluster.bootstrap',
      `policy ${text} needs ${needed} devices, there are ${devices.length}`,
    );
  }
  const ring = buildRing({
    devices,
    width: scheme.k + scheme.m,
    partitionPower: partitionPowerFor(devices.length),
  });
  return { name, scheme: text, ring: Buffer.from(encodeRing(ring)).toString('base64') };
}

/** Ranges of equal size over the 128-bit space of ids; replicas on devices in turn. */
function createShards(devices: readonly DeviceId[], replicas: number, m: number): ShardState[] {
  const count = devices.length * SHARDS_PER_DEVICE;
  const width = Math.min(replicas, devices.length);
  if (m > 0 && width < 2) {
    throw new StoreError(
      'invalid-argument',
      'cluster.bootstrap',
      'a policy that survives losses needs at least two devices for its metadata',
    );
  }
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

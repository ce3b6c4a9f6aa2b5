/**
 * The storage policies of a cluster: those that the configuration names are in the cluster map, each
 * with a ring over the devices (decision 0019). What is in the map stays, named or not: stored
 * bodies refer to it.
 */
import { StoreError } from '../../base/errors.ts';
import { type DeviceId, deviceId, epoch } from '../../base/units.ts';
import { buildRing } from '../../ring/builder.ts';
import { partitionPowerFor } from '../../ring/homes.ts';
import { minDevices, parseScheme, shardReplicas } from '../../ring/policy.ts';
import { encodeRing } from '../../ring/ring-file.ts';
import type {
  ClusterMap,
  Coordinator,
  DeviceState,
  PolicyState,
} from '../../storage/shard/coordinator.ts';
import { chooseReplacement } from '../../storage/shard/placement/replacement.ts';
import { lineWith } from '../rings/policy-line.ts';

/** A policy as the configuration wants it. */
export interface PolicySpec {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly scheme: string;
  readonly isDeprecated: boolean;
  /** One of the specs is it. */
  readonly isDefault: boolean;
}

/** What the configuration says of policies: all of them, or at most the scheme of the default one. */
export type PolicyChoice =
  | { readonly type: 'listed'; readonly policies: readonly PolicySpec[] }
  | { readonly type: 'standard'; readonly scheme: string | undefined };

const standardScheme = 'ec:4+2';
/** Offered beside the default one where the devices and the shards' replicas carry it. */
const secondScheme = 'replica:3';

/** The policies of a new store. A policy that nobody named bears its scheme's text as name. */
export function initialPolicies(choice: PolicyChoice, deviceCount: number): readonly PolicySpec[] {
  if (choice.type === 'listed') return choice.policies;
  const scheme = choice.scheme ?? standardScheme;
  const first = standardPolicy(scheme, true);
  const second = parseScheme(secondScheme);
  const isCarried =
    scheme !== secondScheme &&
    deviceCount >= minDevices(second) &&
    shardReplicas(second) <= shardReplicas(parseScheme(scheme));
  return isCarried ? [first, standardPolicy(secondScheme, false)] : [first];
}

/** A policy that nobody named. */
export function standardPolicy(scheme: string, isDefault: boolean): PolicySpec {
  // The alias is one that a header's name can hold: Swift names policies in some.
  const aliases = [scheme.replaceAll(/[:+]/g, '-')];
  return { name: scheme, aliases, scheme, isDeprecated: false, isDefault };
}

/** Of a policy, which is one line of the cluster map: etcd takes requests of 1.5 MiB. */
const lineBytesMax = 1_450_000;
/** While rings change a line holds the ring, two former ones and the goal (server/rings/steward.ts). */
const ringsInLine = 4;
const base64 = 4 / 3;

/** The most partitions, as a power of two, with which a policy's line fits into the map, also while its ring changes. */
function powerInMap(width: number, devices: readonly DeviceState[]): number {
  const names = devices.map(({ region, zone, node }) => region.length + zone.length + node.length);
  const deviceBytes = names.reduce((sum, length) => sum + 18 + length, 0);
  const left = lineBytesMax - ringsInLine * deviceBytes * base64;
  const partitionBytes = ringsInLine * width * Uint16Array.BYTES_PER_ELEMENT * base64;
  return Math.floor(Math.log2(Math.max(1, left / partitionBytes)));
}

/** A policy with a new ring. Throws `invalid-argument` when the scheme needs more devices. */
export function createPolicy(spec: PolicySpec, devices: readonly DeviceState[]): PolicyState {
  const scheme = parseScheme(spec.scheme);
  const needed = minDevices(scheme);
  const weighted = devices.filter((device) => device.weight > 0).length;
  if (weighted < needed) {
    throw refusal(`policy ${spec.scheme} needs ${needed} devices, there are ${weighted}`);
  }
  const ring = buildRing({
    devices,
    width: needed,
    partitionPower: Math.min(partitionPowerFor(devices.length), powerInMap(needed, devices)),
  });
  return lineWith(spec, { ring: Buffer.from(encodeRing(ring)).toString('base64') });
}

/** Replicas of each shard: the metadata survives what the hardiest policy's data survives. */
export function replicasFor(policies: readonly { readonly scheme: string }[]): number {
  return Math.max(...policies.map(({ scheme }) => shardReplicas(parseScheme(scheme))));
}

/**
 * Makes the map of a cluster hold what the configuration wants: new policies are added, names and
 * deprecation follow it, shards get as many replicas as the hardiest policy asks for. A scheme
 * never changes. Safe to repeat. `serving`: shards are open somewhere, so none gets more replicas, and a policy that would need them
 * is refused. Throws `invalid-argument`.
 */
export async function applyPolicies(
  coordinator: Coordinator,
  choice: PolicyChoice,
  cluster: 'stopped' | 'serving' = 'stopped',
): Promise<void> {
  if (choice.type === 'standard') {
    checkDefault(coordinator.current(), choice.scheme);
    return;
  }
  const specs = choice.policies;
  if (cluster === 'serving') checkReplicas(coordinator.current(), specs);
  for (const spec of specs) await applyPolicy(coordinator, spec);
  const wanted = specs.find((spec) => spec.isDefault);
  if (wanted !== undefined && wanted.name !== coordinator.current().defaultPolicy) {
    await coordinator.setDefaultPolicy(wanted.name);
  }
  const replicas = replicasFor(coordinator.current().policies);
  for (const shard of coordinator.current().shards) {
    const grown = grownReplicas(coordinator.current(), shard.id, replicas);
    if (grown.length === shard.replicas.length) continue;
    // The new ones are not in sync: shard repair copies the rows to them.
    const next = { ...shard, epoch: epoch(shard.epoch + 1), replicas: grown };
    await coordinator.updateShard(shard.id, next);
  }
}

/** Shards that others serve keep the replicas that they have. */
function checkReplicas({ shards }: ClusterMap, specs: readonly PolicySpec[]): void {
  const least = Math.min(...shards.map((shard) => shard.replicas.length));
  const strange = specs.find((spec) => replicasFor([spec]) > least);
  if (strange === undefined) return;
  throw refusal(
    `policy ${strange.name} promises to survive more losses than the metadata of this cluster, which is kept ${least} times`,
  );
}

function checkDefault(map: ClusterMap, scheme: string | undefined): void {
  const standard = map.policies.find((policy) => policy.name === map.defaultPolicy);
  if (scheme === undefined || standard?.scheme === scheme) return;
  throw refusal(
    `this store was made with policy ${standard?.scheme ?? map.defaultPolicy}; --policy ${scheme} does not fit it`,
  );
}

async function applyPolicy(coordinator: Coordinator, spec: PolicySpec): Promise<void> {
  const { devices, policies, shards } = coordinator.current();
  const found = policies.find((policy) => policy.name === spec.name);
  if (found === undefined) {
    const isSingle = shards.some((shard) => shard.replicas.length === 1);
    if (isSingle && replicasFor([spec]) > 1) {
      throw refusal(
        `this store keeps its metadata once (it was made with a policy that survives no loss): policy ${spec.name} would promise more`,
      );
    }
    await coordinator.updatePolicy(undefined, createPolicy(spec, devices));
    return;
  }
  if (found.scheme !== spec.scheme) {
    throw refusal(
      `policy ${spec.name} was made as ${found.scheme} and cannot become ${spec.scheme}: give the new one another name`,
    );
  }
  const next = lineWith(spec, found);
  if (JSON.stringify(next) !== JSON.stringify(found)) await coordinator.updatePolicy(found, next);
}

function grownReplicas(map: ClusterMap, id: number, wanted: number): readonly DeviceId[] {
  const shard = map.shards.find((one) => one.id === id);
  let replicas = shard?.replicas ?? [];
  while (shard !== undefined && replicas.length < wanted) {
    // Nobody is gone: the device is one that the shard is not on yet.
    const added = chooseReplacement(map, { ...shard, replicas }, deviceId(0), () => true);
    if (added === undefined) break;
    replicas = [...replicas, added];
  }
  return replicas;
}

function refusal(message: string): StoreError {
  return new StoreError('invalid-argument', 'cluster.policies', message);
}

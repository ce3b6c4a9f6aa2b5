/** What a change of devices would move, what may be lost during it and after it, and why it is refused. Pure. */
import { StoreError } from '../../base/errors.ts';
import { type DeviceId, deviceId, partition } from '../../base/units.ts';
import { rebalance } from '../../ring/builder.ts';
import { homes } from '../../ring/homes.ts';
import { minDevices, type Scheme, shardReplicas, tolerance } from '../../ring/policy.ts';
import type { Ring, RingDevice } from '../../ring/ring.ts';
import { movesBetween } from '../../ring/steps.ts';
import { lostTolerances, ringTolerances, type Tolerances } from '../../ring/tolerance.ts';
import { maxWeight, minWeight } from '../../ring/topology.ts';
import type { ClusterMap, DeviceState } from '../../storage/shard/coordinator.ts';
import { desiredDevices } from './desired.ts';

export type DeviceChange =
  /** A folder becomes a device, or one that was registered already is put to use. */
  | {
      readonly type: 'add';
      readonly at: Pick<DeviceState, 'region' | 'zone' | 'node' | 'path'>;
      readonly weight: number;
    }
  /** 0: it is drained, and stays a device. */
  | { readonly type: 'weight'; readonly device: DeviceId; readonly weight: number }
  /** It is drained, or rebuilt elsewhere if it is away, and leaves the map. */
  | { readonly type: 'remove'; readonly device: DeviceId };

/** One device's part of a policy's change: fragments of partitions. */
export interface DevicePlan {
  readonly device: DeviceId;
  readonly path: string;
  readonly weight: number;
  readonly before: number;
  readonly after: number;
  readonly arriving: number;
  readonly leaving: number;
}

export interface PolicyPlan {
  readonly policy: string;
  readonly scheme: string;
  /** Of `fragments` in all partitions together. */
  readonly moves: number;
  readonly fragments: number;
  readonly devices: readonly DevicePlan[];
  /** How many may be lost, whichever they are. On the way it is never less than the lesser of the two. */
  readonly before: Tolerances;
  readonly after: Tolerances;
}

export interface ChangePlan {
  readonly policies: readonly PolicyPlan[];
  /** Why it must not be done; empty: it may. */
  readonly refusals: readonly string[];
}

export interface PlanOptions {
  /** Whether a device serves now. */
  readonly serves: (device: DeviceId) => boolean;
  /** The operator knows that less may be lost afterwards. */
  readonly allowsLess: boolean;
}

/** The rings of policies as the map has them, decoded. */
export interface PlannedRing {
  readonly name: string;
  readonly scheme: Scheme;
  readonly ring: Ring;
}

/** Throws `invalid-argument` for a change of what is not there, or to what no ring can hold. */
export function planChange(
  map: ClusterMap,
  rings: readonly PlannedRing[],
  changes: readonly DeviceChange[],
  options: PlanOptions,
): ChangePlan {
  const devices = changes.reduce(
    (known, change) => changedDevices({ ...map, devices: known }, change),
    map.devices,
  );
  const next = { ...map, devices };
  const weighted = devices.filter(({ weight, isLeaving }) => weight > 0 && isLeaving !== true);
  const tooFew = rings.flatMap(({ name, scheme }) => tooFewFor(name, scheme, weighted.length));
  if (tooFew.length > 0) return { policies: [], refusals: tooFew };
  const policies = rings.map((planned) => planPolicy(planned, next));
  const refusals = [
    ...policies.flatMap((plan) => (options.allowsLess ? [] : lessTolerant(plan))),
    ...rings.flatMap((planned) => givesUpBytes(planned, changes, options)),
  ];
  return { policies, refusals };
}

/** The map's devices as they are to be. */
export function changedDevices(map: ClusterMap, change: DeviceChange): readonly DeviceState[] {
  if (change.type === 'add') return addedDevices(map, change);
  const found = map.devices.find(({ id }) => id === change.device);
  if (found === undefined) throw refusal(`there is no device ${change.device}`);
  const next = changedDevice(found, change);
  return map.devices.map((device) => (device === found ? next : device));
}

export function changedDevice(
  device: DeviceState,
  change: Exclude<DeviceChange, { type: 'add' }>,
): DeviceState {
  if (change.type === 'remove') return { ...device, weight: 0, isLeaving: true };
  const { isLeaving: _stays, ...staying } = device;
  checkWeight(change.weight);
  const status = device.status === 'new' && change.weight > 0 ? 'up' : device.status;
  return { ...staying, weight: change.weight, status };
}

function addedDevices(
  map: ClusterMap,
  { at, weight }: Extract<DeviceChange, { type: 'add' }>,
): readonly DeviceState[] {
  if (!(weight > 0)) throw refusal('a new device has a weight above 0');
  checkWeight(weight);
  const known = map.devices.find(({ node, path }) => node === at.node && path === at.path);
  if (known !== undefined && known.status !== 'new') {
    throw refusal(`${at.path} is device ${known.id} already: torc ring set-weight`);
  }
  if (known !== undefined) {
    return map.devices.map((one) => (one === known ? { ...one, weight, status: 'up' } : one));
  }
  const stray = map.devices.find(({ status, uuid }) => status === 'new' && uuid !== '');
  if (stray !== undefined && map.nodes === undefined) {
    throw refusal(
      `device ${stray.id} at ${stray.path} was added and never served: remove it first`,
    );
  }
  const last = Math.max(map.lastDevice ?? 0, ...map.devices.map(({ id }) => id));
  const added: DeviceState = { ...at, id: deviceId(last + 1), uuid: '', weight, status: 'up' };
  return [...map.devices, added];
}

function checkWeight(weight: number): void {
  if (weight === 0 || (weight >= minWeight && weight <= maxWeight)) return;
  throw refusal(`a weight is 0, or from ${minWeight} to ${maxWeight}`);
}

function tooFewFor(name: string, scheme: Scheme, weighted: number): readonly string[] {
  const needed = Math.max(minDevices(scheme), shardReplicas(scheme));
  if (weighted >= needed) return [];
  return [`policy ${name} needs ${needed} devices; ${weighted} would be left`];
}

function planPolicy({ name, scheme, ring }: PlannedRing, map: ClusterMap): PolicyPlan {
  const devices = desiredDevices(ring, map);
  const next = devices === undefined ? ring : rebalance(ring, devices).ring;
  const moves = movesBetween(ring, next);
  const [before, after] = [loadsOf(ring), loadsOf(next)];
  const arriving = countBy(moves, ({ to }) => to);
  const leaving = countBy(moves, ({ from }) => from);
  const listed = map.devices.filter(({ id }) => before.has(id) || after.has(id));
  return {
    policy: name,
    scheme: map.policies.find((policy) => policy.name === name)?.scheme ?? '',
    moves: moves.length,
    fragments: ring.width * 2 ** ring.partitionPower,
    devices: listed.map(({ id, path, weight }) => ({
      ...{ device: id, path, weight },
      before: before.get(id) ?? 0,
      after: after.get(id) ?? 0,
      arriving: arriving.get(id) ?? 0,
      leaving: leaving.get(id) ?? 0,
    })),
    before: ringTolerances(ring, scheme),
    after: ringTolerances(next, scheme),
  };
}

function loadsOf(ring: Ring): ReadonlyMap<DeviceId, number> {
  const counts = new Uint32Array(ring.devices.length);
  for (const row of ring.assignment) {
    for (const place of row) counts[place] = (counts[place] ?? 0) + 1;
  }
  return new Map(ring.devices.map(({ id }: RingDevice, place) => [id, counts[place] ?? 0]));
}

function countBy<Item>(
  items: readonly Item[],
  key: (item: Item) => DeviceId,
): ReadonlyMap<DeviceId, number> {
  const counts = new Map<DeviceId, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

function lessTolerant({ policy, before, after }: PolicyPlan): readonly string[] {
  return lostTolerances(before, after).map(
    (level) =>
      `policy ${policy} now survives the loss of any ${before[level]} ${level}s, and then ${after[level]}: say --allow-less if that is meant`,
  );
}

/** Devices that are away take with them what only they have: there must be enough without them. */
function givesUpBytes(
  { name, scheme, ring }: PlannedRing,
  changes: readonly DeviceChange[],
  { serves }: PlanOptions,
): readonly string[] {
  const given = changes.flatMap((change) => (change.type === 'remove' ? [change.device] : []));
  const gone = new Set(given.filter((device) => !serves(device)));
  if (gone.size === 0) return [];
  const away = new Set(ring.devices.filter(({ id }) => !serves(id)).map(({ id }) => id));
  let lost = 0;
  for (let p = 0; p < 2 ** ring.partitionPower; p++) {
    const at = homes(ring, partition(p));
    if (!at.some((id) => gone.has(id))) continue;
    if (at.filter((id) => away.has(id)).length > tolerance(scheme)) lost++;
  }
  if (lost === 0) return [];
  return [
    `${lost} partitions of policy ${name} cannot be read while ${[...away].join(', ')} are away, and could not be afterwards: bring devices back first`,
  ];
}

function refusal(sentence: string): StoreError {
  return new StoreError('invalid-argument', 'ring.plan', sentence);
}

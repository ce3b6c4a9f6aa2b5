/** One machine's part of the cluster: devices, shards, proxy, core and workers, put together. */
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { DeviceId } from '../../base/units.ts';
import { tolerance } from '../../ring/policy.ts';
import type { FragmentStore } from '../../storage/fragment/fragment.ts';
import type { Coordinator } from '../../storage/shard/coordinator.ts';
import { ShardGroup, type ShardGroupOptions } from '../../storage/shard/group.ts';
import { createDecide } from '../core/decide/decide.ts';
import { checkedClasses, type StorageClass } from '../core/storage-classes.ts';
import { ClusterBodies } from '../proxy/bodies.ts';
import { LatencyTracker } from '../proxy/latency.ts';
import { Placement, type Policy } from '../proxy/placement.ts';
import type { Damage, ReadSettings } from '../proxy/read.ts';
import { ClusterRows, type ShardMap } from '../proxy/rows.ts';
import { createStateMachine } from '../proxy/state-machine.ts';
import { StripesInFlight } from '../proxy/stripes-in-flight.ts';
import type { WriteSettings } from '../proxy/write.ts';
import { RingChanges } from '../rings/change.ts';
import type { RingOperator } from '../rings/operator.ts';
import type { Offered } from '../storage-node/serve.ts';
import { DeviceFollower } from './device-follower.ts';
import { type AwayDevice, Fleet } from './fleet.ts';
import { LivePolicies } from './live-policies.ts';
import { type MemberOptions, Membership } from './membership.ts';
import {
  closeDevice,
  type DeviceFolder,
  type DeviceSettings,
  type OpenDevice,
} from './open-device.ts';
import { CellWorkers, type WorkSettings } from './workers.ts';

export interface CellSettings {
  readonly device: DeviceSettings;
  readonly write: WriteSettings;
  readonly read: ReadSettings;
  readonly work: WorkSettings;
  /** Milliseconds of a day of lifecycle: shorter ones are for tests. */
  readonly lifecycleDayMillis: number;
  /** Fragments of a replaced version stay this long for readers that hold the old row. */
  readonly releaseGraceMillis: number;
  /** See DecideOptions. */
  readonly expiredKeptMillis?: number;
}

export interface CellOptions {
  readonly coordinator: Coordinator;
  readonly folders: readonly DeviceFolder[];
  /** The folder of a device that the map gives this machine later. */
  readonly folderAt?: (path: string) => DeviceFolder;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: CellSettings;
  /** Undefined on a single machine. */
  readonly member?: MemberOptions;
  /** Their policies by name or alias. */
  readonly storageClasses?: readonly StorageClass[];
}

export interface Cell {
  readonly rows: ClusterRows;
  readonly bodies: ClusterBodies;
  readonly group: ShardGroup;
  /** All shards to be asked, and those whose background work is this process's. */
  readonly work: ShardMap;
  /** Whether there are other machines. */
  readonly isShared: boolean;
  readonly placement: Placement;
  readonly storageClasses: readonly StorageClass[];
  readonly workers: CellWorkers;
  readonly coordinator: Coordinator;
  readonly rings: RingOperator;
  devices(): readonly OpenDevice[];
  away(): readonly AwayDevice[];
  /** Makes the empty folder of a device that is away that device again; the workers rebuild what it held. See Fleet.replace. */
  replaceDevice(id: DeviceId): Promise<void>;
  close(): Promise<void>;
}

/** Opens everything. Throws `unavailable` when too few devices are there to keep the promises. */
export async function openCell(options: CellOptions): Promise<Cell> {
  const { coordinator, clock, random, logger, settings } = options;
  const policies = await LivePolicies.open(coordinator, logger);
  const machine = { coordinator, clock, logger };
  const member = options.member && (await Membership.join(options.member, machine));
  let workers: CellWorkers | undefined;
  const present = (): void => member?.present(fleet.serving().map((device) => device.id));
  const fleet = new Fleet({
    ...{ ...machine, folders: options.folders, folderAt: options.folderAt, random },
    node: options.member?.self.node,
    settings: settings.device,
    onChange: () => present(),
    onDamaged: (objectId) => workers?.repairSoon(objectId),
  });
  await fleet.openAll();
  if (member === undefined) checkEnough(fleet, policies.byName, policies.defaultPolicy);
  const classes = checkedClasses(options.storageClasses ?? [], [...policies.byName.values()]);
  const lifecycle = { dayMillis: settings.lifecycleDayMillis, classes };
  const { releaseGraceMillis, expiredKeptMillis } = settings;
  const oldestRing = (name: string): number => policies.byName.get(name)?.oldestRing ?? 0;
  const decide = createDecide({ releaseGraceMillis, expiredKeptMillis, lifecycle, oldestRing });
  const stateMachine = createStateMachine(decide);
  const group = await ShardGroup.open({
    ...{ ...machine, ...clusterOf(member), stateMachine },
    devices: fleet.serving().map((device) => device.shards),
  });
  const rows = new ClusterRows(group, clock);
  const storeOn = (id: DeviceId): FragmentStore | undefined =>
    fleet.get(id)?.fragments ?? member?.peers.fragments(id);
  const placement = new Placement(policies.byName, {
    stores: storeOn,
    devices: () => coordinator.current().devices.map(({ id }) => id),
  });
  const onDamage = (damage: Damage): void => workers?.damageFound(damage);
  const bodies = createBodies(options, { placement, policies, onDamage });
  const work: ShardMap = {
    route: (id) => group.route(id),
    all: () => (member === undefined ? group.all() : group.own()),
  };
  workers = new CellWorkers({
    ...{ ...machine, random, group, stateMachine, work, rows, bodies, placement, lifecycle },
    settings: settings.work,
    devices: () => fleet.serving(),
    isOpenElsewhere: async (id) => (await member?.isOpenElsewhere(id)) ?? false,
    isShared: member !== undefined,
    changesElsewhere: async () => (await member?.changesElsewhere()) ?? [],
    activity: () => bodies.activity,
  });
  member?.serve(group, offeredBy({ fleet, group, bodies, workers }));
  present();
  const rings = ringsOf(options, { placement, group, workers });
  const follower = new DeviceFollower({ ...machine, fleet, group, onChange: present });
  return {
    ...{ rows, bodies, group, work, placement, workers, coordinator, rings },
    isShared: member !== undefined,
    storageClasses: classes,
    devices: () => fleet.serving(),
    away: () => fleet.away(),
    replaceDevice: async (id) => {
      await replaceDevice({ fleet, group, workers }, id);
      present();
    },
    close: () => closeCell({ follower, workers, group, fleet, member, policies, coordinator }),
  };
}

function clusterOf(member: Membership | undefined): Pick<ShardGroupOptions, 'cluster'> {
  if (member === undefined) return {};
  return { cluster: { remote: member.peers, lease: () => member.keeper.lease } };
}

function offeredBy(parts: {
  readonly fleet: Fleet;
  readonly group: ShardGroup;
  readonly bodies: ClusterBodies;
  readonly workers: CellWorkers;
}): Offered {
  const { fleet, group, bodies, workers } = parts;
  return {
    changes: () => workers.changes(),
    fragments: (id) => fleet.get(id)?.fragments,
    device: (id) => group.device(id),
    shards: (id) => group.find(id),
    isOpen: (objectId) => bodies.isOpen(objectId),
  };
}

function ringsOf(
  { coordinator, random, clock, member }: CellOptions,
  parts: {
    readonly placement: Placement;
    readonly group: ShardGroup;
    readonly workers: CellWorkers;
  },
): RingOperator {
  const policies = (): readonly Policy[] => parts.placement.all();
  const serves = (id: DeviceId): boolean => parts.group.serves(id);
  return {
    changes: new RingChanges({ coordinator, random, clock, policies, serves }),
    rebalancer: parts.workers.rebalancer,
    map: () => coordinator.current(),
    policies,
    node: member?.self.node,
  };
}

function createBodies(
  { clock, random, settings }: CellOptions,
  parts: {
    readonly placement: Placement;
    readonly policies: LivePolicies;
    readonly onDamage: (damage: Damage) => void;
  },
): ClusterBodies {
  const { placement, policies, onDamage } = parts;
  return new ClusterBodies({
    placement,
    defaultPolicy: () => policies.defaultPolicy,
    random,
    write: {
      clock,
      settings: settings.write,
      latency: new LatencyTracker(),
      inFlight: new StripesInFlight(settings.write.stripesInFlight),
    },
    read: {
      clock,
      settings: settings.read,
      latency: new LatencyTracker(),
      inFlight: new StripesInFlight(settings.read.stripesInFlight),
      onDamage,
    },
  });
}

async function replaceDevice(
  cell: {
    readonly fleet: Fleet;
    readonly group: ShardGroup;
    readonly workers: CellWorkers | undefined;
  },
  id: DeviceId,
): Promise<void> {
  const device = await cell.fleet.replace(id);
  await cell.group.attach(device.shards);
  cell.workers?.reconciler.request();
}

function checkEnough(fleet: Fleet, policies: ReadonlyMap<string, Policy>, standard: string): void {
  const policy = policies.get(standard);
  if (policy === undefined) return;
  const homes = policy.ring.devices.filter(({ weight }) => weight > 0);
  const there = homes.filter(({ id }) => fleet.get(id) !== undefined).length;
  const needed = homes.length - tolerance(policy.scheme);
  if (there >= needed) return;
  throw new StoreError(
    'unavailable',
    'cell.open',
    `${there} of ${homes.length} devices are there; policy ${standard} needs at least ${needed} to read what it holds`,
  );
}

async function closeCell(parts: {
  readonly follower: DeviceFollower;
  readonly workers: CellWorkers | undefined;
  readonly group: ShardGroup;
  readonly fleet: Fleet;
  readonly member: Membership | undefined;
  readonly policies: LivePolicies;
  readonly coordinator: Coordinator;
}): Promise<void> {
  await parts.follower.close();
  await parts.workers?.stop();
  await parts.group.close();
  await parts.member?.close();
  parts.policies.close();
  await Promise.allSettled(parts.fleet.opened().map(closeDevice));
  await parts.coordinator.close();
}

/** One machine's part of the cluster: devices, shards, proxy, core and workers, put together. */
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { DeviceId } from '../../base/units.ts';
import { parseScheme, tolerance } from '../../ring/policy.ts';
import { decodeRing } from '../../ring/ring-file.ts';
import { createCodec } from '../../storage/erasure/create-codec.ts';
import type { Coordinator } from '../../storage/shard/coordinator.ts';
import { ShardGroup } from '../../storage/shard/group.ts';
import { createDecide } from '../core/decide/decide.ts';
import { ClusterBodies } from '../proxy/bodies.ts';
import { LatencyTracker } from '../proxy/latency.ts';
import { Placement, type Policy } from '../proxy/placement.ts';
import type { Damage, ReadSettings } from '../proxy/read.ts';
import { ClusterRows } from '../proxy/rows.ts';
import { createStateMachine } from '../proxy/state-machine.ts';
import { StripesInFlight } from '../proxy/stripes-in-flight.ts';
import type { WriteSettings } from '../proxy/write.ts';
import { type AwayDevice, Fleet } from './fleet.ts';
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
  /** Fragments of a replaced version stay this long for readers that hold the old row. */
  readonly releaseGraceMillis: number;
}

export interface CellOptions {
  readonly coordinator: Coordinator;
  readonly folders: readonly DeviceFolder[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: CellSettings;
}

export interface Cell {
  readonly rows: ClusterRows;
  readonly bodies: ClusterBodies;
  readonly group: ShardGroup;
  readonly placement: Placement;
  readonly workers: CellWorkers;
  readonly coordinator: Coordinator;
  devices(): readonly OpenDevice[];
  away(): readonly AwayDevice[];
  /** Makes the empty folder of a device that is away that device again; the workers rebuild what it held. See Fleet.replace. */
  replaceDevice(id: DeviceId): Promise<void>;
  close(): Promise<void>;
}

async function loadPolicies(coordinator: Coordinator): Promise<ReadonlyMap<string, Policy>> {
  const policies = await Promise.all(
    coordinator.current().policies.map(async (line): Promise<Policy> => {
      const { name, aliases = [], isDeprecated = false } = line;
      const scheme = parseScheme(line.scheme);
      const ring = decodeRing(Buffer.from(line.ring, 'base64'));
      const codec = await createCodec(scheme);
      return { name, aliases, isDeprecated, scheme, ring, codec };
    }),
  );
  return new Map(policies.map((policy) => [policy.name, policy]));
}

/** Opens everything. Throws `unavailable` when too few devices are there to keep the promises. */
export async function openCell(options: CellOptions): Promise<Cell> {
  const { coordinator, clock, random, logger, settings } = options;
  const policies = await loadPolicies(coordinator);
  let workers: CellWorkers | undefined;
  const fleet = new Fleet({
    ...{ coordinator, folders: options.folders, clock, random, logger },
    settings: settings.device,
    onDamaged: (objectId) => workers?.repairSoon(objectId),
  });
  await fleet.openAll();
  checkEnough(fleet, coordinator, policies);
  const decide = createDecide({ releaseGraceMillis: settings.releaseGraceMillis });
  const group = await ShardGroup.open({
    coordinator,
    devices: fleet.serving().map((device) => device.shards),
    stateMachine: createStateMachine(decide),
    clock,
    logger,
  });
  const rows = new ClusterRows(group);
  const placement = new Placement(policies, (id) => fleet.get(id)?.fragments);
  const bodies = new ClusterBodies({
    placement,
    defaultPolicy: coordinator.current().defaultPolicy,
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
      onDamage: (damage: Damage) => workers?.damageFound(damage),
    },
  });
  workers = new CellWorkers({
    ...{ group, rows, bodies, placement, coordinator, clock, logger },
    settings: settings.work,
    devices: () => fleet.serving(),
  });
  return {
    ...{ rows, bodies, group, placement, workers, coordinator },
    devices: () => fleet.serving(),
    away: () => fleet.away(),
    replaceDevice: (id) => replaceDevice({ fleet, group, workers }, id),
    close: () => closeCell({ workers, group, fleet, coordinator }),
  };
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

function checkEnough(
  fleet: Fleet,
  coordinator: Coordinator,
  policies: ReadonlyMap<string, Policy>,
): void {
  const { defaultPolicy, devices } = coordinator.current();
  const scheme = policies.get(defaultPolicy)?.scheme;
  const there = fleet.serving().length;
  if (scheme === undefined) return;
  const needed = devices.length - tolerance(scheme);
  if (there >= needed) return;
  throw new StoreError(
    'unavailable',
    'cell.open',
    `${there} of ${devices.length} devices are there; policy ${defaultPolicy} needs at least ${needed} to read what it holds`,
  );
}

async function closeCell(parts: {
  readonly workers: CellWorkers | undefined;
  readonly group: ShardGroup;
  readonly fleet: Fleet;
  readonly coordinator: Coordinator;
}): Promise<void> {
  await parts.workers?.stop();
  await parts.group.close();
  await Promise.allSettled(parts.fleet.opened().map(closeDevice));
  await parts.coordinator.close();
}

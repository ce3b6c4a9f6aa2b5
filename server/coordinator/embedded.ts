/**
 * The coordinator of one machine: no engine, one map file on every device. A change counts when a
 * majority of the map's devices has it synced; at the start the newest copy of a majority wins. So
 * the loss of any minority of devices loses no change.
 */
import type { Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import { type DeviceId, deviceId, type ShardId } from '../../base/units.ts';
import {
  type ClusterMap,
  type Coordinator,
  type DeviceState,
  type Lease,
  lastShardOf,
  type PolicyState,
  type Presence,
  type ShardEdit,
} from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import { openSuperblock } from '../../storage/device/superblock.ts';
import { encodeMap, type MapCopy, readMap } from './map-file.ts';
import { MapWriter } from './map-writer.ts';

export function majorityOf(map: ClusterMap): number {
  return Math.floor(map.devices.length / 2) + 1;
}

function lastDeviceOf({ devices, lastDevice }: ClusterMap): DeviceId {
  return deviceId(Math.max(lastDevice ?? 0, ...devices.map(({ id }) => id)));
}

/**
 * Newer is greater. The generation decides first: a device that was away at an open may hold versions
 * that never reached a majority, and higher than those written since.
 */
export function compareCopies(a: MapCopy, b: MapCopy): number {
  return a.generation - b.generation || a.map.version - b.map.version;
}

/** A folder of a device that the map does not name (any more): what it holds, or takes, does not count. */
async function isStrange(disk: Disk, { devices }: ClusterMap): Promise<boolean> {
  const found = await openSuperblock(disk);
  if (found.state !== 'ok') return false;
  const { deviceUuid } = found.superblock;
  return devices.every(({ uuid }) => uuid !== deviceUuid);
}

/** A change that waits for its turn. */
interface Change {
  /** Pure; throws StoreError to refuse. */
  readonly apply: (map: ClusterMap) => ClusterMap;
  readonly resolve: (map: ClusterMap) => void;
  readonly reject: (error: unknown) => void;
}

export class EmbeddedCoordinator implements Coordinator {
  #map: ClusterMap;
  /** One a device folder, also of those that are away: a write to them fails and is not counted. */
  readonly #writers: MapWriter[];
  readonly #listeners = new Set<(map: ClusterMap) => void>();
  #queue: Change[] = [];
  #running: Promise<void> | undefined;
  /** The highest version that may be on any device: a write that failed may have reached some. */
  #highest: number;
  readonly #generation: number;
  #closed = false;

  private constructor({ map, generation }: MapCopy, disks: readonly Disk[]) {
    this.#map = map;
    this.#generation = generation;
    this.#highest = map.version;
    this.#writers = disks.map((disk) => new MapWriter(disk));
  }

  /** Writes the first map. Throws `unavailable` when no majority of the devices takes it. */
  static async create(map: ClusterMap, disks: readonly Disk[]): Promise<EmbeddedCoordinator> {
    const coordinator = new EmbeddedCoordinator({ map, generation: 1 }, disks);
    await coordinator.#write(map);
    return coordinator;
  }

  /**
   * Undefined when no device holds a map (nothing was ever set up). Throws `unavailable` when fewer than a majority of
   * the map's devices can be read; `conflict` when the map lives elsewhere since (`movedTo`), unless that is known.
   */
  static async open(
    disks: readonly Disk[],
    moved: 'refuse' | 'open' = 'refuse',
  ): Promise<EmbeddedCoordinator | undefined> {
    const copies = await Promise.all(disks.map((disk) => readMap(disk)));
    const found = copies.filter((copy) => copy !== undefined);
    const newest = found.toSorted(compareCopies).at(-1);
    if (newest === undefined) return undefined;
    const { map } = newest;
    const strange = await Promise.all(disks.map((disk) => isStrange(disk, map)));
    const same = copies.filter(
      (copy, i) => copy?.map.clusterId === map.clusterId && strange[i] !== true,
    ).length;
    const needed = majorityOf(map);
    if (same < needed) {
      throw new StoreError(
        'unavailable',
        'coordinator.open',
        `${same} of ${map.devices.length} devices hold the cluster map, ${needed} are needed to know the newest`,
        { detail: { found: same, needed } },
      );
    }
    if (map.movedTo !== undefined && moved === 'refuse') {
      throw new StoreError(
        'conflict',
        'coordinator.open',
        `this store is a node of the cluster on ${map.movedTo} since it was moved there`,
      );
    }
    const generation = newest.generation + 1;
    const coordinator = new EmbeddedCoordinator({ map, generation }, disks);
    // What only a minority has may have been acknowledged to nobody; from now on a majority has it.
    await coordinator.#write(map);
    return coordinator;
  }

  current(): ClusterMap {
    return this.#map;
  }

  updateShard(id: ShardId, next: ShardState): Promise<ClusterMap> {
    return this.#change((map) => {
      const found = map.shards.find((shard) => shard.id === id);
      if (found === undefined || found.epoch !== next.epoch - 1) {
        throw new StoreError('stale-epoch', 'coordinator.updateShard', 'the shard has moved on', {
          detail: { shard: id, epoch: found?.epoch ?? 0 },
        });
      }
      const shards = map.shards.map((shard) => (shard.id === id ? next : shard));
      return { ...map, shards };
    });
  }

  reshape(edits: readonly ShardEdit[]): Promise<ClusterMap> {
    return this.#change((map) => {
      const last = lastShardOf(map);
      for (const { id, epoch } of edits) {
        const found = map.shards.find((shard) => shard.id === id);
        const isAsKnown = epoch === undefined ? id > last : found?.epoch === epoch;
        if (isAsKnown) continue;
        throw new StoreError('stale-epoch', 'coordinator.reshape', 'the shard has moved on', {
          detail: { shard: id, epoch: found?.epoch ?? 0 },
        });
      }
      const ids = new Set(edits.map(({ id }) => id));
      const changed = edits.flatMap(({ next }) => (next === undefined ? [] : [next]));
      const others = map.shards.filter(({ id }) => !ids.has(id));
      const shards = [...others, ...changed].toSorted((a, b) => a.id - b.id);
      return { ...map, shards, lastShard: Math.max(last, ...ids) };
    });
  }

  updateDevice(id: DeviceId, expectedUuid: string, next: DeviceState): Promise<ClusterMap> {
    return this.#change((map) => {
      const found = map.devices.find((device) => device.id === id);
      if (found?.uuid !== expectedUuid) {
        throw new StoreError('conflict', 'coordinator.updateDevice', 'the device has changed', {
          detail: { device: id },
        });
      }
      const devices = map.devices.map((device) => (device.id === id ? next : device));
      return { ...map, devices };
    });
  }

  addDevice(make: (last: DeviceId) => DeviceState): Promise<ClusterMap> {
    return this.#change((map) => ({ ...map, devices: [...map.devices, make(lastDeviceOf(map))] }));
  }

  removeDevice(id: DeviceId, expectedUuid: string): Promise<ClusterMap> {
    return this.#change((map) => {
      const devices = map.devices.filter((one) => one.id !== id || one.uuid !== expectedUuid);
      if (devices.length === map.devices.length) {
        throw new StoreError('conflict', 'coordinator.removeDevice', 'the device has changed', {
          detail: { device: id },
        });
      }
      return { ...map, devices, lastDevice: lastDeviceOf(map) };
    });
  }

  updatePolicy(expected: PolicyState | undefined, next: PolicyState): Promise<ClusterMap> {
    return this.#change((map) => {
      const found = map.policies.find((policy) => policy.name === next.name);
      // Lines are plain data, and are written with their fields in one order.
      if (JSON.stringify(found) !== JSON.stringify(expected)) {
        throw new StoreError('conflict', 'coordinator.updatePolicy', 'the policy has changed', {
          detail: { policy: next.name },
        });
      }
      const others = map.policies.map((policy) => (policy === found ? next : policy));
      return { ...map, policies: found === undefined ? [...others, next] : others };
    });
  }

  /** From now on the map lives elsewhere, and nothing may change it here. */
  retire(movedTo: string): Promise<ClusterMap> {
    return this.#change((map) => ({ ...map, movedTo }));
  }

  setDefaultPolicy(name: string): Promise<ClusterMap> {
    return this.#change((map) => {
      if (map.policies.some((policy) => policy.name === name)) {
        return { ...map, defaultPolicy: name };
      }
      throw new StoreError('conflict', 'coordinator.setDefaultPolicy', 'there is no such policy', {
        detail: { policy: name },
      });
    });
  }

  async keepOn(disk: Disk): Promise<void> {
    if (this.#writers.some((writer) => writer.disk === disk)) return;
    this.#writers.push(new MapWriter(disk));
    // A change that changes nothing, and is written everywhere.
    await this.#change((map) => map);
  }

  watch(listener: (map: ClusterMap) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** One process owns the folders (their locks see to it), so its lease ends with it. */
  lease(_presence: Presence): Promise<Lease> {
    let released = false;
    return Promise.resolve({
      session: undefined,
      held: () => !released && !this.#closed,
      onLost: () => () => undefined,
      present: () => Promise.resolve(),
      release: () => {
        released = true;
        return Promise.resolve();
      },
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    await Promise.all(this.#writers.map((writer) => writer.idle()));
  }

  /** Changes are made one after the other; those that wait share one write of the map. A refused or failed one changes nothing. */
  #change(apply: (map: ClusterMap) => ClusterMap): Promise<ClusterMap> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ apply, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  async #run(): Promise<void> {
    // What is asked for in the same turn shares the first write.
    await Promise.resolve();
    while (this.#queue.length > 0) await this.#commit(this.#queue.splice(0));
    this.#running = undefined;
  }

  async #commit(changes: readonly Change[]): Promise<void> {
    const version = this.#highest + 1;
    let next = this.#map;
    const accepted: Change[] = [];
    for (const [i, change] of changes.entries()) {
      // Any majority before and any after share a device only if one came or left.
      if (next.devices.length !== this.#map.devices.length) {
        this.#queue.unshift(...changes.slice(i));
        break;
      }
      try {
        if (this.#closed) throw new StoreError('unavailable', 'coordinator', 'it is closed');
        next = { ...change.apply(next), version };
        accepted.push(change);
      } catch (error) {
        change.reject(error);
      }
    }
    if (accepted.length === 0) return;
    try {
      await this.#write(next);
    } catch (error) {
      for (const change of accepted) change.reject(error);
      return;
    }
    this.#map = next;
    for (const listener of this.#listeners) listener(next);
    for (const change of accepted) change.resolve(next);
  }

  /** Resolves when a majority has the map; the others go on by themselves. */
  async #write(map: ClusterMap): Promise<void> {
    this.#highest = Math.max(this.#highest, map.version);
    const bytes = encodeMap({ map, generation: this.#generation });
    const needed = majorityOf(map);
    let written = 0;
    const attempts = this.#writers.map(async (writer) => {
      if (await isStrange(writer.disk, map))
        throw new StoreError('conflict', 'map.write', 'strange');
      await writer.write(bytes);
    });
    const majority = new Promise<void>((resolve) => {
      for (const attempt of attempts) {
        attempt.then(
          () => {
            written++;
            if (written === needed) resolve();
          },
          // Counted by what is missing in the end; the device's own failure is reported where it is used.
          () => undefined,
        );
      }
    });
    await Promise.race([majority, Promise.allSettled(attempts)]);
    if (written >= needed) return;
    throw new StoreError(
      'unavailable',
      'coordinator.write',
      `${written} of ${map.devices.length} devices took the cluster map, ${needed} are needed`,
      { detail: { written, needed } },
    );
  }
}

/**
 * The coordinator of one machine: no engine, one map file on every device. A change counts when a
 * majority of the map's devices has it synced; at the start the newest copy of a majority wins. So
 * the loss of any minority of devices loses no change.
 */
import type { Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import type {
  ClusterMap,
  Coordinator,
  DeviceState,
  Lease,
} from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import { encodeMap, readMap, writeMap } from './map-file.ts';

export function majorityOf(map: ClusterMap): number {
  return Math.floor(map.devices.length / 2) + 1;
}

export class EmbeddedCoordinator implements Coordinator {
  #map: ClusterMap;
  /** One disk a device folder, also of those that are away: a write to them fails and is not counted. */
  readonly #disks: readonly Disk[];
  readonly #listeners = new Set<(map: ClusterMap) => void>();
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(map: ClusterMap, disks: readonly Disk[]) {
    this.#map = map;
    this.#disks = disks;
  }

  /** Writes the first map. Throws `unavailable` when no majority of the devices takes it. */
  static async create(map: ClusterMap, disks: readonly Disk[]): Promise<EmbeddedCoordinator> {
    const coordinator = new EmbeddedCoordinator(map, disks);
    await coordinator.#write(map);
    return coordinator;
  }

  /** Undefined when no device holds a map (nothing was ever set up). Throws `unavailable` when fewer than a majority of the map's devices can be read. */
  static async open(disks: readonly Disk[]): Promise<EmbeddedCoordinator | undefined> {
    const copies = (await Promise.all(disks.map((disk) => readMap(disk)))).filter(
      (copy) => copy !== undefined,
    );
    const newest = copies.toSorted((a, b) => b.version - a.version)[0];
    if (newest === undefined) return undefined;
    const same = copies.filter((copy) => copy.clusterId === newest.clusterId).length;
    const needed = majorityOf(newest);
    if (same < needed) {
      throw new StoreError(
        'unavailable',
        'coordinator.open',
        `${same} of ${newest.devices.length} devices hold the cluster map, ${needed} are needed to know the newest`,
        { detail: { found: same, needed } },
      );
    }
    const coordinator = new EmbeddedCoordinator(newest, disks);
    // What only a minority has may have been acknowledged to nobody; from now on a majority has it.
    await coordinator.#write(newest);
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

  watch(listener: (map: ClusterMap) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** One process owns the folders (their locks see to it), so its lease ends with it. */
  lease(_node: string): Promise<Lease> {
    let released = false;
    return Promise.resolve({
      held: () => !released && !this.#closed,
      release: () => {
        released = true;
        return Promise.resolve();
      },
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#last;
  }

  /** One change at a time; a refused or failed one changes nothing. */
  #change(apply: (map: ClusterMap) => ClusterMap): Promise<ClusterMap> {
    const done = this.#last.then(async () => {
      if (this.#closed) throw new StoreError('unavailable', 'coordinator', 'it is closed');
      const next = { ...apply(this.#map), version: this.#map.version + 1 };
      await this.#write(next);
      this.#map = next;
      for (const listener of this.#listeners) listener(next);
      return next;
    });
    this.#last = done.catch(() => undefined);
    return done;
  }

  async #write(map: ClusterMap): Promise<void> {
    const bytes = encodeMap(map);
    const needed = majorityOf(map);
    const outcomes = await Promise.allSettled(this.#disks.map((disk) => writeMap(disk, bytes)));
    const written = outcomes.filter((outcome) => outcome.status === 'fulfilled').length;
    if (written < needed) {
      throw new StoreError(
        'unavailable',
        'coordinator.write',
        `${written} of ${map.devices.length} devices took the cluster map, ${needed} are needed`,
      );
    }
  }
}

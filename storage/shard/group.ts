/** All shards of the cluster as this process sees them: serves those that are its to serve, and routes rows to all. */
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import { type ClusterMap, type Coordinator, type Lease, shardIn } from './coordinator.ts';
import type { ShardDevice } from './device.ts';
import type { ReplicaPeer } from './peer.ts';
import { moved } from './ranges/extent.ts';
import { FollowingShard } from './ranges/following-shard.ts';
import { ServedShard } from './primary/served-shard.ts';
import type { RemoteMachines } from './remote.ts';
import { RoutedShard } from './routed-shard.ts';
import { defaultShardSettings, type ShardSettings } from './settings.ts';
import type { Shard, ShardState, StateMachine } from './shard.ts';

export interface ShardGroupOptions {
  readonly coordinator: Coordinator;
  /** Devices that serve now; more may come (`attach`). */
  readonly devices: readonly ShardDevice[];
  readonly stateMachine: StateMachine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<ShardSettings>;
  /** The other machines, and the right to serve beside them. Without them this process serves every shard. */
  readonly cluster?: {
    readonly remote: RemoteMachines;
    readonly lease: () => Lease | undefined;
  };
}

interface Route {
  /** As in the map. */
  readonly start: string;
  /** It owns nothing yet. */
  readonly isFilling: boolean;
  readonly served: ServedShard;
  /** Through it the shard is reached wherever it is served. */
  readonly shard: Shard;
}

export class ShardGroup {
  readonly #options: ShardGroupOptions;
  readonly #settings: ShardSettings;
  readonly #devices = new Map<DeviceId, ShardDevice>();
  #map: ClusterMap;
  #routes: readonly Route[] = [];
  /** Those that own something, by the start of their ranges. */
  #owners: readonly Route[] = [];
  readonly #ends: (() => void)[] = [];

  private constructor(options: ShardGroupOptions) {
    this.#options = options;
    this.#settings = { ...defaultShardSettings, ...options.settings };
    for (const device of options.devices) this.#add(device);
    this.#map = options.coordinator.current();
    this.#route(this.#map);
    if (options.cluster !== undefined) this.#follow(options.cluster.remote);
    else this.#ends.push(options.coordinator.watch((map) => this.#shardsChanged(map)));
  }

  /** On a single machine the map changes only by what its own primaries do: new shards are all that is news. */
  #shardsChanged(map: ClusterMap): void {
    this.#map = map;
    this.#route(map);
    for (const shard of this.served()) {
      if (shard.primary === undefined && shard.failure === undefined) void shard.open();
    }
  }

  /** Opens every shard that has a present in-sync replica; the others answer `unavailable` until one comes. */
  static async open(options: ShardGroupOptions): Promise<ShardGroup> {
    const group = new ShardGroup(options);
    await Promise.all(group.served().map((shard) => shard.open()));
    return group;
  }

  #follow(remote: RemoteMachines): void {
    this.#ends.push(
      this.#options.coordinator.watch((map) => this.#mapChanged(map)),
      remote.onLost((devices, error) => {
        for (const device of devices) this.#deviceFailed(device, error);
      }),
    );
  }

  #mapChanged(map: ClusterMap): void {
    const before = this.#map;
    this.#map = map;
    this.#route(map);
    // Who lives and who does not concerns every shard.
    const concernsAll = before.sessions !== map.sessions;
    for (const shard of this.served()) {
      if (concernsAll || shardIn(before, shard.id) !== shardIn(map, shard.id)) shard.mapChanged();
    }
  }

  /** Takes over which shards there are, and where each begins. */
  #route({ shards }: ClusterMap): void {
    const known = new Map(this.#routes.map((route) => [route.served.id, route]));
    const isSame =
      shards.length === known.size &&
      shards.every(({ id, start, takesFrom }) => {
        const route = known.get(id);
        return route?.start === start && route.isFilling === (takesFrom !== undefined);
      });
    if (isSame) return;
    this.#routes = shards.map(({ id, start, takesFrom }): Route => {
      const found = known.get(id);
      known.delete(id);
      const served = found?.served ?? this.#makeServed(id);
      const shard = found?.shard ?? this.#makeRouted(served);
      return { start, isFilling: takesFrom !== undefined, served, shard };
    });
    this.#owners = this.#routes
      .filter(({ isFilling }) => !isFilling)
      .toSorted((a, b) => (a.start < b.start ? -1 : 1));
    for (const { served } of known.values()) void served.close();
  }

  #makeServed(id: ShardId): ServedShard {
    const { stateMachine, coordinator, clock, logger, cluster } = this.#options;
    return new ServedShard({
      ...{ id, stateMachine, coordinator, clock, logger },
      devices: this.#devices,
      remote: cluster?.remote,
      lease: () => cluster?.lease(),
      settings: this.#settings,
    });
  }

  #makeRouted(served: ServedShard): Shard {
    const { cluster, coordinator, clock } = this.#options;
    if (cluster === undefined) return served;
    return new RoutedShard({ served, remote: cluster.remote, coordinator, clock });
  }

  /** The shard that owns a 16-byte id (hex), also when that is another one later. */
  route(id: string): Shard {
    return new FollowingShard(() => this.#owner(id), this.#options.clock);
  }

  /** The last one that starts at or before it. */
  #owner(id: string): Shard {
    let low = 0;
    let high = this.#owners.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const route = this.#owners[middle];
      if (route !== undefined && route.start <= id) low = middle;
      else high = middle - 1;
    }
    const found = this.#owners[low];
    if (found !== undefined) return found.shard;
    throw new StoreError('unavailable', 'shards.route', 'the cluster has no shards yet');
  }

  /** Every shard that owns something, wherever it is served. */
  all(): readonly Shard[] {
    return this.#owners.map((route) => route.shard);
  }

  /** Those whose primary is here: their background work is this process's. */
  own(): readonly Shard[] {
    return this.#owners.flatMap(({ served, shard }) =>
      served.primary === undefined ? [] : [shard],
    );
  }

  /** Every shard as far as this process serves it. */
  served(): readonly ServedShard[] {
    return this.#routes.map((route) => route.served);
  }

  find(id: ShardId): ServedShard | undefined {
    return this.#routes.find((route) => route.served.id === id)?.served;
  }

  /** A device that is here and has not failed. */
  device(id: DeviceId): ShardDevice | undefined {
    const device = this.#devices.get(id);
    return device?.failure === undefined ? device : undefined;
  }

  /** Devices that are here and have not failed. */
  devices(): readonly ShardDevice[] {
    return [...this.#devices.values()].filter((device) => device.failure === undefined);
  }

  /** A shard's replica on a device that serves, here or on another machine. */
  replica(device: DeviceId, shard: ShardId): ReplicaPeer | undefined {
    const local = this.device(device);
    if (local !== undefined) return local.replica(shard);
    return this.#options.cluster?.remote.replica(device, shard);
  }

  /** Whether a device serves, here or on another machine. */
  serves(device: DeviceId): boolean {
    return this.device(device) !== undefined || this.livesElsewhere(device);
  }

  /** Whether a device serves on another machine, though it may not be reached from here. */
  livesElsewhere(device: DeviceId): boolean {
    return this.#options.cluster?.remote.lives(device) ?? false;
  }

  /** Throws `stale-epoch` (`moved`) when the shard is no more. */
  state(id: ShardId): ShardState {
    const state = shardIn(this.#options.coordinator.current(), id);
    if (state === undefined) throw moved();
    return state;
  }

  /** The lease is over: every primary here stops. */
  leaseLost(): void {
    for (const shard of this.served()) shard.leaseLost();
  }

  /** There is a new lease: shards that nobody serves may be taken. */
  leaseTaken(): void {
    for (const shard of this.served()) shard.mapChanged();
  }

  #deviceFailed(device: DeviceId, error: StoreError): void {
    for (const shard of this.served()) shard.deviceFailed(device, error);
  }

  #add(device: ShardDevice): void {
    this.#devices.set(device.id, device);
    device.onFailure((error) => this.#deviceFailed(device.id, error));
  }

  /** A device has come back or was initialised anew: shards that had no primary look for one; the rest is repair's work. */
  async attach(device: ShardDevice): Promise<void> {
    if (this.device(device.id) !== undefined) {
      throw new StoreError('conflict', 'shards.attach', 'the device serves already');
    }
    this.#add(device);
    await Promise.all(this.served().map((shard) => shard.open()));
  }

  /** A device has left the cluster: the map names it nowhere any more. It stays the caller's to close. */
  detach(id: DeviceId): void {
    this.#devices.delete(id);
  }

  /** Stops all primaries, after the commits in flight; the devices stay the caller's to close. */
  async close(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await Promise.all(this.served().map((shard) => shard.close()));
  }
}

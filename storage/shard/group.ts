/** All shards of this machine, over its devices: opens each with a primary, and routes rows to it. */
import { compareBytes, fromHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import type { Coordinator, Lease } from './coordinator.ts';
import type { ShardDevice } from './device.ts';
import { ServedShard } from './primary/served-shard.ts';
import { defaultShardSettings, type ShardSettings } from './settings.ts';
import type { ShardState, StateMachine } from './shard.ts';

export interface ShardGroupOptions {
  readonly coordinator: Coordinator;
  /** Devices that serve now; more may come (`attach`). */
  readonly devices: readonly ShardDevice[];
  readonly stateMachine: StateMachine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<ShardSettings>;
  /** The right to serve; without one it never ends. */
  readonly lease?: Lease;
}

interface Route {
  readonly start: Uint8Array;
  readonly shard: ServedShard;
}

export class ShardGroup {
  readonly #coordinator: Coordinator;
  readonly #devices = new Map<DeviceId, ShardDevice>();
  /** By the start of their ranges. */
  readonly #routes: readonly Route[];
  readonly #shards: readonly ServedShard[];

  private constructor(options: ShardGroupOptions) {
    this.#coordinator = options.coordinator;
    for (const device of options.devices) this.#add(device);
    const { stateMachine, coordinator, clock, logger, lease } = options;
    const settings = { ...defaultShardSettings, ...options.settings };
    const devices = this.#devices;
    const routes = coordinator.current().shards.map((state) => ({
      start: fromHex(state.start),
      shard: new ServedShard({
        id: state.id,
        devices,
        stateMachine,
        coordinator,
        lease,
        clock,
        logger,
        settings,
      }),
    }));
    this.#routes = routes.toSorted((a, b) => compareBytes(a.start, b.start));
    this.#shards = this.#routes.map((route) => route.shard);
  }

  /** Opens every shard that has a present in-sync replica; the others answer `unavailable` until one comes. */
  static async open(options: ShardGroupOptions): Promise<ShardGroup> {
    const group = new ShardGroup(options);
    await Promise.all(group.all().map((shard) => shard.open()));
    return group;
  }

  /** The shard that owns a 16-byte id (hex): the last one that starts at or before it. */
  route(id: string): ServedShard {
    const wanted = fromHex(id);
    let low = 0;
    let high = this.#routes.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const route = this.#routes[middle];
      if (route !== undefined && compareBytes(route.start, wanted) <= 0) low = middle;
      else high = middle - 1;
    }
    const found = this.#routes[low];
    invariant(found !== undefined, 'the map has shards');
    return found.shard;
  }

  all(): readonly ServedShard[] {
    return this.#shards;
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

  state(id: ShardId): ShardState {
    const state = this.#coordinator.current().shards.find((one) => one.id === id);
    invariant(state !== undefined, 'every served shard is in the map');
    return state;
  }

  #add(device: ShardDevice): void {
    this.#devices.set(device.id, device);
    device.onFailure((error) => {
      for (const shard of this.#shards) shard.deviceFailed(device.id, error);
    });
  }

  /** A device has come back or was initialised anew: shards that had no primary look for one; the rest is repair's work. */
  async attach(device: ShardDevice): Promise<void> {
    if (this.device(device.id) !== undefined) {
      throw new StoreError('conflict', 'shards.attach', 'the device serves already');
    }
    this.#add(device);
    await Promise.all(this.all().map((shard) => shard.open()));
  }

  /** Stops all primaries, after the commits in flight; the devices stay the caller's to close. */
  async close(): Promise<void> {
    await Promise.all(this.all().map((shard) => shard.close()));
  }
}

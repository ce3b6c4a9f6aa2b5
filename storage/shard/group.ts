/**
 * All shards of this machine: opens each with a primary, hands it over when that is lost, and routes
 * rows to it.
 *
 * Invariants:
 * - Only a present replica of the map's in-sync set becomes primary: each of them holds every
 *   acknowledged commit.
 * - A primary serves only after the map names it under a new epoch, with only level replicas in sync.
 */
import type { Clock } from '../../base/clock.ts';
import { compareBytes, fromHex } from '../../base/bytes.ts';
import { isStoreError, StoreError, toStoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import type { Logger } from '../../base/log.ts';
import { type DeviceId, epoch, sequence, type ShardId } from '../../base/units.ts';
import type { Coordinator } from './coordinator.ts';
import type { ShardDevice } from './device.ts';
import { listPage, scanRows } from './list.ts';
import { compareProgress, isPrefix, type ReplicaStatus } from './peer.ts';
import { ShardPrimary } from './primary/primary.ts';
import type { LocalReplica } from './replica/replica.ts';
import type { StoredRow } from './row.ts';
import { shardPrefix } from './row.ts';
import { defaultShardSettings, type ShardSettings } from './settings.ts';
import type {
  ListPage,
  ListQuery,
  Row,
  ScanRange,
  Shard,
  ShardState,
  StateMachine,
} from './shard.ts';

export interface ShardGroupOptions {
  readonly coordinator: Coordinator;
  /** Devices that serve now; more may come (`attach`). */
  readonly devices: readonly ShardDevice[];
  readonly stateMachine: StateMachine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings?: Partial<ShardSettings>;
}

/** How long a shard without a primary waits before it looks for one again. */
const RETRY_MILLIS = 500;

interface Candidate {
  readonly device: ShardDevice;
  readonly replica: LocalReplica;
  readonly status: ReplicaStatus;
}

/** One shard: whoever is its primary at the moment. */
export class ServedShard implements Shard {
  readonly id: ShardId;
  readonly start: Uint8Array;
  readonly #prefix: Uint8Array;
  primary: ShardPrimary | undefined;
  device: ShardDevice | undefined;

  constructor(state: ShardState) {
    this.id = state.id;
    this.start = fromHex(state.start);
    this.#prefix = shardPrefix(state.id);
  }

  #serving(): { readonly primary: ShardPrimary; readonly device: ShardDevice } {
    const { primary, device } = this;
    if (primary === undefined || primary.stopped !== undefined || device === undefined) {
      throw new StoreError('unavailable', 'shard', 'the shard has no primary at the moment', {
        detail: { shard: this.id },
      });
    }
    return { primary, device };
  }

  async execute(command: unknown): Promise<unknown> {
    return this.#serving().primary.execute(command);
  }

  async get(key: Uint8Array): Promise<Row | undefined> {
    return this.#serving().primary.local.get(key);
  }

  async getWithBody(
    key: Uint8Array,
  ): Promise<{ row: Row; body: Uint8Array | undefined } | undefined> {
    const { primary } = this.#serving();
    const row = primary.local.get(key);
    if (row === undefined) return undefined;
    if (row.body === undefined) return { row, body: undefined };
    const body = await primary.local.bodyOf(row);
    return { row, body: body ?? (await fetchBody(primary, row)) };
  }

  async scan(range: ScanRange): Promise<readonly Row[]> {
    return scanRows(this.#serving().device.index, this.#prefix, range);
  }

  async list(query: ListQuery): Promise<ListPage> {
    return listPage(this.#serving().device.index, this.#prefix, query);
  }
}

/** The bytes here are bad or gone: another in-sync replica has them; they are written anew here. */
async function fetchBody(primary: ShardPrimary, row: StoredRow): Promise<Uint8Array> {
  invariant(row.body !== undefined, 'only rows with a body are fetched');
  for (const peer of primary.inSyncPeers) {
    if (peer.device === primary.local.device) continue;
    const body = await peer.readBody(row.key, row.body).catch(() => undefined);
    if (body === undefined) continue;
    await primary.local.relocate([{ row, body }]).catch(() => undefined);
    return body;
  }
  throw new StoreError('corrupt', 'shard.body', 'no replica has the good bytes of an inline body');
}

export class ShardGroup {
  readonly #options: ShardGroupOptions;
  readonly #settings: ShardSettings;
  readonly #devices = new Map<DeviceId, ShardDevice>();
  readonly #shards: readonly ServedShard[];
  #closed = false;

  private constructor(options: ShardGroupOptions) {
    this.#options = options;
    this.#settings = { ...defaultShardSettings, ...options.settings };
    for (const device of options.devices) this.#devices.set(device.id, device);
    this.#shards = options.coordinator
      .current()
      .shards.map((state) => new ServedShard(state))
      .toSorted((a, b) => compareBytes(a.start, b.start));
  }

  /** Opens every shard that has a present in-sync replica; the others answer `unavailable` until one comes. */
  static async open(options: ShardGroupOptions): Promise<ShardGroup> {
    const group = new ShardGroup(options);
    await Promise.all(group.#shards.map((shard) => group.#start(shard, undefined)));
    return group;
  }

  /** The shard that owns a 16-byte id (hex): the last one that starts at or before it. */
  route(id: string): ServedShard {
    const wanted = fromHex(id);
    let low = 0;
    let high = this.#shards.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      const shard = this.#shards[middle];
      if (shard !== undefined && compareBytes(shard.start, wanted) <= 0) low = middle;
      else high = middle - 1;
    }
    const shard = this.#shards[low];
    invariant(shard !== undefined, 'the map has shards');
    return shard;
  }

  all(): readonly ServedShard[] {
    return this.#shards;
  }

  device(id: DeviceId): ShardDevice | undefined {
    const device = this.#devices.get(id);
    return device?.failure === undefined ? device : undefined;
  }

  state(id: ShardId): ShardState {
    const state = this.#options.coordinator.current().shards.find((one) => one.id === id);
    invariant(state !== undefined, 'every served shard is in the map');
    return state;
  }

  /** A device has come back or was initialised anew. */
  attach(device: ShardDevice): void {
    this.#devices.set(device.id, device);
    for (const shard of this.#shards) {
      if (shard.primary === undefined) void this.#start(shard, undefined);
    }
  }

  async #start(shard: ServedShard, excluded: DeviceId | undefined): Promise<void> {
    if (this.#closed) return;
    try {
      await this.#elect(shard, excluded);
    } catch (error) {
      const known = toStoreError(error, 'shard.start');
      this.#options.logger.warn(
        { event: 'shard.not-served', shard: shard.id, kind: known.kind },
        known.message,
      );
      this.#options.clock.after(RETRY_MILLIS, () => void this.#start(shard, undefined));
    }
  }

  async #elect(shard: ServedShard, excluded: DeviceId | undefined): Promise<void> {
    if (shard.primary !== undefined && shard.primary.stopped === undefined) return;
    const state = this.state(shard.id);
    const candidates = await this.#candidates(state, excluded);
    const [best] = candidates.toSorted((a, b) => compareProgress(b.status, a.status));
    if (best === undefined) {
      throw new StoreError('unavailable', 'shard.elect', 'no in-sync replica is present');
    }
    const level: Candidate[] = [best];
    for (const other of candidates) {
      if (other !== best && (await this.#bringLevel(other, best, state))) level.push(other);
    }
    const next: ShardState = {
      ...state,
      epoch: epoch(state.epoch + 1),
      primary: best.device.id,
      inSync: level.map((one) => one.device.id),
    };
    const begin = sequence(best.status.sequence + 1);
    await Promise.all(level.map((one) => one.replica.begin(next.epoch, begin)));
    await this.#options.coordinator.updateShard(shard.id, next);
    this.#serve(shard, next, level);
  }

  async #candidates(state: ShardState, excluded: DeviceId | undefined): Promise<Candidate[]> {
    const present = state.inSync.flatMap((id) => {
      const device = id === excluded ? undefined : this.device(id);
      return device === undefined ? [] : [device];
    });
    const found = await Promise.all(
      present.map(async (device) => {
        const replica = device.replica(state.id);
        return { device, replica, status: await replica.status() };
      }),
    );
    // Epoch 1 is the one that the map was made with: nobody has ever opened the shard.
    if (state.epoch === 1) {
      for (const one of found) {
        if (one.status.condition === 'absent') await one.replica.initialise(state.epoch);
      }
      return Promise.all(
        found.map(async (one) => ({ ...one, status: await one.replica.status() })),
      );
    }
    return found.filter((one) => one.status.condition === 'ready');
  }

  /** Sends a replica what it lacks of the new primary's log; false when it cannot be had: it needs a copy. */
  async #bringLevel(behind: Candidate, best: Candidate, state: ShardState): Promise<boolean> {
    if (!isPrefix(behind.status, best.status)) return false;
    try {
      const commits = await best.replica.commitsAfter(behind.status.sequence);
      if (commits === undefined) return false;
      if (commits.length > 0) await behind.replica.append({ epoch: state.epoch, commits });
      return true;
    } catch (error) {
      if (isStoreError(error)) return false;
      throw error;
    }
  }

  #serve(shard: ServedShard, state: ShardState, level: readonly Candidate[]): void {
    const [best, ...others] = level;
    invariant(best !== undefined, 'the primary is level with itself');
    const { coordinator, clock, logger, stateMachine } = this.#options;
    shard.device = best.device;
    shard.primary = new ShardPrimary({
      state,
      local: best.replica,
      peers: others.map((one) => one.replica),
      applier: best.device.applier,
      stateMachine,
      coordinator,
      clock,
      logger,
      settings: this.#settings,
      onLost: (_error, excluded) => {
        shard.primary = undefined;
        void this.#start(shard, excluded);
      },
    });
  }

  /** Stops all primaries; the devices stay the caller's to close. */
  close(): void {
    this.#closed = true;
    const cause = new StoreError('cancelled', 'shard.close', 'the process is stopping');
    for (const shard of this.#shards) shard.primary?.stop(cause);
  }
}

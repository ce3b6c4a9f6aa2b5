/**
 * The coordinator of several machines: the cluster map lies in a consensus engine, one key for each
 * shard, device, policy, node and session. What this process knows follows the engine's history, so
 * `current` is always what the map was at some revision; a change is seen here before it resolves.
 */
import type { Clock } from '../../base/clock.ts';
import { StoreError, toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { type DeviceId, deviceId, type ShardId, shardId } from '../../base/units.ts';
import {
  type ClusterMap,
  type Coordinator,
  type DeviceState,
  type Lease,
  lastShardOf,
  type PolicyState,
  type Presence,
  type ShardEdit,
  shardIn,
} from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import type { EngineChange, EngineGuard, EngineWrite, MapEngine } from './map-engine.ts';
import {
  clusterKey,
  clusterLine,
  deviceKey,
  lastDeviceKey,
  lastShardKey,
  MapLines,
  policyKey,
  sessionKey,
  shardKey,
} from './map-keys.ts';
import { EngineLease, type LeaseTimes, leaseTimes } from './map-lease.ts';

export interface MapCoordinatorOptions {
  readonly engine: MapEngine;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly leaseTimes?: LeaseTimes;
}

/** One line of the map: `line` undefined removes it. */
export interface MapEdit {
  readonly key: string;
  readonly line: object | number | undefined;
}

interface Waiter {
  readonly revision: number;
  readonly resolve: () => void;
}

function staleShard(op: string, id: ShardId, found: ShardState | undefined): StoreError {
  return new StoreError('stale-epoch', op, 'the shard has moved on', {
    detail: { shard: id, epoch: found?.epoch ?? 0 },
  });
}

/** The history is behind what the engine is known to have reached: after so long everything is read anew. */
const behindMillis = 1000;
const retryMillis = 300;
/** A change that the engine took and that is not seen here after so long has an unknown outcome. */
const seenMillis = 10_000;

export class MapCoordinator implements Coordinator {
  readonly #options: MapCoordinatorOptions;
  readonly #lines = new MapLines();
  readonly #listeners = new Set<(map: ClusterMap) => void>();
  #map: ClusterMap;
  #revision = 0;
  /** That the engine has reached for certain. */
  #known = 0;
  #waiters: Waiter[] = [];
  #endWatch: () => void = () => undefined;
  #cancelCheck: (() => void) | undefined;
  #refreshing: Promise<void> | undefined;
  #closed = false;

  private constructor(options: MapCoordinatorOptions, map: ClusterMap) {
    this.#options = options;
    this.#map = map;
  }

  /** Undefined when the engine holds no map of this cluster. Throws `unavailable`, `not-implemented`. */
  static async open(options: MapCoordinatorOptions): Promise<MapCoordinator | undefined> {
    const snapshot = await options.engine.read();
    const lines = new MapLines();
    lines.replace(snapshot);
    const map = lines.map(snapshot.revision);
    if (map === undefined) return undefined;
    const coordinator = new MapCoordinator(options, map);
    coordinator.#lines.replace(snapshot);
    coordinator.#revision = snapshot.revision;
    coordinator.#known = snapshot.revision;
    coordinator.#follow();
    return coordinator;
  }

  current(): ClusterMap {
    return this.#map;
  }

  async updateShard(id: ShardId, next: ShardState, ended?: string): Promise<ClusterMap> {
    const key = shardKey(id);
    const found = shardIn(this.#map, id);
    const stale = (): StoreError => staleShard('coordinator.updateShard', id, found);
    if (found === undefined || found.epoch !== next.epoch - 1) throw stale();
    const guards = [{ key, revision: this.#lines.revision(key) }];
    if (ended !== undefined) guards.push({ key: sessionKey(ended), revision: 0 });
    if (await this.#commit(guards, [{ key, line: next }])) return this.#map;
    const now = shardIn(this.#map, id);
    if (now?.epoch !== found.epoch) throw stale();
    throw new StoreError('conflict', 'coordinator.updateShard', "the shard's holder lives", {
      detail: { shard: id },
    });
  }

  async reshape(edits: readonly ShardEdit[]): Promise<ClusterMap> {
    const last = lastShardOf(this.#map);
    for (const { id, epoch } of edits) {
      const found = shardIn(this.#map, id);
      const isAsKnown = epoch === undefined ? id > last : found?.epoch === epoch;
      if (!isAsKnown) throw staleShard('coordinator.reshape', id, found);
    }
    const guards = edits.map(({ id }) => shardKey(id));
    const numbered = Math.max(last, ...edits.map(({ id }) => id));
    const writes: MapEdit[] = edits.map(({ id, next }) => ({ key: shardKey(id), line: next }));
    if (numbered !== this.#map.lastShard) {
      guards.push(lastShardKey);
      writes.push({ key: lastShardKey, line: { shard: numbered } });
    }
    const asKnown = guards.map((key) => ({ key, revision: this.#lines.revision(key) }));
    if (await this.#commit(asKnown, writes)) return this.#map;
    const [first] = edits;
    const id = first?.id ?? shardId(0);
    throw staleShard('coordinator.reshape', id, shardIn(this.#map, id));
  }

  async updateDevice(id: DeviceId, expectedUuid: string, next: DeviceState): Promise<ClusterMap> {
    const key = deviceKey(id);
    const found = this.#map.devices.find((device) => device.id === id);
    const guards = [{ key, revision: this.#lines.revision(key) }];
    const same = found?.uuid === expectedUuid;
    if (same && (await this.#commit(guards, [{ key, line: next }]))) return this.#map;
    throw new StoreError('conflict', 'coordinator.updateDevice', 'the device has changed', {
      detail: { device: id },
    });
  }

  async updatePolicy(expected: PolicyState | undefined, next: PolicyState): Promise<ClusterMap> {
    const key = policyKey(next.name);
    const found = this.#map.policies.find((policy) => policy.name === next.name);
    const guards = [{ key, revision: this.#lines.revision(key) }];
    // Lines are plain data, and are written with their fields in one order.
    const same = JSON.stringify(found) === JSON.stringify(expected);
    if (same && (await this.#commit(guards, [{ key, line: next }]))) return this.#map;
    throw new StoreError('conflict', 'coordinator.updatePolicy', 'the policy has changed', {
      detail: { policy: next.name },
    });
  }

  setDefaultPolicy(name: string): Promise<ClusterMap> {
    return this.change((map) => {
      if (!map.policies.some((policy) => policy.name === name)) {
        throw new StoreError(
          'conflict',
          'coordinator.setDefaultPolicy',
          'there is no such policy',
          { detail: { policy: name } },
        );
      }
      return [{ key: clusterKey, line: clusterLine({ ...map, defaultPolicy: name }) }];
    });
  }

  /** The highest number that a device ever had. */
  get lastDevice(): DeviceId {
    return deviceId(Number(this.#lines.plain(lastDeviceKey) ?? '0'));
  }

  addDevice(make: (last: DeviceId) => DeviceState): Promise<ClusterMap> {
    return this.change(() => {
      const line = make(this.lastDevice);
      return [
        { key: lastDeviceKey, line: line.id },
        { key: deviceKey(line.id), line },
      ];
    });
  }

  async removeDevice(id: DeviceId, expectedUuid: string): Promise<ClusterMap> {
    const key = deviceKey(id);
    const found = this.#map.devices.find((device) => device.id === id);
    const guards = [{ key, revision: this.#lines.revision(key) }];
    const same = found?.uuid === expectedUuid;
    if (same && (await this.#commit(guards, [{ key, line: undefined }]))) return this.#map;
    throw new StoreError('conflict', 'coordinator.removeDevice', 'the device has changed', {
      detail: { device: id },
    });
  }

  /** Ends the sessions of a node's earlier processes. Only for who knows that they are dead. */
  async endSessionsOf(node: string): Promise<void> {
    for (const session of this.#map.sessions ?? []) {
      if (session.node === node) await this.#options.engine.revoke(session.id);
    }
  }

  /** Keys of the engine that begin so. */
  keys(prefix: string): readonly string[] {
    return this.#lines.keys(prefix);
  }

  /**
   * Changes several lines at once, as `edit` says from the map that it is given; tried again while others
   * change the same lines. `edit` may throw to refuse.
   */
  async change(edit: (map: ClusterMap) => readonly MapEdit[]): Promise<ClusterMap> {
    for (let attempt = 0; attempt < 20; attempt++) {
      const edits = edit(this.#map);
      const guards = edits.map(({ key }) => ({ key, revision: this.#lines.revision(key) }));
      if (edits.length === 0 || (await this.#commit(guards, edits))) return this.#map;
    }
    throw new StoreError('conflict', 'coordinator.change', 'others keep changing the cluster map');
  }

  /** True when all was written; then, and when not, the map here is at least as new as the answer. */
  async #commit(guards: readonly EngineGuard[], edits: readonly MapEdit[]): Promise<boolean> {
    if (this.#closed) throw new StoreError('unavailable', 'coordinator', 'it is closed');
    const writes = edits.map(
      ({ key, line }): EngineWrite => ({
        key,
        value: line === undefined ? undefined : JSON.stringify(line),
      }),
    );
    const { taken, revision } = await this.#options.engine.commit(guards, writes);
    await this.#seen(revision);
    return taken;
  }

  watch(listener: (map: ClusterMap) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  async lease(presence: Presence): Promise<Lease> {
    const { engine, clock, logger } = this.#options;
    const times = this.#options.leaseTimes ?? leaseTimes;
    const onRevision = (revision: number): void => this.#reached(revision);
    const lease = await EngineLease.grant({ engine, clock, logger, times, presence, onRevision });
    await this.refresh();
    return lease;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#endWatch();
    this.#cancelCheck?.();
    await this.#options.engine.close();
  }

  #follow(): void {
    const from = this.#revision + 1;
    this.#endWatch = this.#options.engine.watch(from, {
      changed: (revision, changes) => this.#changed(revision, changes),
      broken: (reason) => this.#broken(reason),
    });
  }

  #changed(revision: number, changes: readonly EngineChange[]): void {
    if (this.#closed || revision <= this.#revision) return;
    this.#advance(revision, this.#lines.apply(revision, changes));
  }

  #advance(revision: number, changed: boolean): void {
    this.#revision = Math.max(this.#revision, revision);
    this.#known = Math.max(this.#known, revision);
    const map = changed ? this.#lines.map(this.#revision) : undefined;
    if (map !== undefined) {
      this.#map = map;
      for (const listener of this.#listeners) listener(map);
    }
    const waiters = this.#waiters.filter((waiter) => waiter.revision <= this.#revision);
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > this.#revision);
    for (const waiter of waiters) waiter.resolve();
  }

  #broken(reason: unknown): void {
    if (this.#closed) return;
    const text = toStoreError(reason, 'coordinator.watch').message;
    const fields = { event: 'map.not-followed', reason: text };
    this.#options.logger.warn(fields, 'The cluster map is not followed; it is read anew.');
    this.#known = Math.max(this.#known, this.#revision + 1);
    void this.refresh().catch(() => undefined);
  }

  /** The engine has reached this revision: what happened until then should be known here soon. */
  #reached(revision: number): void {
    if (revision > this.#known) this.#known = revision;
    if (this.#known > this.#revision) this.#checkLater();
  }

  #checkLater(): void {
    if (this.#cancelCheck !== undefined || this.#closed) return;
    const before = this.#revision;
    this.#cancelCheck = this.#options.clock.after(behindMillis, () => {
      this.#cancelCheck = undefined;
      if (this.#revision >= this.#known) return;
      if (this.#revision > before) this.#checkLater();
      else void this.refresh().catch(() => undefined);
    });
  }

  /** Reads the whole map, and follows it from there. Throws `unavailable`, and then goes on trying by itself. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    try {
      const snapshot = await this.#options.engine.read();
      if (this.#closed) return;
      this.#endWatch();
      if (snapshot.revision >= this.#revision) {
        this.#known = snapshot.revision;
        this.#advance(snapshot.revision, this.#lines.replace(snapshot));
      }
      this.#follow();
    } catch (error) {
      if (!this.#closed) {
        this.#options.clock.after(retryMillis, () => {
          if (!this.#closed) void this.refresh().catch(() => undefined);
        });
      }
      throw error;
    }
  }

  /** Resolves when the map here is what it was at `revision`, or newer. */
  #seen(revision: number): Promise<void> {
    if (revision <= this.#revision) return Promise.resolve();
    this.#reached(revision);
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(seenMillis, () => {
        reject(new StoreError('unavailable', 'coordinator', 'the cluster map lags behind'));
      });
      const done = (): void => {
        cancel();
        resolve();
      };
      this.#waiters.push({ revision, resolve: done });
    });
  }
}

import type { Clock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import type { FragmentId, FragmentStore } from '../../storage/fragment/fragment.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { ClusterBodies } from '../proxy/bodies.ts';
import type { ShardMap } from '../proxy/rows.ts';
import { findClaim } from './claims.ts';
import type { DevicePage, DeviceWalk } from './device-walk.ts';

export interface SweeperSettings {
  /** Fragments younger than this may belong to an upload that has not committed yet. */
  readonly graceMillis: number;
  /** An orphan must stay one for this long after it was first seen: readers of a replaced version finish. */
  readonly confirmMillis: number;
  /** Orphans remembered between walks. */
  readonly maxSuspects: number;
}

/** Removes orphans: fragments that no row claims, left by uploads that never committed. */
export class Sweeper implements Worker<DevicePage> {
  readonly name = 'sweeper';
  readonly #walk: DeviceWalk;
  readonly #shards: ShardMap;
  readonly #bodies: ClusterBodies;
  readonly #clock: Clock;
  readonly #settings: SweeperSettings;
  readonly #suspects = new Map<string, number>();
  #removed = 0;

  constructor(options: {
    walk: DeviceWalk;
    shards: ShardMap;
    bodies: ClusterBodies;
    clock: Clock;
    settings: SweeperSettings;
  }) {
    this.#walk = options.walk;
    this.#shards = options.shards;
    this.#bodies = options.bodies;
    this.#clock = options.clock;
    this.#settings = options.settings;
  }

  /** Fragments removed since the start. */
  get removed(): number {
    return this.#removed;
  }

  next(): Promise<DevicePage | undefined> {
    return this.#walk.next();
  }

  async run(job: DevicePage): Promise<void> {
    const seen = new Set<string>();
    for (const id of job.ids) {
      if (seen.has(id.objectId)) continue;
      seen.add(id.objectId);
      if (await this.#isOrphan(job.store, id)) {
        this.#removed += await job.store.remove(id.objectId);
      }
    }
  }

  async #isOrphan(store: FragmentStore, id: FragmentId): Promise<boolean> {
    if (this.#bodies.isOpen(id.objectId)) return false;
    if (await this.#isYoung(store, id)) return false;
    if ((await findClaim(this.#shards, id.objectId)) !== undefined) {
      this.#suspects.delete(id.objectId);
      return false;
    }
    const now = this.#clock.monotonic();
    const since = this.#suspects.get(id.objectId);
    if (since === undefined) {
      if (this.#suspects.size < this.#settings.maxSuspects) this.#suspects.set(id.objectId, now);
      return false;
    }
    if (now - since < this.#settings.confirmMillis) return false;
    return true;
  }

  /** A fragment whose header cannot be read is the auditor's, not ours: count it as young. */
  async #isYoung(store: FragmentStore, id: FragmentId): Promise<boolean> {
    try {
      const read = await store.read(id, { offset: 0, length: 0 });
      if (read === undefined) return true;
      return this.#clock.now() - read.header.createdAt < this.#settings.graceMillis;
    } catch (error) {
      if (isStoreError(error, 'corrupt')) return true;
      throw error;
    }
  }
}

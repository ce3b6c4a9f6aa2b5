import type { Clock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import type { FragmentHeader, FragmentId, FragmentStore } from '../../storage/fragment/fragment.ts';
import type { Worker } from '../../storage/work/worker.ts';
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
  readonly #isOpen: (objectId: string) => Promise<boolean>;
  readonly #clock: Clock;
  readonly #settings: SweeperSettings;
  readonly #suspects = new Map<string, number>();
  #removed = 0;

  constructor(options: {
    walk: DeviceWalk;
    shards: ShardMap;
    /** Whether a client may still be writing the body, through any node. */
    isOpen: (objectId: string) => Promise<boolean>;
    clock: Clock;
    settings: SweeperSettings;
  }) {
    this.#walk = options.walk;
    this.#shards = options.shards;
    this.#isOpen = options.isOpen;
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
    const header = await this.#oldHeader(store, id);
    if (header === undefined) return false;
    const { objectId, containerId } = header;
    if ((await findClaim(this.#shards, objectId, containerId)) !== undefined) {
      this.#suspects.delete(objectId);
      return false;
    }
    // Only now: other nodes are asked, too.
    if (await this.#isOpen(objectId)) return false;
    const now = this.#clock.monotonic();
    const since = this.#suspects.get(objectId);
    if (since === undefined) {
      if (this.#suspects.size < this.#settings.maxSuspects) this.#suspects.set(objectId, now);
      return false;
    }
    return now - since >= this.#settings.confirmMillis;
  }

  /** Undefined for a young fragment, and for one whose header cannot be read: that is the auditor's. */
  async #oldHeader(store: FragmentStore, id: FragmentId): Promise<FragmentHeader | undefined> {
    try {
      const header = (await store.read(id, { offset: 0, length: 0 }))?.header;
      const age = this.#clock.now() - (header?.createdAt ?? 0);
      return age < this.#settings.graceMillis ? undefined : header;
    } catch (error) {
      if (isStoreError(error, 'corrupt')) return undefined;
      throw error;
    }
  }
}

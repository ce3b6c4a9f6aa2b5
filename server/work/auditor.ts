import { isStoreError } from '../../base/errors.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { ShardMap } from '../proxy/rows.ts';
import { findClaim } from './claims.ts';
import type { DevicePage, DeviceWalk } from './device-walk.ts';
import { executeAt } from './queue.ts';

/** Reads every fragment of every device, verifying each byte, and queues bad ones for repair. */
export class Auditor implements Worker<DevicePage> {
  readonly name = 'auditor';
  readonly #walk: DeviceWalk;
  readonly #shards: ShardMap;
  readonly #onQueued: () => void;
  #checked = 0;
  #corrupt = 0;

  /** `onQueued` is told of every body that is queued for repair. */
  constructor(walk: DeviceWalk, shards: ShardMap, onQueued: () => void) {
    this.#walk = walk;
    this.#shards = shards;
    this.#onQueued = onQueued;
  }

  get counts(): { readonly rounds: number; readonly checked: number; readonly corrupt: number } {
    return { rounds: this.#walk.rounds, checked: this.#checked, corrupt: this.#corrupt };
  }

  /** Begins the next round now. */
  request(): void {
    this.#walk.request();
  }

  next(): Promise<DevicePage | undefined> {
    return this.#walk.next();
  }

  async run(page: DevicePage): Promise<void> {
    for (const id of page.ids) {
      this.#checked++;
      try {
        await page.store.read(id);
      } catch (error) {
        if (!isStoreError(error, 'corrupt')) throw error;
        this.#corrupt++;
        await page.store.removeOne(id);
        await this.enqueue(id.objectId);
      }
    }
  }

  /** Queues a body for repair; an orphan is left to the sweeper. */
  async enqueue(objectId: string): Promise<void> {
    const claim = await findClaim(this.#shards, objectId);
    if (claim === undefined) return;
    const { containerId } = claim.row;
    await executeAt(claim.shard, { type: 'repair.enqueue', containerId, objectId });
    this.#onQueued();
  }
}

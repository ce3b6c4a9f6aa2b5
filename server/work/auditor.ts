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
  #checked = 0;
  #corrupt = 0;

  constructor(walk: DeviceWalk, shards: ShardMap) {
    this.#walk = walk;
    this.#shards = shards;
  }

  get counts(): { readonly checked: number; readonly corrupt: number } {
    return { checked: this.#checked, corrupt: this.#corrupt };
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
  }
}

import { isStoreError } from '../../base/errors.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { Placement } from '../proxy/placement.ts';
import type { ShardMap } from '../proxy/rows.ts';
import { findClaim } from './claims.ts';
import { executeAt, finishJob, type QueueJob, type QueueReader } from './queue.ts';
import { inspectClaim, restoreClaim } from './redundancy.ts';

/** Rebuilds the fragments that the repair queue names, on the homes that are there. */
export class Reconstructor implements Worker<QueueJob> {
  readonly name = 'reconstructor';
  readonly #reader: QueueReader;
  readonly #shards: ShardMap;
  readonly #placement: Placement;
  #rebuilt = 0;

  constructor(options: {
    reader: QueueReader;
    shards: ShardMap;
    placement: Placement;
  }) {
    this.#reader = options.reader;
    this.#shards = options.shards;
    this.#placement = options.placement;
  }

  /** Fragments rebuilt since the start. */
  get rebuilt(): number {
    return this.#rebuilt;
  }

  next(): Promise<QueueJob | undefined> {
    return this.#reader.next();
  }

  async run(job: QueueJob): Promise<void> {
    if (job.row.type !== 'repair') return;
    const { objectId, containerId } = job.row;
    const claim = await findClaim(this.#shards, objectId);
    if (claim === undefined) {
      await finishJob(job);
      return;
    }
    const found = await inspectClaim(this.#placement, claim.row);
    try {
      const { rebuilt } = await restoreClaim({ placement: this.#placement }, claim.row, found);
      this.#rebuilt += rebuilt;
    } catch (error) {
      // The row stays, due later: other devices may come back, or the body may be deleted.
      if (!isStoreError(error)) throw error;
      const missing = [...found.missing, ...found.away];
      await executeAt(claim.shard, { type: 'repair.done', containerId, objectId, missing });
      throw error;
    }
    const missing = [...found.away];
    await executeAt(claim.shard, { type: 'repair.done', containerId, objectId, missing });
  }
}

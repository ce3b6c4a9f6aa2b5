import type { Clock } from '../../base/clock.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { RowStore } from '../core/ports.ts';
import { executeFrom, finishJob, type QueueJob, type QueueReader } from './queue.ts';

/** Deletes objects whose X-Delete-At has passed. Readers already treat them as absent. */
export class Expirer implements Worker<QueueJob> {
  readonly name = 'expirer';
  readonly #reader: QueueReader;
  readonly #rows: Pick<RowStore, 'execute'>;
  readonly #clock: Clock;

  constructor(reader: QueueReader, rows: Pick<RowStore, 'execute'>, clock: Clock) {
    this.#reader = reader;
    this.#rows = rows;
    this.#clock = clock;
  }

  next(): Promise<QueueJob | undefined> {
    return this.#reader.next();
  }

  async run(job: QueueJob): Promise<void> {
    if (job.row.type !== 'expire') return;
    const { containerId, key, version } = job.row;
    const nowMillis = this.#clock.now();
    const expire = { type: 'object.expire', containerId, key, version, nowMillis } as const;
    await executeFrom(job.shard, this.#rows, expire);
    await finishJob(job);
  }
}

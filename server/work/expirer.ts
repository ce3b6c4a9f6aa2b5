import type { Clock } from '../../base/clock.ts';
import type { Worker } from '../../storage/work/worker.ts';
import { executeAt, finishJob, type QueueJob, type QueueReader } from './queue.ts';

/** Deletes objects whose X-Delete-At has passed. Readers already treat them as absent. */
export class Expirer implements Worker<QueueJob> {
  readonly name = 'expirer';
  readonly #reader: QueueReader;
  readonly #clock: Clock;

  constructor(reader: QueueReader, clock: Clock) {
    this.#reader = reader;
    this.#clock = clock;
  }

  next(): Promise<QueueJob | undefined> {
    return this.#reader.next();
  }

  async run(job: QueueJob): Promise<void> {
    if (job.row.type !== 'expire') return;
    const { containerId, key, version } = job.row;
    const nowMillis = this.#clock.now();
    await executeAt(job.shard, { type: 'object.expire', containerId, key, version, nowMillis });
    await finishJob(job);
  }
}

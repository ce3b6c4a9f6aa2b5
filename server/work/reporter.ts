import type { Worker } from '../../storage/work/worker.ts';
import type { ContainerRow, QueueRow } from '../core/model.ts';
import { decodeRow, encodeKey } from '../proxy/row-codec.ts';
import { executeAt, finishJob, type QueueJob, type QueueReader } from './queue.ts';

/** Writes a report; resolves with when the next is due, or undefined when there is to be none. */
export type WriteReport = (due: {
  readonly container: ContainerRow;
  readonly name: string;
  readonly token: string;
}) => Promise<number | undefined>;

/** Reports on containers that are due: a report that a crash cut short is written again. */
export class Reporter implements Worker<QueueJob> {
  readonly name = 'reporter';
  readonly #reader: QueueReader;
  readonly #write: WriteReport;

  constructor(reader: QueueReader, write: WriteReport) {
    this.#reader = reader;
    this.#write = write;
  }

  next(): Promise<QueueJob | undefined> {
    return this.#reader.next();
  }

  async run(job: QueueJob): Promise<void> {
    if (job.row.type !== 'report') return;
    const next = await this.#report(job, job.row);
    if (next === undefined) {
      await finishJob(job);
      return;
    }
    const { dueAt, id } = job;
    await executeAt(job.shard, { type: 'queue.move', containerId: '', dueAt, id, to: next });
  }

  async #report(
    job: QueueJob,
    row: Extract<QueueRow, { type: 'report' }>,
  ): Promise<number | undefined> {
    const { containerId, name, token } = row;
    const stored = await job.shard.get(encodeKey('container', { containerId }));
    if (stored === undefined) return undefined;
    return this.#write({ container: decodeRow<'container'>(stored.meta), name, token });
  }
}

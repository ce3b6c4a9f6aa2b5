import type { Worker } from '../../storage/work/worker.ts';
import type { PartRun, QueueRow } from '../core/model.ts';
import type { RowStore } from '../core/ports.ts';
import type { ClusterBodies } from '../proxy/bodies.ts';
import { executeFrom, finishJob, type QueueJob, type QueueReader } from './queue.ts';

const PAGE_PARTS = 100;

function keeps(runs: readonly PartRun[], partNumber: number): boolean {
  return runs.some((run) => partNumber >= run.first && partNumber < run.first + run.count);
}

/** Frees what rows no longer refer to: fragments of replaced and deleted versions, parts of finished uploads. */
export class Reaper implements Worker<QueueJob> {
  readonly name = 'reaper';
  readonly #reader: QueueReader;
  readonly #bodies: ClusterBodies;
  readonly #rows: RowStore;

  constructor(reader: QueueReader, bodies: ClusterBodies, rows: RowStore) {
    this.#reader = reader;
    this.#bodies = bodies;
    this.#rows = rows;
  }

  next(): Promise<QueueJob | undefined> {
    return this.#reader.next();
  }

  async run(job: QueueJob): Promise<void> {
    const { row } = job;
    if (row.type === 'release') {
      // Fragments on a device that is away now become orphans: the sweeper's.
      await this.#bodies.remove(row.stored);
    } else if (row.type === 'release-parts') {
      await this.#releaseParts(job, row);
    }
    await finishJob(job);
  }

  async #releaseParts(
    job: QueueJob,
    row: Extract<QueueRow, { type: 'release-parts' }>,
  ): Promise<void> {
    const { containerId, key, uploadId } = row;
    let after = 0;
    for (;;) {
      const page = await this.#rows.listParts({ containerId, key, uploadId }, after, PAGE_PARTS);
      const partNumbers = page.parts
        .map((part) => part.partNumber)
        .filter((partNumber) => !keeps(row.keep, partNumber));
      if (partNumbers.length > 0) {
        await executeFrom(job.shard, this.#rows, {
          ...{ type: 'parts.release', containerId, key, uploadId },
          partNumbers,
        });
      }
      after = page.parts.at(-1)?.partNumber ?? after;
      if (!page.truncated) break;
    }
    if (row.dropUpload) {
      const forget = { type: 'upload.forget', containerId, key, uploadId } as const;
      await executeFrom(job.shard, this.#rows, forget);
    }
  }
}

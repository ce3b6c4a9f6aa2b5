/** Rewrites the bytes of versions under another policy: transitions, and readable copies of archived ones. One at a time, at half speed. */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { Worker } from '../../../storage/work/worker.ts';
import type {
  BodyRef,
  ContainerRow,
  DueRow,
  DueTask,
  Id,
  PartRow,
  VersionRow,
} from '../../core/model.ts';
import type { BodyStore, RowStore } from '../../core/ports.ts';
import type { StorageClass } from '../../core/storage-classes.ts';
import type { DueJob, DueSource } from './due-jobs.ts';

export interface MoverOptions {
  readonly due: DueSource;
  readonly rows: RowStore;
  readonly bodies: BodyStore;
  readonly clock: Clock;
  readonly classes: readonly StorageClass[];
}

/** Since the start. */
export interface MoverCounts {
  readonly moved: number;
  readonly movedBytes: number;
  readonly restored: number;
}

/** A job that failed waits so long, so that those behind it have their turn. */
const REST_MILLIS = 60_000;
const MAX_RESTING = 1000;
const LOOK_AHEAD = 32;
/** Bytes written before as long a pause as they took. */
const PACE_BYTES = 4 * 1024 * 1024;

type PartsBody = Extract<BodyRef, { type: 'parts' }>;
type MoveTask = DueRow & Extract<DueTask, { type: 'transition' | 'restore' }>;

/** Everything about one version that is to be rewritten. */
interface Move {
  readonly containerId: Id;
  readonly container: ContainerRow;
  readonly key: string;
  readonly stagedId: Id;
  readonly policy: string;
}

export class Mover implements Worker<DueJob> {
  readonly name = 'mover';
  readonly #options: MoverOptions;
  readonly #resting = new Map<string, number>();
  #counts = { moved: 0, movedBytes: 0, restored: 0 };

  constructor(options: MoverOptions) {
    this.#options = options;
  }

  get counts(): MoverCounts {
    return this.#counts;
  }

  async next(): Promise<DueJob | undefined> {
    const jobs = await this.#options.due(LOOK_AHEAD);
    const now = this.#options.clock.monotonic();
    return jobs.find((job) => (this.#resting.get(job.done.id) ?? 0) <= now);
  }

  async run(job: DueJob): Promise<void> {
    const { row } = job;
    if (row.type !== 'transition' && row.type !== 'restore') return;
    try {
      await this.#move(job, row);
      this.#resting.delete(job.done.id);
    } catch (error) {
      if (this.#resting.size >= MAX_RESTING) this.#resting.clear();
      this.#resting.set(job.done.id, this.#options.clock.monotonic() + REST_MILLIS);
      throw error;
    }
  }

  async #move(job: DueJob, task: MoveTask): Promise<void> {
    const { rows, classes } = this.#options;
    const { containerId, key, stagedId } = task;
    const { done } = job;
    const container = await rows.get('container', { containerId });
    const version = container && (await this.#find(task));
    const target =
      task.type === 'restore'
        ? container?.policy
        : classes.find((one) => one.name === task.storageClass)?.policy;
    if (container === undefined || target === undefined || !isWanted(task, version)) {
      await job.execute({ type: 'move.drop', containerId, key, stagedId, done });
      return;
    }
    const from = version.body;
    const move = { containerId, container, key, stagedId, policy: target };
    const body = await this.#rewrite(job, move, from);
    const isMoved = await this.#commit(job, task, { from, body });
    if (!isMoved) {
      if (body !== from && body.type === 'stored') this.#options.bodies.discard(body.stored);
      return;
    }
    if (task.type === 'restore') this.#counts.restored++;
    else this.#counts.moved++;
  }

  async #find({ containerId, key, version }: MoveTask): Promise<VersionRow | undefined> {
    const { rows } = this.#options;
    const current = await rows.get('current', { containerId, key });
    if (current?.version === version) return current;
    return rows.get('version', { containerId, key, version });
  }

  #commit(job: DueJob, task: MoveTask, bodies: { from: BodyRef; body: BodyRef }): Promise<boolean> {
    const { containerId, key, version } = task;
    const what = { containerId, key, version, ...bodies, done: job.done };
    if (task.type === 'restore') {
      return job.execute({ type: 'object.restored', ...what, days: task.days });
    }
    return job.execute({ type: 'object.move', ...what, storageClass: task.storageClass });
  }

  /** The same bytes under the policy of the move; the same body where that is what it has. */
  async #rewrite(job: DueJob, move: Move, body: BodyRef): Promise<BodyRef> {
    if (body.type === 'parts') return this.#rewriteParts(job, move, body);
    return isUnder(body, move.policy) ? body : this.#copy(move, body);
  }

  /** Sealed bytes are copied as they are: no key is asked for. */
  async #copy(move: Move, body: BodyRef): Promise<BodyRef> {
    if (body.type !== 'stored') return body;
    const { bodies } = this.#options;
    const { account, name } = move.container;
    const { containerId, key, policy } = move;
    const { stored } = body;
    const target = { account, container: name, containerId, key, policy };
    const bytes = bodies.read(stored, 0, stored.size);
    const written = await bodies.write(target, this.#paced(bytes));
    this.#counts.movedBytes += stored.size;
    return { ...body, stored: written };
  }

  /**
   * Part by part, each kept when it is written: a restart goes on where it stopped. All of them or none: the
   * old ones are released together.
   */
  async #rewriteParts(job: DueJob, move: Move, body: PartsBody): Promise<BodyRef> {
    const { rows, bodies } = this.#options;
    const { containerId, key, stagedId } = move;
    let isNeeded = false;
    for await (const part of this.#partsOf(move, body)) {
      isNeeded ||= !isUnder(part.body, move.policy);
      if (isNeeded) break;
    }
    if (!isNeeded) return body;
    for await (const part of this.#partsOf(move, body)) {
      const at = { containerId, key, uploadId: stagedId, partNumber: part.partNumber };
      if ((await rows.get('part', at)) !== undefined) continue;
      const copy = await this.#copy(move, part.body);
      const isStaged = await job.execute({
        ...{ type: 'move.stage-part', containerId, key, stagedId },
        part: { ...part, body: copy },
        ...(copy.type === 'inline' ? { inlineOf: body.uploadId } : {}),
      });
      if (!isStaged && copy.type === 'stored') bodies.discard(copy.stored);
    }
    return { ...body, uploadId: stagedId };
  }

  async *#partsOf({ containerId, key }: Move, body: PartsBody): AsyncGenerator<PartRow> {
    const { uploadId } = body;
    for (const run of body.runs) {
      for (let partNumber = run.first; partNumber < run.first + run.count; partNumber++) {
        const at = { containerId, key, uploadId, partNumber };
        const part = await this.#options.rows.get('part', at);
        if (part === undefined) throw gone(partNumber);
        yield part;
      }
    }
  }

  /** Rests as long as it worked. */
  async *#paced(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const { clock } = this.#options;
    let since = clock.monotonic();
    let bytes = 0;
    for await (const chunk of chunks) {
      bytes += chunk.length;
      yield chunk;
      if (bytes < PACE_BYTES) continue;
      await clock.sleep(clock.monotonic() - since);
      since = clock.monotonic();
      bytes = 0;
    }
  }
}

function isWanted(task: MoveTask, version: VersionRow | undefined): version is VersionRow {
  if (version?.kind !== 'object') return false;
  return task.type === 'restore'
    ? version.restore?.state === 'ongoing'
    : version.storageClass !== task.storageClass;
}

/** What stands in a row is under whatever policy is asked for. */
function isUnder(body: BodyRef, policy: string): boolean {
  return body.type !== 'stored' || body.stored.policy === policy;
}

/** The version was replaced meanwhile, and its parts are released: the next look finds that out. */
function gone(partNumber: number): StoreError {
  return new StoreError('conflict', 'lifecycle.move', 'a part was released meanwhile', {
    detail: { partNumber },
  });
}

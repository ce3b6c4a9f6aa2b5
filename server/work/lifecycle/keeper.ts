/** Looks at keys and uploads when rules may act on them, and at whole containers when rules are new. */
import type { Clock } from '../../../base/clock.ts';
import { toStoreError } from '../../../base/errors.ts';
import type { Micros } from '../../../base/units.ts';
import type { Worker } from '../../../storage/work/worker.ts';
import { isLocked, lockEndsAt } from '../../core/decide/lock.ts';
import {
  dueAction,
  duesOf,
  earliest,
  type LifecycleContext,
  nextDue,
  uploadDue,
  type VersionState,
} from '../../core/lifecycle/due.ts';
import type { Lifecycle } from '../../core/lifecycle/rules.ts';
import { commonPrefix } from '../../core/lifecycle/matching.ts';
import type { ContainerRow, DueRow, DueTask, Id } from '../../core/model.ts';
import type { PageQuery, RowStore } from '../../core/ports.ts';
import { versionsOf } from './chain.ts';
import type { DueJob, DueSource } from './due-jobs.ts';

export interface KeeperOptions {
  readonly due: DueSource;
  readonly rows: RowStore;
  readonly clock: Clock;
  readonly context: LifecycleContext;
}

/** Since the start. */
export interface KeeperCounts {
  readonly checked: number;
  readonly removed: number;
  readonly marked: number;
  readonly aborted: number;
  readonly scanned: number;
  /** How long ago what is looked at now was due; 0: nothing is. */
  readonly lateMillis: number;
}

/** Rows at one time: their commits share batches. */
const TOGETHER = 32;
/** Versions that one commit judges. */
const VERSIONS = 32;
const SCAN_PAGE = 100;

/** A container that lives and has rules. */
interface Kept {
  readonly containerId: Id;
  readonly container: ContainerRow;
  readonly lifecycle: Lifecycle;
}

type Task<T extends DueTask['type']> = DueRow & Extract<DueTask, { type: T }>;

export class LifecycleKeeper implements Worker<readonly DueJob[]> {
  readonly name = 'lifecycle';
  readonly #options: KeeperOptions;
  #counts = { checked: 0, removed: 0, marked: 0, aborted: 0, scanned: 0 };
  #lateMillis = 0;

  constructor(options: KeeperOptions) {
    this.#options = options;
  }

  get counts(): KeeperCounts {
    return { ...this.#counts, lateMillis: this.#lateMillis };
  }

  async next(): Promise<readonly DueJob[] | undefined> {
    const jobs = await this.#options.due(TOGETHER);
    // Scans are due at once, whenever that was.
    const dues = jobs.map(({ done }) => done.dueAt).filter((dueAt) => dueAt > 0);
    this.#lateMillis = dues.length === 0 ? 0 : this.#options.clock.now() - Math.min(...dues);
    return jobs.length === 0 ? undefined : jobs;
  }

  async run(jobs: readonly DueJob[]): Promise<void> {
    const outcomes = await Promise.allSettled(jobs.map((job) => this.#one(job)));
    const failed = outcomes.find((outcome) => outcome.status === 'rejected');
    if (failed !== undefined) throw toStoreError(failed.reason, 'lifecycle');
  }

  async #one(job: DueJob): Promise<void> {
    const { row, done } = job;
    const { containerId } = row;
    if (row.type === 'unrestore') {
      const { key, version } = row;
      await job.execute({ type: 'object.unrestore', containerId, key, version, done });
      return;
    }
    const container = await this.#options.rows.get('container', { containerId });
    const { lifecycle } = container ?? {};
    if (container?.state !== 'live' || lifecycle === undefined) {
      await job.execute({ type: 'lifecycle.done', containerId, done });
      return;
    }
    const kept = { containerId, container, lifecycle };
    if (row.type === 'key') await this.#checkKey(job, kept, row);
    else if (row.type === 'upload') await this.#checkUpload(job, row);
    else if (row.type === 'scan') await this.#scan(job, kept, row);
  }

  async #checkUpload(job: DueJob, { containerId, key, uploadId }: Task<'upload'>): Promise<void> {
    const at = { containerId, key, uploadId };
    const { done } = job;
    const aborted = await job.execute({ type: 'lifecycle.expire-upload', ...at, done });
    this.#counts.checked++;
    if (aborted) this.#counts.aborted++;
  }

  async #checkKey(job: DueJob, kept: Kept, { key }: Task<'key'>): Promise<void> {
    const { containerId } = kept;
    const { now, next } = await this.#judge(kept, key);
    this.#counts.checked++;
    const at = { containerId, key };
    // All but the last few go first: what asked for it must not end before it is done.
    while (now.length > VERSIONS) {
      const versions = now.splice(0, VERSIONS);
      this.#count(await job.execute({ type: 'lifecycle.apply', ...at, versions }));
    }
    const last = next === undefined ? {} : { nextDueAt: next };
    const { done } = job;
    this.#count(
      await job.execute({ type: 'lifecycle.apply', ...at, versions: now, ...last, done }),
    );
  }

  #count({ removed, marked }: { readonly removed: number; readonly marked: number }): void {
    this.#counts.removed += removed;
    this.#counts.marked += marked;
  }

  /** Versions of the key that something is due for, and when the next of the others is. */
  async #judge(kept: Kept, key: string): Promise<{ now: Micros[]; next: number | undefined }> {
    const { rows, clock, context } = this.#options;
    const { containerId, container, lifecycle } = kept;
    const now: Micros[] = [];
    let next: number | undefined;
    const nowMillis = clock.now();
    for await (const state of versionsOf(rows, { containerId, key }, container)) {
      const dues = duesOf(lifecycle, state, context);
      const due = dueAction(dues, nowMillis, context);
      const lockEnd = due?.action.type === 'expire' ? lockEndOf(state, nowMillis) : undefined;
      if (due !== undefined && lockEnd === undefined) now.push(state.row.version);
      next = earliest([next, lockEnd, nextDue(dues, nowMillis)]);
    }
    return { now, next };
  }

  /** One page of one table; what is due there at once is only noted, for others to do. */
  async #scan(job: DueJob, kept: Kept, row: Task<'scan'>): Promise<void> {
    const { containerId } = kept;
    const page = row.table === 'upload' ? this.#uploads(kept, row) : this.#keys(kept, row);
    const { dues, next } = await page;
    this.#counts.scanned += dues.length;
    const { done } = job;
    const going = next === undefined ? {} : { next };
    await job.execute({ type: 'lifecycle.plan', containerId, dues, done, ...going });
  }

  async #uploads(kept: Kept, row: Task<'scan'>): Promise<Scanned> {
    const { containerId, lifecycle } = kept;
    const query = { ...pageFrom(kept, row.after), afterUpload: row.afterUpload };
    const page = await this.#options.rows.listUploads(containerId, query);
    const dues: PlannedDue[] = [];
    let next: DueTask | undefined;
    for (const item of page.items) {
      if (item.type !== 'row') continue;
      const { uploadId, startedAt } = item.row;
      const due = uploadDue(lifecycle, item.name, item.row, this.#options.context);
      if (due !== undefined) dues.push({ key: item.name, dueAt: due.at, uploadId });
      const afterUpload = { startedAt, uploadId };
      next = { type: 'scan', table: 'upload', after: item.name, afterUpload };
    }
    return { dues, next: page.truncated ? next : undefined };
  }

  async #keys(kept: Kept, row: Task<'scan'>): Promise<Scanned> {
    const { rows, clock } = this.#options;
    const { containerId, container } = kept;
    const { table } = row;
    if (table === 'version' && container.versioning === 'off') return { dues: [], next: undefined };
    const query = pageFrom(kept, row.after);
    const page =
      table === 'version'
        ? await rows.listVersions(containerId, query)
        : await rows.listCurrent(containerId, query);
    const dues: PlannedDue[] = [];
    for (const item of page.items) {
      // In `version` only what is the newest of its key: all others are of keys that `current` shows.
      if (item.type !== 'row' || item.row.newer !== undefined) continue;
      const { now, next } = await this.#judge(kept, item.name);
      const dueAt = now.length > 0 ? clock.now() : next;
      if (dueAt !== undefined) dues.push({ key: item.name, dueAt });
    }
    const after = page.items.at(-1)?.name;
    const goesOn = page.truncated && after !== undefined;
    return { dues, next: goesOn ? { type: 'scan', table, after } : undefined };
  }
}

interface PlannedDue {
  readonly key: string;
  readonly dueAt: number;
  readonly uploadId?: Id;
}

interface Scanned {
  readonly dues: readonly PlannedDue[];
  readonly next: DueTask | undefined;
}

/** When a version that would go, but for its lock, may be looked at again. */
function lockEndOf({ row, noncurrent }: VersionState, nowMillis: number): number | undefined {
  if (noncurrent === undefined || !isLocked(row, { nowMillis })) return undefined;
  return lockEndsAt(row, nowMillis);
}

/** To the end of the piece: those behind it have scans of their own. */
function pageFrom({ container, lifecycle }: Kept, after: string | undefined): PageQuery {
  const prefix = commonPrefix(lifecycle);
  const before = container.piece?.to;
  return { prefix, delimiter: '', after, before, reverse: false, limit: SCAN_PAGE };
}

import { StoreError } from '../../../base/errors.ts';
import type { Micros } from '../../../base/units.ts';
import { addAccountUsage, noAccountUsage } from '../account/usage.ts';
import { accountIdOf } from '../ids.ts';
import type {
  AccountSums,
  AccountUsageRow,
  BacklogRow,
  BodyRef,
  ContainerRow,
  DueTask,
  Id,
  QueueRow,
  StoredBody,
  UsageRow,
} from '../model.ts';
import { type LifecycleContext, realDays } from '../lifecycle/due.ts';
import type { Change, ShardView } from '../ports.ts';
import type { DueKey } from '../lifecycle/due-key.ts';
import type { Allowance } from '../commands.ts';
import { checkGrowth, checkReserved, quotaOf, sumsOf } from '../quota/quota.ts';

export interface DecideOptions {
  /** How long readers of a replaced body may still need its fragments. */
  readonly releaseGraceMillis: number;
  /** How long a completed upload is remembered for a repeated Complete. Default 24 hours. */
  readonly completedUploadMillis?: number | undefined;
  /** How long to wait before a repair that left something missing is tried again. Default 30 seconds. */
  readonly repairRetryMillis?: number | undefined;
  /** The length of a day and the storage classes. Default: real days, no classes. */
  readonly lifecycle?: LifecycleContext | undefined;
  /** How long an object that has expired is kept for those who ask for it all the same (Swift's X-Open-Expired). Default 0. */
  readonly expiredKeptMillis?: number | undefined;
  /** Of a policy: bodies that older versions of its ring placed are refused, as nothing looks for them where they lie. */
  readonly oldestRing?: ((policy: string) => number) | undefined;
  /** How many events may wait in one feed. */
  readonly maxFeedEvents?: number | undefined;
}

/** Where and when a command is decided. `time` is unique within the shard and grows. */
export interface DecideStamp {
  readonly time: Micros;
}

const emptyUsage: UsageRow = { objects: 0, bytes: 0, versions: 0, versionBytes: 0, uploads: 0 };

/** What one decision has gathered so far: changes, sums and queued work. */
export class Commit {
  readonly view: ShardView;
  readonly time: Micros;
  readonly nowMillis: number;
  readonly options: DecideOptions;
  /** What feeds, by their ids, have been told by this commit so far: the view does not show it. */
  readonly told: Map<Id, { readonly backlog: BacklogRow; readonly stamp: Micros }> = new Map();
  readonly #changes: Change[] = [];
  readonly #usage = new Map<Id, { row: UsageRow; readonly container: ContainerRow }>();
  readonly #accountUsage = new Map<Id, { readonly containerId: Id; row: AccountUsageRow }>();
  #container: { readonly id: Id; readonly row: ContainerRow } | undefined;
  #queued = 0;
  /** Of the account's sums. */
  #growth = { bytes: 0, objects: 0 };

  constructor(view: ShardView, stamp: DecideStamp, options: DecideOptions) {
    this.view = view;
    this.time = stamp.time;
    this.nowMillis = Math.floor(stamp.time / 1000);
    this.options = options;
  }

  change(...changes: readonly Change[]): void {
    this.#changes.push(...changes);
  }

  /** The container's row; StoreError `no-such-container` unless it lives. */
  container(containerId: Id): ContainerRow {
    if (this.#container?.id === containerId) return this.#container.row;
    const row = this.view.get('container', { containerId });
    if (row?.state === 'live') {
      this.#container = { id: containerId, row };
      return row;
    }
    throw new StoreError('no-such-container', 'decide', 'the container does not exist');
  }

  usage(containerId: Id): UsageRow {
    return (
      this.#usage.get(containerId)?.row ??
      this.view.get('usage', { containerId }) ?? { ...emptyUsage }
    );
  }

  /** Adds to the container's sums, and what concerns the account to its sums. */
  addUsage(containerId: Id, container: ContainerRow, delta: Partial<UsageRow>): void {
    if (Object.values(delta).every((value) => value === 0)) return;
    const old = this.usage(containerId);
    const row = {
      objects: old.objects + (delta.objects ?? 0),
      bytes: old.bytes + (delta.bytes ?? 0),
      versions: old.versions + (delta.versions ?? 0),
      versionBytes: old.versionBytes + (delta.versionBytes ?? 0),
      uploads: old.uploads + (delta.uploads ?? 0),
      ...(old.isPart === true ? { isPart: old.isPart } : {}),
    };
    this.#usage.set(containerId, { row, container });
    const objects = delta.objects ?? 0;
    // An account pays for old versions too.
    const bytes = delta.versionBytes ?? 0;
    if (objects !== 0 || bytes !== 0) {
      this.addAccountUsage(containerId, container, { containers: 0, objects, bytes });
    }
  }

  addAccountUsage(
    containerId: Id,
    { account, policy }: Pick<ContainerRow, 'account' | 'policy'>,
    delta: AccountSums,
  ): void {
    const { bytes, objects } = this.#growth;
    this.#growth = { bytes: bytes + delta.bytes, objects: objects + delta.objects };
    const accountId = accountIdOf(account);
    const old =
      this.#accountUsage.get(accountId)?.row ??
      this.view.get('accountUsage', { containerId, accountId }) ??
      noAccountUsage;
    const row = addAccountUsage(old, { ...delta, policies: { [policy]: delta } });
    this.#accountUsage.set(accountId, { containerId, row });
  }

  /** Leaves work for later. `containerId` routes it to this shard. Returns the row's key. */
  enqueue(containerId: Id, dueAt: number, row: QueueRow): { dueAt: number; id: string } {
    // Stamps are unique within the shard; the counter tells the rows of one commit apart.
    const number = this.#queued++;
    const id = `${this.time.toString(16).padStart(16, '0')}-${number.toString(16).padStart(4, '0')}`;
    const due = Math.max(0, Math.floor(dueAt));
    this.change({ type: 'put', table: 'queue', key: { containerId, dueAt: due, id }, row });
    return { dueAt: due, id };
  }

  /** As `enqueue`, for lifecycle: the same `id` at the same time is the same row. */
  enqueueDue(key: DueKey, task: DueTask): void {
    const dueAt = Math.max(0, Math.floor(key.dueAt));
    const row = { containerId: key.containerId, stamp: this.time, ...task };
    this.change({ type: 'put', table: 'due', key: { ...key, dueAt }, row });
  }

  get lifecycle(): LifecycleContext {
    return this.options.lifecycle ?? realDays;
  }

  /** A row under `key` refers to this body from now on. Fragments that were not synced are queued for repair at once. */
  claim(containerId: Id, key: string, stored: StoredBody): void {
    const { objectId, policy, ring = 1 } = stored;
    if (ring < (this.options.oldestRing?.(policy) ?? 0)) {
      const sentence = 'the ring has changed since the bytes were written: write them again';
      throw new StoreError('unavailable', 'decide.claim', sentence, { detail: { policy, ring } });
    }
    const repair =
      stored.missing.length === 0
        ? undefined
        : this.enqueue(containerId, this.nowMillis, { type: 'repair', objectId, containerId });
    this.change({
      type: 'put',
      table: 'claim',
      key: { containerId, objectId },
      row: { containerId, key, stored, ...(repair === undefined ? {} : { repair }) },
    });
  }

  claimBody(containerId: Id, key: string, body: BodyRef): void {
    if (body.type === 'stored') this.claim(containerId, key, body.stored);
  }

  /** No row refers to this body any more. Its claim stays until the fragments are gone (`queue.done`), so that nothing takes them for orphans while readers finish. */
  releaseBody(containerId: Id, key: string, body: BodyRef, graceMillis?: number): void {
    const dueAt = this.nowMillis + (graceMillis ?? this.options.releaseGraceMillis);
    if (body.type === 'stored') {
      this.enqueue(containerId, dueAt, { type: 'release', stored: body.stored, containerId });
    } else if (body.type === 'parts') {
      const { uploadId } = body;
      this.enqueue(containerId, dueAt, {
        type: 'release-parts',
        containerId,
        key,
        uploadId,
        keep: [],
        dropUpload: false,
      });
    }
  }

  #checkAllowance(allowance: Allowance | undefined): void {
    if (allowance === undefined) return;
    const { bytes, objects } = this.#growth;
    if (bytes <= Math.max(0, allowance.bytes) && objects <= Math.max(0, allowance.objects)) return;
    throw new StoreError('conflict', 'decide', 'more is added than was reserved', {
      detail: { allowance: true },
    });
  }

  #checkQuota(
    containerId: Id,
    of: { readonly container: ContainerRow; readonly row: UsageRow },
    allowance: Allowance | undefined,
  ): void {
    const quota = quotaOf(of.container.settings);
    if (quota === undefined) return;
    const before = sumsOf(this.view.get('usage', { containerId }) ?? emptyUsage);
    const after = sumsOf(of.row);
    const growth = { bytes: after.bytes - before.bytes, objects: after.objects - before.objects };
    if (of.container.piece === undefined) checkGrowth(quota, before, growth);
    else checkReserved(quota, growth, allowance);
  }

  /** All changes, the sums last. Throws `quota-exceeded`. */
  finish(allowance?: Allowance): readonly Change[] {
    this.#checkAllowance(allowance);
    const changes = [...this.#changes];
    for (const [containerId, of] of this.#usage) {
      this.#checkQuota(containerId, of, allowance);
      changes.push({ type: 'put', table: 'usage', key: { containerId }, row: of.row });
    }
    for (const [accountId, { containerId, row }] of this.#accountUsage) {
      changes.push({ type: 'put', table: 'accountUsage', key: { containerId, accountId }, row });
    }
    return changes;
  }
}

export interface At {
  readonly containerId: Id;
  readonly key: string;
}

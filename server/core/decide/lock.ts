/**
 * Object lock (decision 0014): what may not be removed, and which changes of a lock are allowed.
 * Every decision that removes a version asks here, whichever door or worker sent it.
 */
import { StoreError } from '../../../base/errors.ts';
import type { LockChange } from '../commands.ts';
import type { ContainerLock, ContainerRow, ObjectLock, Retention, VersionRow } from '../model.ts';

const DAY_MILLIS = 24 * 60 * 60 * 1000;
const YEAR_DAYS = 365;

/** Whom a lock must stop. */
export interface LockContext {
  readonly nowMillis: number;
  /** The caller asked to get past governance retention, and may. */
  readonly bypassGovernance?: boolean | undefined;
}

/** Until when a retention holds: one that cannot be read (a later release's, a damaged row) holds for ever. */
function activeRetention(
  lock: ObjectLock | undefined,
  nowMillis: number,
): Retention | 'unreadable' | undefined {
  if (lock === undefined) return undefined;
  if (typeof lock !== 'object' || lock === null) return 'unreadable';
  const { retention } = lock;
  if (retention === undefined) return undefined;
  if (typeof retention !== 'object' || retention === null) return 'unreadable';
  if (!Number.isFinite(retention.until)) return 'unreadable';
  if (retention.until <= nowMillis) return undefined;
  return retention.mode === 'governance' || retention.mode === 'compliance'
    ? retention
    : 'unreadable';
}

/** Anything but OFF holds. */
function isHeld(lock: ObjectLock | undefined): boolean {
  return lock?.legalHold !== undefined && lock.legalHold !== false;
}

/** Whether the version must stay as it is. */
export function isLocked(row: Pick<VersionRow, 'lock'>, context: LockContext): boolean {
  if (row.lock === undefined) return false;
  if (isHeld(row.lock)) return true;
  const retention = activeRetention(row.lock, context.nowMillis);
  if (retention === undefined) return false;
  return (
    retention === 'unreadable' ||
    retention.mode === 'compliance' ||
    context.bypassGovernance !== true
  );
}

/** Throws `access-denied` (detail `locked`) when the version may not be removed. */
export function checkRemovable(
  row: Pick<VersionRow, 'lock'>,
  context: LockContext,
  op: string,
): void {
  if (isLocked(row, context)) throw denied(op);
}

function denied(op: string): StoreError {
  return new StoreError('access-denied', op, 'the version is locked', { detail: { locked: true } });
}

/** When a lock that holds now may be looked at again: a legal hold, or what cannot be read, has no end. */
export function lockEndsAt(row: Pick<VersionRow, 'lock'>, nowMillis: number): number {
  const retention = activeRetention(row.lock, nowMillis);
  const isOpen = isHeld(row.lock) || retention === undefined || retention === 'unreadable';
  return isOpen ? nowMillis + DAY_MILLIS : retention.until;
}

/** Throws `invalid-argument` unless a new version may carry this lock here. */
export function checkNewLock(
  container: Pick<ContainerRow, 'lock'>,
  lock: ObjectLock | undefined,
  about: { readonly nowMillis: number; readonly op: string },
): void {
  if (lock === undefined) return;
  if (lock.retention !== undefined) checkFuture(lock.retention, about);
  if (container.lock === undefined) throw newLockless(about.op);
}

function lockless(
  op: string,
  message: string = 'Bucket is missing Object Lock Configuration',
): StoreError {
  return new StoreError('invalid-argument', op, message, { detail: { argument: 'lock' } });
}

/** Amazon spells it otherwise where a new version brings its lock. */
function newLockless(op: string): StoreError {
  return lockless(op, 'Bucket is missing ObjectLockConfiguration');
}

function checkFuture(
  retention: Retention,
  about: { readonly nowMillis: number; readonly op: string },
): void {
  if (retention.until > about.nowMillis) return;
  throw new StoreError(
    'invalid-argument',
    about.op,
    'The retain until date must be in the future!',
    { detail: { argument: 'retention' } },
  );
}

/** The lock of a new version: its own retention, or else the container's default from now on. */
export function newLock(
  container: Pick<ContainerRow, 'lock'>,
  lock: ObjectLock | undefined,
  nowMillis: number,
): ObjectLock | undefined {
  if (lock !== undefined && container.lock === undefined) throw newLockless('object.put');
  const usual = container.lock?.defaultRetention;
  if (usual === undefined || lock?.retention !== undefined) return lock;
  const days = usual.days ?? (usual.years ?? 0) * YEAR_DAYS;
  return { ...lock, retention: { mode: usual.mode, until: nowMillis + days * DAY_MILLIS } };
}

/**
 * The lock after a change. Active compliance may only be extended; governance may be extended by
 * everybody who may set it, and shortened, removed or turned into compliance by who bypasses it.
 */
export function changedLock(
  container: Pick<ContainerRow, 'lock'>,
  old: ObjectLock | undefined,
  change: LockChange,
  context: LockContext & { readonly op: string },
): ObjectLock {
  if (container.lock === undefined) throw lockless(context.op);
  const { retention, legalHold } = change;
  const kept = { ...(typeof old === 'object' ? old : undefined) };
  const held = legalHold === undefined ? {} : { legalHold };
  if (retention === undefined) return { ...kept, ...held };
  checkRetentionChange(old, retention, context);
  if (retention !== null) checkFuture(retention, context);
  const { retention: _old, ...rest } = kept;
  return { ...rest, ...held, ...(retention === null ? {} : { retention }) };
}

function checkRetentionChange(
  old: ObjectLock | undefined,
  next: Retention | null,
  context: LockContext & { readonly op: string },
): void {
  const active = activeRetention(old, context.nowMillis);
  if (active === undefined) return;
  if (active === 'unreadable') throw denied(context.op);
  if (next !== null && next.mode === active.mode && next.until >= active.until) return;
  if (active.mode === 'governance' && context.bypassGovernance === true) return;
  throw denied(context.op);
}

/** The container's lock after a change; `invalid-state` unless it is versioned, for good. */
export function containerLock(
  container: Pick<ContainerRow, 'versioning'>,
  lock: ContainerLock,
): ContainerLock {
  if (container.versioning === 'enabled') return lock;
  throw new StoreError(
    'invalid-state',
    'container.lock',
    "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
  );
}

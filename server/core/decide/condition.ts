import { StoreError } from '../../../base/errors.ts';
import type { WriteCondition } from '../commands.ts';
import { bareEtag, type VersionRow, versionIdOf } from '../model.ts';
import { isLocked } from './lock.ts';

/** Whether the version must not be served any more: readers treat it as absent before the expirer comes. One that expiry would remove does not expire while it is locked. */
export function isExpired(
  row: Pick<VersionRow, 'expiresAt' | 'isNull' | 'lock'>,
  nowMillis: number,
): boolean {
  if (row.expiresAt === undefined || row.expiresAt > nowMillis) return false;
  return !row.isNull || !isLocked(row, { nowMillis });
}

/** The newest version as conditions see it: a delete marker or an expired object is no object. */
export function visibleObject(
  newest: VersionRow | undefined,
  nowMillis: number,
): VersionRow | undefined {
  if (newest === undefined || newest.kind !== 'object') return undefined;
  return isExpired(newest, nowMillis) ? undefined : newest;
}

/** Time of last change as HTTP dates can say it: whole seconds, in milliseconds. */
export function modifiedSecondsOf(row: Pick<VersionRow, 'modifiedAt'>): number {
  return Math.floor(row.modifiedAt / 1_000_000) * 1000;
}

/** A static large object answers to both ways of writing its etag: S3 shows the number of parts behind it, Swift does not. */
export function matchesTag(
  row: Pick<VersionRow, 'etag' | 'manifest'>,
  tags: readonly string[] | '*',
): boolean {
  if (tags === '*' || tags.includes(row.etag)) return true;
  return row.manifest !== undefined && tags.includes(bareEtag(row.etag));
}

/** Throws unless a write over `existing` is allowed (see WriteCondition). Used early by the front and, where it counts, by the decision. */
export function checkWriteCondition(
  condition: WriteCondition,
  existing: VersionRow | undefined,
  op: string,
): void {
  const { ifMatch, ifNoneMatch, ifUnmodifiedSince, absentFails } = condition;
  if (ifMatch !== undefined) {
    if (existing === undefined) {
      if (absentFails === true) throw failed(op, 'if-match', existing);
      throw new StoreError('no-such-object', op, 'there is no object to match');
    }
    if (!matchesTag(existing, ifMatch)) throw failed(op, 'if-match', existing);
  }
  if (existing === undefined) return;
  if (ifUnmodifiedSince !== undefined && modifiedSecondsOf(existing) > ifUnmodifiedSince) {
    throw failed(op, 'if-unmodified-since', existing);
  }
  if (ifNoneMatch !== undefined && matchesTag(existing, ifNoneMatch)) {
    throw failed(op, 'if-none-match', existing);
  }
}

/** The conditions of a deletion that speak of the version which is addressed, the newest (a marker too) when none is. */
export function checkAddressed(
  condition: WriteCondition,
  addressed: VersionRow | undefined,
  op: string,
): void {
  const { ifModifiedAt, ifSize, ifExpiresAt } = condition;
  if (ifExpiresAt !== undefined) {
    if (addressed?.kind !== 'object') {
      throw new StoreError('no-such-object', op, 'there is no object that could expire');
    }
    if ((addressed.expiresAt ?? 0) !== ifExpiresAt) throw failed(op, 'x-if-delete-at', addressed);
  }
  if (addressed === undefined) return;
  if (ifModifiedAt !== undefined && modifiedSecondsOf(addressed) !== ifModifiedAt) {
    throw failed(op, 'x-amz-if-match-last-modified-time', addressed);
  }
  if (ifSize !== undefined && addressed.size !== ifSize) {
    throw failed(op, 'x-amz-if-match-size', addressed);
  }
}

export function hasWriteCondition(condition: WriteCondition): boolean {
  const { ifMatch, ifNoneMatch, ifUnmodifiedSince } = condition;
  return ifMatch !== undefined || ifNoneMatch !== undefined || ifUnmodifiedSince !== undefined;
}

function failed(op: string, condition: string, existing: VersionRow | undefined): StoreError {
  const about =
    existing === undefined
      ? {}
      : {
          etag: existing.etag,
          modifiedAt: existing.modifiedAt,
          version: versionIdOf(existing),
        };
  return new StoreError('precondition-failed', op, `the condition ${condition} does not hold`, {
    detail: { condition, ...about },
  });
}

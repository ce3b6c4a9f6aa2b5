/**
 * Conditional requests. Reads follow Swift, which judges every header it gets; RFC 9110 lets If-Match
 * silence If-Unmodified-Since, and Swift's own tests want both obeyed. Writes are judged in the
 * commit, so that they hold under races.
 */
import { StoreError } from '../../../base/errors.ts';
import type { WriteCondition } from '../../core/commands.ts';
import type { VersionRow } from '../../core/model.ts';
import { parseEntityTags, parseHttpDate } from '../../http/conditional.ts';
import type { Headers } from '../headers.ts';
import { refuse } from '../reply.ts';
import { lastModifiedMillis } from '../timestamps.ts';

export type Verdict = 'proceed' | 'not-modified' | 'precondition-failed';

type Tags = readonly string[] | '*' | undefined;

function matches(tags: Tags, etag: string): boolean {
  return tags === '*' || tags?.includes('*') === true || tags?.includes(etag) === true;
}

export function judgeRead(headers: Headers, row: VersionRow): Verdict {
  const noneMatch = parseEntityTags(headers.get('if-none-match'));
  if (noneMatch !== undefined && matches(noneMatch, row.etag)) return 'not-modified';
  const match = parseEntityTags(headers.get('if-match'));
  if (match !== undefined && !matches(match, row.etag)) return 'precondition-failed';
  const modified = lastModifiedMillis(row.modifiedAt);
  const modifiedSince = parseHttpDate(headers.get('if-modified-since'));
  if (modifiedSince !== undefined && modified <= modifiedSince) return 'not-modified';
  const unmodifiedSince = parseHttpDate(headers.get('if-unmodified-since'));
  if (unmodifiedSince !== undefined && modified > unmodifiedSince) return 'precondition-failed';
  return 'proceed';
}

/** The source of a copy under the request's conditions; throws StoreError. If-None-Match is the target's (`readWriteCondition`). */
export function judgeCopySource(headers: Headers, row: VersionRow): void {
  const ofSource = new Map(headers);
  ofSource.delete('if-none-match');
  const verdict = judgeRead(ofSource, row);
  if (verdict !== 'proceed') {
    throw new StoreError(verdict, 'object.copy', 'the source does not meet the conditions', {
      detail: { etag: row.etag, modifiedAt: row.modifiedAt },
    });
  }
}

/** RFC 9110 section 13.1.5: a Range whose If-Range no longer holds is ignored. */
export function rangeStillHolds(headers: Headers, row: VersionRow): boolean {
  const validator = headers.get('if-range');
  if (validator === undefined) return true;
  const date = parseHttpDate(validator);
  if (date !== undefined) return date === lastModifiedMillis(row.modifiedAt);
  return !validator.startsWith('W/') && matches(parseEntityTags(validator), row.etag);
}

/** `If-None-Match: *` only, as in Swift (400 for etags); If-Match and If-Unmodified-Since as RFC 9110 has them. */
export function readWriteCondition(headers: Headers): WriteCondition {
  const noneMatch = parseEntityTags(headers.get('if-none-match'));
  if (noneMatch !== undefined && noneMatch !== '*' && !noneMatch.includes('*')) {
    throw refuse(400, 'If-None-Match only supports *');
  }
  const ifMatch = parseEntityTags(headers.get('if-match'));
  const since = parseHttpDate(headers.get('if-unmodified-since'));
  return {
    ...(noneMatch === undefined ? {} : { ifNoneMatch: '*' as const }),
    ...(ifMatch === undefined ? {} : { ifMatch, absentFails: true }),
    // Core compares seconds rounded down, our Last-Modified is rounded up: one second less makes
    // sure that no change after the client's date slips through.
    ...(since === undefined || ifMatch !== undefined ? {} : { ifUnmodifiedSince: since - 1000 }),
  };
}

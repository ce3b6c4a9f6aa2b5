import { StoreError } from '../../../base/errors.ts';
import type { ReadCondition } from '../api.ts';
import { modifiedSecondsOf } from '../decide/condition.ts';
import type { VersionRow } from '../model.ts';

function matches(list: readonly string[] | '*', etag: string): boolean {
  return list === '*' || list.includes(etag);
}

/** RFC 9110 section 13.2.2: throws `precondition-failed` or `not-modified`, with what the reply must show. */
export function checkReadCondition(condition: ReadCondition, row: VersionRow): void {
  const seconds = modifiedSecondsOf(row);
  const fail = (kind: 'precondition-failed' | 'not-modified', header: string): StoreError =>
    new StoreError(kind, 'object.condition', 'the condition does not hold', {
      detail: { etag: row.etag, modifiedAt: row.modifiedAt, condition: header },
    });
  const { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince } = condition;
  if (ifMatch !== undefined) {
    if (!matches(ifMatch, row.etag)) throw fail('precondition-failed', 'If-Match');
  } else if (ifUnmodifiedSince !== undefined && seconds > ifUnmodifiedSince) {
    throw fail('precondition-failed', 'If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) {
    if (matches(ifNoneMatch, row.etag)) throw fail('not-modified', 'If-None-Match');
  } else if (ifModifiedSince !== undefined && seconds <= ifModifiedSince) {
    throw fail('not-modified', 'If-Modified-Since');
  }
}

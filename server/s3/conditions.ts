/** Conditional headers as core's conditions. What Amazon answers with 501 is refused here. */
import type { ReadCondition } from '../core/api.ts';
import type { WriteCondition } from '../core/commands.ts';
import { parseEntityTags, parseHttpDate } from '../http/conditional.ts';
import { notImplemented } from './codes.ts';
import type { RequestHeaders } from './request-headers.ts';

const none: ReadCondition = {};
const noCondition: WriteCondition = {};

export function readCondition(headers: RequestHeaders): ReadCondition {
  const ifMatch = parseEntityTags(headers.get('if-match'));
  const ifNoneMatch = parseEntityTags(headers.get('if-none-match'));
  const ifModifiedSince = parseHttpDate(headers.get('if-modified-since'));
  const ifUnmodifiedSince = parseHttpDate(headers.get('if-unmodified-since'));
  const isPlain =
    ifMatch === undefined &&
    ifNoneMatch === undefined &&
    ifModifiedSince === undefined &&
    ifUnmodifiedSince === undefined;
  return isPlain ? none : { ifMatch, ifNoneMatch, ifModifiedSince, ifUnmodifiedSince };
}

/** Of CopyObject's and UploadPartCopy's source. */
export function sourceCondition(headers: RequestHeaders): ReadCondition {
  const of = (name: string): string | undefined => headers.get(`x-amz-copy-source-${name}`);
  return {
    ifMatch: parseEntityTags(of('if-match')),
    ifNoneMatch: parseEntityTags(of('if-none-match')),
    ifModifiedSince: parseHttpDate(of('if-modified-since')),
    ifUnmodifiedSince: parseHttpDate(of('if-unmodified-since')),
  };
}

/** Of PutObject, CompleteMultipartUpload and CopyObject's destination. */
export function writeCondition(headers: RequestHeaders): WriteCondition {
  refuseDates(headers);
  const ifMatch = parseEntityTags(headers.get('if-match'));
  const ifNoneMatch = parseEntityTags(headers.get('if-none-match'));
  if (ifMatch === undefined && ifNoneMatch === undefined) return noCondition;
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw notImplemented('If-Match,If-None-Match');
  }
  // Amazon takes no entity tag here, only the star.
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*') throw notImplemented('If-None-Match');
  return { ifMatch, ifNoneMatch };
}

/** Of DeleteObject: If-Match alone. */
export function deleteCondition(headers: RequestHeaders): WriteCondition {
  refuseDates(headers);
  if (headers.has('if-none-match')) throw notImplemented('If-None-Match');
  const ifMatch = parseEntityTags(headers.get('if-match'));
  return ifMatch === undefined ? noCondition : { ifMatch };
}

/** RFC 9110 gives these a meaning for writes, but S3 has none: ignoring them would overwrite what the client meant to protect. */
function refuseDates(headers: RequestHeaders): void {
  if (headers.has('if-unmodified-since')) throw notImplemented('If-Unmodified-Since');
  if (headers.has('if-modified-since')) throw notImplemented('If-Modified-Since');
}

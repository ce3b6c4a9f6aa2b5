/** Conditional headers as core's conditions. What Amazon answers with 501 is refused here. */
import type { ReadCondition } from '../core/api.ts';
import type { WriteCondition } from '../core/commands.ts';
import { parseEntityTags, parseHttpDate } from '../http/conditional.ts';
import type { Call } from './call.ts';
import { invalidArgument, notImplemented } from './codes.ts';
import { parseIsoDate } from './dates.ts';
import type { RequestHeaders } from './request-headers.ts';

const MODIFIED = 'x-amz-if-match-last-modified-time';
const SIZE = 'x-amz-if-match-size';

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
  return readConditionOf(headers, 'x-amz-copy-source-');
}

/** Conditions on a source, in headers that begin with `prefix`. */
export function readConditionOf(headers: RequestHeaders, prefix: string): ReadCondition {
  const of = (name: string): string | undefined => headers.get(prefix + name);
  return {
    ifMatch: parseEntityTags(of('if-match')),
    ifNoneMatch: parseEntityTags(of('if-none-match')),
    ifModifiedSince: parseHttpDate(of('if-modified-since')),
    ifUnmodifiedSince: parseHttpDate(of('if-unmodified-since')),
  };
}

/** Of PutObject, CompleteMultipartUpload and CopyObject's destination. */
export function writeCondition({ headers, door }: Call): WriteCondition {
  refuseDates(headers);
  for (const name of [MODIFIED, SIZE]) if (headers.has(name)) throw notImplemented(name);
  const ifMatch = parseEntityTags(headers.get('if-match'));
  const ifNoneMatch = parseEntityTags(headers.get('if-none-match'));
  if (ifMatch === undefined && ifNoneMatch === undefined) return noCondition;
  if (ifMatch !== undefined && ifNoneMatch !== undefined) {
    throw notImplemented('If-Match,If-None-Match');
  }
  // Amazon takes no entity tag here, only the star; other stores do (decision 0039).
  if (ifNoneMatch !== undefined && ifNoneMatch !== '*' && !door.honoursAbsentTags) {
    throw notImplemented('If-None-Match');
  }
  return { ifMatch, ifNoneMatch };
}

/** Of DeleteObject: If-Match, and what Amazon knows for directory buckets only. */
export function deleteCondition(headers: RequestHeaders): WriteCondition {
  refuseDates(headers);
  if (headers.has('if-none-match')) throw notImplemented('If-None-Match');
  const time = headers.get(MODIFIED);
  const size = headers.get(SIZE);
  const ifMatch = parseEntityTags(headers.get('if-match'));
  if (ifMatch === undefined && time === undefined && size === undefined) return noCondition;
  return {
    ifMatch,
    ifModifiedAt: time === undefined ? undefined : parseModifiedAt(time),
    ifSize: size === undefined ? undefined : parseSize(size),
  };
}

/** An HTTP date or one of ISO 8601, in whole seconds, as Last-Modified has them. Throws `InvalidArgument`. */
export function parseModifiedAt(text: string): number {
  const millis = parseHttpDate(text) ?? parseIsoDate(text);
  if (millis === undefined) throw invalidArgument(MODIFIED, text, 'That is no date.');
  return Math.floor(millis / 1000) * 1000;
}

/** Throws `InvalidArgument`. */
export function parseSize(text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw invalidArgument(SIZE, text, 'That is no size.');
}

/** RFC 9110 gives these a meaning for writes, but S3 has none: ignoring them would overwrite what the client meant to protect. */
function refuseDates(headers: RequestHeaders): void {
  if (headers.has('if-unmodified-since')) throw notImplemented('If-Unmodified-Since');
  if (headers.has('if-modified-since')) throw notImplemented('If-Modified-Since');
}

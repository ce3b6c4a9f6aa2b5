/** What an object carries besides its bytes: from request headers to core's metadata, and back. */
import { type Metadata, type VersionRow, type Versioning, versionIdOf } from '../core/model.ts';
import type { HeaderPairs } from '../http/exchange.ts';
import { formatHttpDate } from '../http/conditional.ts';
import { textOf, wireOf } from '../http/header-text.ts';
import { invalidArgument, s3Error } from './codes.ts';
import { pushLock } from './lock/lock-headers.ts';
import type { RequestHeaders } from './request-headers.ts';
import { pushRestore } from './lifecycle/shown-headers.ts';
import { pushStorageClass } from './lifecycle/storage-class.ts';
import { pushReplication } from './replication/status.ts';
import { REDIRECT, pushRedirect, readRedirectHeader } from './website/redirect.ts';
import { TAGGING } from './tagging/tags.ts';

export interface ObjectHeaders {
  readonly contentType: string;
  readonly system: Metadata;
  readonly user: Metadata;
}

const DEFAULT_TYPE = 'binary/octet-stream';
const MAX_METADATA_BYTES = 2048;

/** Request header (and name in core) beside the name that replies show. */
const systemHeaders = [
  ['cache-control', 'Cache-Control'],
  ['content-disposition', 'Content-Disposition'],
  ['content-encoding', 'Content-Encoding'],
  ['content-language', 'Content-Language'],
  ['expires', 'Expires'],
] as const;

/** Throws `MetadataTooLarge`. */
export function readObjectHeaders(headers: RequestHeaders): ObjectHeaders {
  const system: Record<string, string> = {};
  for (const [name] of systemHeaders) {
    const value = headers.get(name);
    if (value === undefined) continue;
    const kept = name === 'content-encoding' ? withoutFraming(value) : textOf(value);
    if (kept !== '') system[name] = kept;
  }
  const redirect = readRedirectHeader(headers);
  if (redirect !== undefined) system[REDIRECT] = redirect;
  const type = headers.get('content-type');
  return {
    contentType: type === undefined || type === '' ? DEFAULT_TYPE : textOf(type),
    system,
    user: readUserMetadata(headers),
  };
}

/** `aws-chunked` describes the request's framing, not the object. */
function withoutFraming(value: string): string {
  if (!value.includes('aws-chunked')) return textOf(value);
  return textOf(value)
    .split(',')
    .filter((coding) => !['', 'aws-chunked'].includes(coding.trim().toLowerCase()))
    .join(',')
    .trim();
}

function readUserMetadata(headers: RequestHeaders): Metadata {
  const user: Record<string, string> = {};
  let size = 0;
  for (const name of headers.metaNames) {
    if (name === '') throw invalidArgument('x-amz-meta-', '', 'A metadata name must not be empty.');
    const wire = headers.get(`x-amz-meta-${name}`) ?? '';
    size += name.length + wire.length;
    const value = textOf(wire);
    // Plain assignment would treat `__proto__` specially.
    Object.defineProperty(user, name, {
      value,
      enumerable: true,
      writable: true,
      configurable: true,
    });
  }
  if (size > MAX_METADATA_BYTES) {
    throw s3Error('MetadataTooLarge', undefined, {
      Size: size,
      MaxSizeAllowed: MAX_METADATA_BYTES,
    });
  }
  return user;
}

/** Of GET and HEAD: everything but length, range and checksums. */
export function objectHeaders(row: VersionRow, versioning: Versioning): HeaderPairs {
  const pairs: HeaderPairs = [
    ['Last-Modified', formatHttpDate(row.modifiedAt / 1000)],
    ['ETag', `"${row.etag}"`],
    ['Accept-Ranges', 'bytes'],
    ['Content-Type', wireOf(row.contentType)],
  ];
  for (const [name, shown] of systemHeaders) {
    const value = row.system[name];
    if (value !== undefined) pairs.push([shown, wireOf(value)]);
  }
  for (const [name, value] of Object.entries(row.user)) {
    pairs.push([wireOf(`x-amz-meta-${name}`), wireOf(value)]);
  }
  const tags = row.system[TAGGING];
  if (tags !== undefined) pairs.push(['x-amz-tagging-count', String(tags.split('&').length)]);
  pushRedirect(pairs, row.system[REDIRECT]);
  pushReplication(pairs, row);
  pushLock(pairs, row.lock);
  pushStorageClass(pairs, row);
  pushRestore(pairs, row);
  pushVersion(pairs, row, versioning);
  return pairs;
}

/** The version id, once the bucket has had versioning. */
export function pushVersion(pairs: HeaderPairs, row: VersionRow, versioning: Versioning): void {
  if (versioning !== 'off') pairs.push(['x-amz-version-id', versionIdOf(row)]);
}

/** Of replies to writes: a null version that was just written has no id to show ("Adding objects to versioning-suspended buckets"). */
export function pushNewVersion(pairs: HeaderPairs, row: VersionRow): void {
  if (!row.isNull) pairs.push(['x-amz-version-id', versionIdOf(row)]);
}

/** Checksums as headers, if the row has any. */
export function pushChecksums(
  pairs: HeaderPairs,
  row: Pick<VersionRow, 'checksums' | 'etag'>,
): void {
  for (const checksum of row.checksums) {
    pairs.push([`x-amz-checksum-${checksum.algorithm}`, shownChecksum(checksum, row.etag)]);
    pairs.push(['x-amz-checksum-type', shownType(checksum.type)]);
  }
}

/** A composite value ends in `-N`, the count of parts, as the ETag does. */
export function shownChecksum(
  checksum: { readonly type: string; readonly value: string },
  etag: string,
): string {
  const dash = etag.lastIndexOf('-');
  return checksum.type === 'composite' && dash > 0
    ? checksum.value + etag.slice(dash)
    : checksum.value;
}

export function shownType(type: 'full-object' | 'composite'): 'FULL_OBJECT' | 'COMPOSITE' {
  return type === 'composite' ? 'COMPOSITE' : 'FULL_OBJECT';
}

/** An object's headers: what a PUT, POST or COPY says of it, and what every answer about it shows. */
import { lastChangeOf, type Metadata, type VersionRow } from '../../core/model.ts';
import type { ObjectCall } from '../call.ts';
import { type Headers, isTrue } from '../headers.ts';
import { isUtf8, textOf, titleCase, wireOf } from '../../http/header-text.ts';
import { checkManifestHeader, manifestEntry } from '../large/manifest-header.ts';
import { metadataHeaders } from '../metadata.ts';
import { guessType } from '../mime.ts';
import { checkNameLength } from '../path.ts';
import { refuse } from '../reply.ts';
import { formatLastModified, formatTimestamp } from '../timestamps.ts';
import { formatExpiry } from './expiry.ts';

/** Swift's default `allowed_headers`, by request header; the model knows the first five, the others are Swift's own. */
const systemNames: ReadonlyMap<string, string> = new Map([
  ['cache-control', 'cache-control'],
  ['content-disposition', 'content-disposition'],
  ['content-encoding', 'content-encoding'],
  ['content-language', 'content-language'],
  ['expires', 'expires'],
  ['x-robots-tag', 'swift:x-robots-tag'],
  ['x-object-manifest', manifestEntry],
]);

/** What the request says; values may be empty. Throws Refusal 400. */
export function readSystemHeaders(headers: Headers): Metadata {
  checkManifestHeader(headers);
  const system: Record<string, string> = {};
  for (const [header, name] of systemNames) {
    const value = headers.get(header);
    if (value !== undefined) system[name] = textOf(value);
  }
  return system;
}

/** What a POST leaves alone: entries that the other door made. */
export function foreignSystem(system: Metadata): Metadata {
  const own = new Set(systemNames.values());
  return Object.fromEntries(Object.entries(system).filter(([name]) => !own.has(name)));
}

/** Only a manifest may say that it is one. Throws Refusal 400. */
export function refuseReserved(headers: Headers): void {
  if (!headers.has('x-static-large-object')) return;
  throw refuse(
    400,
    'X-Static-Large-Object is a reserved header. To create a static large object add query param multipart-manifest=put.',
  );
}

/** As `givenContentType`; undefined too when the client wants it guessed. */
export function readContentType(headers: Headers): string | undefined {
  return isTrue(headers.get('x-detect-content-type')) ? undefined : givenContentType(headers);
}

/** The Content-Type given, if any. Throws Refusal 400. */
export function givenContentType(headers: Headers): string | undefined {
  const value = headers.get('content-type');
  if (value === undefined || value === '') return undefined;
  if (!isUtf8(value)) throw refuse(400, 'Invalid Content-Type');
  // Swift keeps its own notes behind such parameters, and refuses them from clients.
  if (/;\s*swift_/i.test(value)) {
    throw refuse(400, 'Invalid Content-Type, swift_* is not a valid parameter name.');
  }
  return textOf(value);
}

export function contentTypeFor(headers: Headers, key: string): string {
  return readContentType(headers) ?? guessType(key);
}

/** Throws Refusal 400. */
export function checkKeyLength(call: ObjectCall, key: string): void {
  checkNameLength('Object', key, call.door.core.limits.maxKeyBytes);
}

/** Who it is and when it changed: on 200, 206, 304, 412 and 416 alike. `etag`: as it is shown. */
export function identityHeaders(row: VersionRow, etag: string): [string, string][] {
  return [
    ['Etag', etag],
    ['Last-Modified', formatLastModified(row.modifiedAt)],
    ['X-Timestamp', formatTimestamp(lastChangeOf(row))],
    ['Accept-Ranges', 'bytes'],
  ];
}

/** User metadata, system headers and expiry. */
export function descriptionHeaders(row: VersionRow): [string, string][] {
  const headers = metadataHeaders('object', row.user);
  for (const [header, name] of systemNames) {
    const value = row.system[name];
    if (value === undefined || (name === manifestEntry && value === '')) continue;
    headers.push([titleCase(header), wireOf(value)]);
  }
  if (row.expiresAt !== undefined) headers.push(['X-Delete-At', formatExpiry(row.expiresAt)]);
  // A multipart object of the S3 door is one too: its etag is no MD5 of its bytes, which this header tells clients.
  if (row.body.type === 'parts' || row.manifest !== undefined) {
    headers.push(['X-Static-Large-Object', 'True']);
  }
  return headers;
}

/** GetObject and HeadObject: one decision about what is shown, with and without the bytes. */
import type { GetObject, ObjectReader } from '../../core/api.ts';
import { expirationOf } from '../../core/lifecycle/shown.ts';
import { isStoreError } from '../../../base/errors.ts';
import type { HeaderPairs } from '../../http/exchange.ts';
import { parseEntityTags, parseHttpDate } from '../../http/conditional.ts';
import { type HttpReply, headerBytes } from '../../http/exchange.ts';
import { type ByteSpan, contentRange, parseRangeHeader, resolveRange } from '../../http/range.ts';
import { started } from '../../http/started.ts';
import { type Call, objectOf } from '../call.ts';
import { pushExpiration } from '../lifecycle/shown-headers.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { readCondition } from '../conditions.ts';
import { pushEncryption, readCustomerKey, refuseMethodOfRead } from '../encryption/headers.ts';
import { objectHeaders, shownChecksum, shownType } from '../object-headers.ts';
import { parseVersionId } from './version-id.ts';

export async function getObject(call: Call): Promise<HttpReply> {
  const { reader, span, isPartial } = await open(call, false);
  const headers = readHeaders(call, reader, span, isPartial);
  const body = reader.read(span.start, span.end);
  const status = isPartial ? 206 : 200;
  // A large object's first segment may be gone, or forbidden: that is an answer, and no cut connection.
  return { status, headers, body: reader.large === undefined ? body : await started(body) };
}

export async function headObject(call: Call): Promise<HttpReply> {
  const { reader, span, isPartial } = await open(call, true);
  return { status: isPartial ? 206 : 200, headers: readHeaders(call, reader, span, isPartial) };
}

interface Opened {
  readonly reader: ObjectReader;
  readonly span: ByteSpan;
  readonly isPartial: boolean;
}

async function open(call: Call, metadataOnly: boolean): Promise<Opened> {
  const versionId = parseVersionId(call.query.get('versionId'));
  const rangeHeader = call.headers.get('range');
  if (call.query.has('partNumber') && rangeHeader !== undefined) {
    throw s3Error(
      'InvalidRequest',
      'Cannot specify both Range header and partNumber query parameter',
    );
  }
  const partNumber = parsePartNumber(call.query.get('partNumber'));
  refuseOverridesOfStrangers(call);
  refuseMethodOfRead(call.headers);
  const reader = await openReader(call, { versionId, partNumber, metadataOnly });
  const { part, row } = reader;
  if (part !== undefined) {
    const isWhole = part.start === part.end;
    return { reader, span: { start: part.start, end: part.end }, isPartial: !isWhole };
  }
  const span = rangeHeader === undefined ? undefined : pickRange(call, rangeHeader, reader);
  if (span === undefined) return { reader, span: { start: 0, end: row.size }, isPartial: false };
  return { reader, span, isPartial: true };
}

async function openReader(
  call: Call,
  which: Pick<GetObject, 'versionId' | 'partNumber' | 'metadataOnly'>,
): Promise<ObjectReader> {
  const { versionId, partNumber } = which;
  try {
    return await call.door.core.openObject(call.context, {
      ...objectOf(call),
      ...which,
      customerKey: readCustomerKey(call),
      condition: readCondition(call.headers),
    });
  } catch (error) {
    if (isStoreError(error, 'is-delete-marker')) {
      throw markerError(versionId, error.detail['version']);
    }
    if (partNumber !== undefined && isStoreError(error, 'range-not-satisfiable')) {
      throw s3Error('InvalidPartNumber', undefined, { PartNumberRequested: partNumber });
    }
    throw error;
  }
}

/** Addressed by its id a delete marker is there, but has no GET; as the current version it hides the object. */
function markerError(
  versionId: string | undefined,
  version: string | number | boolean | undefined,
): Error {
  const shown = { DeleteMarkerVersion: versionId ?? String(version ?? 'null') };
  if (versionId === undefined) return s3Error('NoSuchKey', undefined, shown);
  return s3Error('MethodNotAllowed', undefined, {
    ...shown,
    Allow: 'DELETE',
    Method: 'GET',
    ResourceType: 'DeleteMarker',
  });
}

function parsePartNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (value < 1 || value > 10_000) {
    throw invalidArgument(
      'partNumber',
      text,
      'Part number must be an integer between 1 and 10000, inclusive',
    );
  }
  return value;
}

/** undefined: the whole object is sent: no range, several, a malformed one, or If-Range says that the client's copy is of another version. */
function pickRange(call: Call, header: string, reader: ObjectReader): ByteSpan | undefined {
  const ranges = parseRangeHeader(header);
  const [range] = ranges ?? [];
  if (range === undefined || ranges?.length !== 1) return undefined;
  if (!ifRangeHolds(call.headers.get('if-range'), reader)) return undefined;
  const { size } = reader.row;
  // The last bytes of an object without any are the whole of it, at Amazon and in RFC 9110 section 14.1.2.
  if (size === 0 && range.first === undefined && range.last !== 0) return undefined;
  const span = resolveRange(range, size);
  if (span === undefined) {
    throw s3Error('InvalidRange', undefined, {
      RangeRequested: header,
      ActualObjectSize: size,
    });
  }
  return span;
}

/** RFC 9110 section 13.1.5: a date must be exactly that of the object, an entity tag the same and strong. */
function ifRangeHolds(value: string | undefined, reader: ObjectReader): boolean {
  if (value === undefined) return true;
  const date = parseHttpDate(value);
  if (date !== undefined) return date === Math.floor(reader.row.modifiedAt / 1_000_000) * 1000;
  const tags = parseEntityTags(value);
  return !value.startsWith('W/') && Array.isArray(tags) && tags[0] === reader.row.etag;
}

/** Query parameter beside the header that it replaces. */
const overrides = [
  ['response-content-type', 'Content-Type'],
  ['response-content-language', 'Content-Language'],
  ['response-expires', 'Expires'],
  ['response-cache-control', 'Cache-Control'],
  ['response-content-disposition', 'Content-Disposition'],
  ['response-content-encoding', 'Content-Encoding'],
] as const;

/** Whoever can make others follow a link must not choose their type of content without a signature. */
function refuseOverridesOfStrangers(call: Call): void {
  if (call.request.query === '' || call.identity.principal.type === 'user') return;
  if (overrides.some(([parameter]) => call.query.has(parameter))) {
    throw s3Error(
      'InvalidRequest',
      'Request specific response headers cannot be used for anonymous GET requests.',
    );
  }
}

function readHeaders(
  call: Call,
  reader: ObjectReader,
  span: ByteSpan,
  isPartial: boolean,
): HeaderPairs {
  const { row, part } = reader;
  const headers = objectHeaders(row, reader.container.versioning);
  pushExpiration(headers, expirationOf(reader.container, call.key, row));
  headers.push(['Content-Length', String(span.end - span.start)]);
  pushEncryption(headers, row.encryption, call);
  if (isPartial) headers.push(['Content-Range', contentRange(span, row.size)]);
  if (part?.partsCount !== undefined) {
    headers.push(['x-amz-mp-parts-count', String(part.partsCount)]);
  }
  if (call.headers.get('x-amz-checksum-mode')?.toUpperCase() === 'ENABLED') {
    // A range has no checksum of its own; a part has.
    const shown = part === undefined ? (isPartial ? [] : row.checksums) : ofPart(part, row);
    for (const checksum of shown) {
      const value = part === undefined ? shownChecksum(checksum, row.etag) : checksum.value;
      headers.push([`x-amz-checksum-${checksum.algorithm}`, value]);
    }
    const type = shown[0] === undefined ? undefined : (row.checksums[0] ?? shown[0]).type;
    if (type !== undefined) headers.push(['x-amz-checksum-type', shownType(type)]);
  }
  if (call.request.query !== '') override(call, headers);
  return headers;
}

/** Of the algorithm that the object's checksum is of; parts may have been sent with others. */
function ofPart(
  part: NonNullable<ObjectReader['part']>,
  row: ObjectReader['row'],
): typeof part.checksums {
  const [whole] = row.checksums;
  if (whole === undefined) return part.checksums;
  return part.checksums.filter(({ algorithm }) => algorithm === whole.algorithm);
}

function override(call: Call, headers: HeaderPairs): void {
  for (const [parameter, name] of overrides) {
    const value = call.query.get(parameter);
    if (value === undefined) continue;
    // oxlint-disable-next-line no-control-regex -- A line break here would forge headers.
    if (/[\u0000-\u001f\u007f]/.test(value)) {
      throw invalidArgument(parameter, value, 'Header value cannot contain control characters.');
    }
    const at = headers.findIndex(([existing]) => existing === name);
    const pair = [name, headerBytes(value)] as const;
    if (at < 0) headers.push(pair);
    else headers[at] = pair;
  }
}

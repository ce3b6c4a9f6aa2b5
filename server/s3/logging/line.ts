/** One request as one line ("Amazon S3 server access log format"). */
import type { HttpRequest } from '../../http/exchange.ts';
import { encodeStrictly } from '../auth/canonical.ts';
import type { Route } from '../call.ts';
import type { Query } from '../query.ts';

export interface LoggedRequest {
  readonly request: HttpRequest;
  readonly query: Query;
  readonly route: Pick<Route, 'method' | 'shape' | 'marker' | 'header'> | undefined;
  readonly isWebsite: boolean;
  readonly ownerId: string;
  readonly bucket: string;
  readonly key: string;
  /** Canonical id, or undefined for nobody. */
  readonly requester: string | undefined;
  readonly requestId: string;
  readonly hostId: string;
  readonly status: number;
  readonly errorCode: string | undefined;
  readonly objectSize: number | undefined;
  readonly versionId: string | undefined;
  /** No policy and no ownership, but a list let the request pass. */
  readonly neededAcl: boolean;
  /** Milliseconds since 1970 when the request came. */
  readonly startedAt: number;
  /** Until the reply's first byte was ready. */
  readonly turnAroundMillis: number;
}

export interface SentReply {
  readonly bytesOut: number;
  /** From the request's first byte to the reply's last. */
  readonly millis: number;
}

const months = [
  ...['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun'],
  ...['Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'],
];

/** Without its line end. */
export function logLine(logged: LoggedRequest, sent: SentReply): string {
  const { request } = logged;
  return wholeLine(logged, operationOf(logged), [
    quoted(`${request.method} ${request.path}${queryText(request.query)} HTTP/1.1`),
    String(logged.status),
    word(logged.errorCode),
    count(sent.bytesOut),
    logged.objectSize === undefined ? '-' : count(logged.objectSize),
    String(Math.round(sent.millis)),
    String(Math.round(logged.turnAroundMillis)),
    quoted(request.header('referer')),
    quoted(request.header('user-agent')),
  ]);
}

/** One key of DeleteObjects, beside the line of the request itself. What belongs to the whole request is not told again. */
export function deletionLine(logged: LoggedRequest): string {
  const outcome = [String(logged.status), word(logged.errorCode)];
  return wholeLine(logged, 'BATCH.DELETE.OBJECT', ['-', ...outcome, '-', '-', '-', '-', '-', '-']);
}

function wholeLine(logged: LoggedRequest, operation: string, middle: readonly string[]): string {
  const { request, query } = logged;
  const authentication = authenticationOf(request, query);
  return [
    word(logged.ownerId),
    word(logged.bucket),
    `[${stamp(logged.startedAt)}]`,
    word(request.remoteAddress),
    word(logged.requester),
    word(logged.requestId),
    operation,
    logged.key === '' ? '-' : encodeStrictly(logged.key.toWellFormed()).replaceAll('%2F', '/'),
    ...middle,
    word(logged.versionId),
    word(logged.hostId),
    authentication.version,
    word(request.tlsCipher),
    authentication.type,
    word(request.header('host')),
    request.tlsVersion === undefined ? '-' : `TLSv${request.tlsVersion}`,
    '-',
    logged.neededAcl ? 'Yes' : '-',
  ].join(' ');
}

/** 06/Feb/2026:00:00:38 +0000 */
function stamp(millis: number): string {
  const [date = '', time = ''] = new Date(millis).toISOString().split('T');
  const [year, month, day] = date.split('-');
  return `${day}/${months[Number(month) - 1]}/${year}:${time.slice(0, 8)} +0000`;
}

function count(value: number): string {
  return value === 0 ? '-' : String(value);
}

/** A field without quotes holds no blank: whatever a client sent, a line keeps its fields. */
function word(text: string | undefined): string {
  return text === undefined || text === ''
    ? '-'
    : text.replace(/[^\x21-\x7e]/g, encodeURIComponent);
}

function quoted(text: string | undefined): string {
  if (text === undefined || text === '') return '"-"';
  return `"${text.replace(/["\\]|[^\x20-\x7e]/g, (one) => `%${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`)}"`;
}

/** A presigned request may still be good when its line is read: its signature is not told. */
function queryText(query: string): string {
  if (query === '') return '';
  const told = query.replace(
    /((?:^|&)(?:X-Amz-Signature|X-Amz-Security-Token|Signature)=)[^&]*/gi,
    '$1-',
  );
  return `?${told}`;
}

function authenticationOf(
  request: HttpRequest,
  query: Query,
): { readonly version: string; readonly type: string } {
  const header = request.header('authorization');
  if (header?.startsWith('AWS4-') === true) return { version: 'SigV4', type: 'AuthHeader' };
  if (header?.startsWith('AWS ') === true) return { version: 'SigV2', type: 'AuthHeader' };
  if (query.has('X-Amz-Algorithm')) return { version: 'SigV4', type: 'QueryString' };
  if (query.has('AWSAccessKeyId')) return { version: 'SigV2', type: 'QueryString' };
  return { version: '-', type: '-' };
}

/** By marker of the route; those that are not here are told by their own name. */
const resources: Readonly<Record<string, string>> = {
  delete: 'MULTI_OBJECT_DELETE',
  logging: 'LOGGING_STATUS',
  policy: 'BUCKETPOLICY',
  requestPayment: 'REQUEST_PAYMENT',
  versions: 'BUCKETVERSIONS',
  'list-type': 'BUCKET',
};

function operationOf(logged: LoggedRequest): string {
  const { route, request, isWebsite } = logged;
  if (isWebsite) return `WEBSITE.${word(request.method)}.OBJECT`;
  if (request.method === 'OPTIONS') return 'REST.OPTIONS.PREFLIGHT';
  if (route === undefined) return `REST.${word(request.method)}.-`;
  const { shape, marker } = route;
  const method = route.header === 'x-amz-copy-source' ? 'COPY' : route.method;
  if (marker === undefined) return `REST.${method}.${shape.toUpperCase()}`;
  if (marker === 'uploadId') return `REST.${method}.${route.method === 'PUT' ? 'PART' : 'UPLOAD'}`;
  if (marker === 'tagging' && shape === 'object') return `REST.${method}.OBJECT_TAGGING`;
  const name = resources[marker] ?? marker.replace(/([a-z])([A-Z])/g, '$1_$2').replaceAll('-', '_');
  return `REST.${method}.${name.toUpperCase()}`;
}

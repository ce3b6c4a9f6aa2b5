/**
 * Signature Version 2 ("Signing and authenticating REST requests", Amazon S3): an HMAC-SHA1 over
 * method, a few headers, all `x-amz-*` headers and the resource. Old tools know no other. It covers
 * no body and few query parameters; which ones make another request of it is listed here.
 */
import { createHmac } from 'node:crypto';
import { parseHttpDate } from '../../http/conditional.ts';
import type { HttpRequest } from '../../http/exchange.ts';
import { hostedBucket } from '../address.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { formatAmzDate, formatIsoDate, parseAmzDate } from '../dates.ts';
import { decodeText } from '../query.ts';
import type { Query } from '../query.ts';
import type { RequestHeaders } from '../request-headers.ts';
import type { Authority, Identity } from './identity.ts';
import { pathAnew } from './canonical.ts';
import { findKey } from './find-key.ts';
import { sameSignature } from './signing-keys.ts';
import { checkSkew } from './skew.ts';

/** Every parameter that picks an operation, a version or a part, or changes the reply's headers: a stranger must not add one to what somebody signed. */
export const signedParameters: ReadonlySet<string> = new Set(
  (
    'abac accelerate acl analytics annotation append attributes cors delete encryption intelligent-tiering ' +
    'inventory legal-hold lifecycle location logging max-directory-buckets ' +
    'metadataAnnotationTable metadataConfiguration ' +
    'metadataInventoryTable metadataJournalTable metadataTable metrics notification object-lock ' +
    'ownershipControls partNumber policy policyStatus position publicAccessBlock renameObject ' +
    'replication requestPayment response-cache-control response-content-disposition ' +
    'response-content-encoding response-content-language response-content-type response-expires ' +
    'restore retention select select-type session tagging torrent uploadId uploads versionId ' +
    'versioning versions website'
  ).split(' '),
);

interface Claim {
  readonly accessKeyId: string;
  readonly signature: string;
  /** What stands in the date's line. */
  readonly date: string;
}

/** `Authorization: AWS key:signature`. */
export function verifyHeaderV2(
  request: HttpRequest,
  headers: RequestHeaders,
  authority: Authority,
): Identity {
  const text = headers.get('authorization') ?? '';
  const colon = text.lastIndexOf(':');
  if (colon < 0) {
    throw invalidArgument(
      'Authorization',
      'malformed',
      'AWS authorization header is invalid. Expected AwsAccessKeyId:signature',
    );
  }
  const amzDate = headers.get('x-amz-date');
  const stated = amzDate ?? headers.get('date');
  const millis = parseHttpDate(stated) ?? parseAmzDate(stated ?? '');
  if (millis === undefined || millis < 0) {
    throw s3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
  }
  checkSkew(formatAmzDate(millis), authority.clock);
  const accessKeyId = text.slice(text.indexOf(' ') + 1, colon).trim();
  const signature = text.slice(colon + 1).trim();
  // The date of x-amz-date is signed among the headers of that kind.
  const date = amzDate === undefined ? (headers.get('date') ?? '') : '';
  return verify(request, headers, { accessKeyId, signature, date }, authority);
}

/** `?AWSAccessKeyId=…&Expires=…&Signature=…`. */
export function verifyQueryV2(
  request: HttpRequest,
  headers: RequestHeaders,
  query: Query,
  authority: Authority,
): Identity {
  const accessKeyId = query.get('AWSAccessKeyId');
  const expires = query.get('Expires');
  const signature = query.get('Signature');
  if (!accessKeyId || !signature || expires === undefined || !/^\d{1,11}$/.test(expires)) {
    throw s3Error(
      'AccessDenied',
      'Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters',
    );
  }
  const end = Number(expires) * 1000;
  const now = authority.clock.now();
  if (now > end) {
    const fields = { Expires: formatIsoDate(end), ServerTime: formatIsoDate(now) };
    throw s3Error('AccessDenied', 'Request has expired', fields);
  }
  // Base64 knows no blanks: those were bare plus signs.
  const claim = { accessKeyId, signature: signature.replaceAll(' ', '+'), date: expires };
  return verify(request, headers, claim, authority);
}

function verify(
  request: HttpRequest,
  headers: RequestHeaders,
  claim: Claim,
  authority: Authority,
): Identity {
  if (headers.has('x-amz-security-token')) throw s3Error('InvalidToken');
  const { accessKeyId, signature } = claim;
  const hosted = hostedBucket(headers.get('host'), authority.virtualHostSuffixes);
  const above = textAbove(request.method, headers, claim.date);
  const query = signedQuery(request.query);
  const texts = resourcePaths(request.path, hosted).map((path) => above + path + query);
  const found = findKey(accessKeyId, authority, () => ({
    ...{ stringToSign: texts[0] ?? '', signature },
  }));
  for (const text of new Set(texts)) {
    for (const bytes of ['latin1', 'utf8'] as const) {
      const hmac = createHmac('sha1', found.secretAccessKey).update(Buffer.from(text, bytes));
      if (!sameSignature(hmac.digest('base64'), signature)) continue;
      const payloadHash = headers.get('x-amz-content-sha256');
      return { principal: found.principal, payloadHash, seed: undefined };
    }
  }
  throw s3Error('SignatureDoesNotMatch', undefined, {
    AWSAccessKeyId: accessKeyId,
    StringToSign: texts[0] ?? '',
    SignatureProvided: signature,
  });
}

/** The path as sent and encoded anew; and a bucket by path as if it were by virtual host, where a slash ends it (botocore). */
function resourcePaths(path: string, hosted: string | undefined): readonly string[] {
  const before = hosted === undefined ? '' : `/${hosted}`;
  const paths = [before + path, before + pathAnew(path)];
  return hosted === undefined && path.indexOf('/', 1) < 0 ? [...paths, `${path}/`] : paths;
}

/** Everything that is signed before the resource. */
function textAbove(method: string, headers: RequestHeaders, date: string): string {
  const md5 = headers.get('content-md5') ?? '';
  const type = headers.get('content-type') ?? '';
  const amz = headers.amzNames
    .toSorted()
    .map((name) => `${name}:${(headers.get(name) ?? '').trim()}\n`);
  return `${method}\n${md5}\n${type}\n${date}\n${amz.join('')}`;
}

/** The parameters that count, sorted, their values decoded. */
function signedQuery(raw: string): string {
  const pieces: string[] = [];
  for (const piece of raw.split('&')) {
    const at = piece.indexOf('=');
    const name = decodeText(at < 0 ? piece : piece.slice(0, at));
    if (!signedParameters.has(name)) continue;
    const value = at < 0 ? '' : decodeText(piece.slice(at + 1));
    pieces.push(at < 0 || value === '' ? name : `${name}=${value}`);
  }
  return pieces.length === 0 ? '' : `?${pieces.toSorted().join('&')}`;
}

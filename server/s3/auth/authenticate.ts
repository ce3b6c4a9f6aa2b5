/** Who sends a request: Signature Version 4 or 2, by header or by query (presigned), or nobody. */
import type { KeyObject } from 'node:crypto';
import { parseHttpDate } from '../../http/conditional.ts';
import type { HttpRequest } from '../../http/exchange.ts';
import { invalidArgument, notImplemented, s3Error } from '../codes.ts';
import { formatAmzDate, formatIsoDate, parseAmzDate } from '../dates.ts';
import type { Query } from '../query.ts';
import type { RequestHeaders } from '../request-headers.ts';
import {
  type HeaderBytes,
  canonicalRequest,
  pathAnew,
  queryAnew,
  queryAsSent,
  sha256Hex,
} from './canonical.ts';
import { findKey } from './find-key.ts';
import { type Authority, type Identity, anonymous } from './identity.ts';
import { mismatchError } from './mismatch.ts';
import { type Scope, type ScopePlace, parseScope, scopeError } from './scope.ts';
import { MAX_SKEW_MILLIS, checkSkew } from './skew.ts';
import { verifyHeaderV2, verifyQueryV2 } from './signature-v2.ts';
import { hmacHex, sameSignature } from './signing-keys.ts';

interface Claim {
  readonly place: ScopePlace;
  readonly scope: Scope;
  readonly signedHeadersText: string;
  readonly signature: string;
  readonly stamp: string;
  readonly payloadHash: string;
}

const MAX_EXPIRES_SECONDS = 604_800;
const ALGORITHM = 'AWS4-HMAC-SHA256';
const ECDSA = 'AWS4-ECDSA-P256-SHA256';

/** Throws with the code that Amazon sends; never says which half of a pair of credentials was wrong beyond what Amazon says. */
export function authenticate(
  request: HttpRequest,
  headers: RequestHeaders,
  query: Query,
  authority: Authority,
): Identity {
  const authorization = headers.get('authorization');
  const isPresigned = query.has('X-Amz-Algorithm') || query.has('X-Amz-Credential');
  if (isPresigned || query.has('AWSAccessKeyId')) {
    if (authorization !== undefined && authorization !== '') {
      throw invalidArgument(
        'Authorization',
        'present',
        'Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified',
      );
    }
    if (!isPresigned) return verifyQueryV2(request, headers, query, authority);
    return verify(request, headers, presignedClaim(headers, query, authority), authority);
  }
  if (authorization === undefined || authorization === '') {
    const said = headers.get('x-amz-content-sha256');
    return { principal: anonymous, payloadHash: said, seed: undefined };
  }
  if (authorization.startsWith('AWS ')) return verifyHeaderV2(request, headers, authority);
  return verify(request, headers, headerClaim(authorization, headers, authority), authority);
}

function unsupportedMechanism(): Error {
  return s3Error(
    'InvalidRequest',
    `The authorization mechanism you have provided is not supported. Please use ${ALGORITHM}.`,
  );
}

function headerClaim(text: string, headers: RequestHeaders, authority: Authority): Claim {
  const blank = text.indexOf(' ');
  const algorithm = blank < 0 ? text : text.slice(0, blank);
  if (blank < 0) {
    throw invalidArgument(
      'Authorization',
      text,
      "Authorization header is invalid -- one and only one ' ' (space) required",
    );
  }
  if (algorithm === ECDSA) throw unsupportedMechanism();
  if (algorithm !== ALGORITHM) {
    throw invalidArgument('Authorization', algorithm, 'Unsupported Authorization Type');
  }
  const { credential, signedHeaders, signature } = headerComponents(text.slice(blank + 1));
  const scope = parseScope(credential, 'header', authority);
  const stamp = headerStamp(headers);
  if (!stamp.startsWith(scope.date)) {
    throw scopeError('header', 'Invalid credential date. Date is not the same as X-Amz-Date.');
  }
  const payloadHash = headers.get('x-amz-content-sha256');
  if (payloadHash === undefined) {
    throw s3Error(
      'InvalidRequest',
      'Missing required header for this request: x-amz-content-sha256',
    );
  }
  if (!payloadWords.has(payloadHash) && !isDigest(payloadHash)) refusePayloadWord(payloadHash);
  checkSkew(stamp, authority.clock);
  return {
    place: 'header',
    scope,
    signedHeadersText: signedHeaders,
    signature,
    stamp,
    payloadHash,
  };
}

function headerComponents(text: string): {
  readonly credential: string;
  readonly signedHeaders: string;
  readonly signature: string;
} {
  const found = new Map<string, string>();
  for (const piece of text.split(',')) {
    const at = piece.indexOf('=');
    if (at < 0) {
      throw scopeError('header', `the authorization component "${piece.trim()}" is malformed.`);
    }
    found.set(piece.slice(0, at).trim(), piece.slice(at + 1).trim());
  }
  if (found.size < 3) {
    throw scopeError(
      'header',
      'the authorization header requires three components: Credential, SignedHeaders, and Signature.',
    );
  }
  const component = (name: string): string => {
    const value = found.get(name);
    if (value === undefined || value === '') throw scopeError('header', `missing ${name}.`);
    return value;
  };
  return {
    credential: component('Credential'),
    signedHeaders: component('SignedHeaders'),
    signature: component('Signature'),
  };
}

/** The time as signed: x-amz-date, or else Date. */
function headerStamp(headers: RequestHeaders): string {
  const amzDate = headers.get('x-amz-date');
  if (amzDate !== undefined && parseAmzDate(amzDate) !== undefined) return amzDate;
  // Some clients put HTTP's own form into x-amz-date.
  const millis = parseHttpDate(amzDate ?? headers.get('date'));
  if (millis !== undefined) return formatAmzDate(millis);
  throw s3Error('AccessDenied', 'AWS authentication requires a valid Date or x-amz-date header');
}

function presignedClaim(headers: RequestHeaders, query: Query, authority: Authority): Claim {
  const algorithm = query.get('X-Amz-Algorithm');
  const credential = query.get('X-Amz-Credential');
  const signature = query.get('X-Amz-Signature');
  const stamp = query.get('X-Amz-Date');
  const signedHeadersText = query.get('X-Amz-SignedHeaders');
  const expires = query.get('X-Amz-Expires');
  if (!algorithm || !credential || !signature || !stamp || !signedHeadersText || !expires) {
    throw scopeError(
      'query',
      'Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.',
    );
  }
  if (algorithm !== ALGORITHM) {
    // Amazon's words; the other one of its two is not built.
    const known = algorithm === ECDSA ? ALGORITHM : `${ALGORITHM} and ${ECDSA}`;
    throw scopeError('query', `X-Amz-Algorithm only supports "${known}"`);
  }
  if (query.has('X-Amz-Security-Token')) throw s3Error('InvalidToken');
  const scope = parseScope(credential, 'query', authority);
  const stated = parseAmzDate(stamp);
  if (stated === undefined) {
    throw scopeError(
      'query',
      "X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"",
    );
  }
  if (!stamp.startsWith(scope.date)) {
    throw scopeError(
      'query',
      `Invalid credential date "${scope.date}". This date is not the same as X-Amz-Date: "${stamp.slice(0, 8)}".`,
    );
  }
  checkValidity(stated, expires, authority.clock.now());
  const stood = signedHeadersText.split(';').includes('x-amz-content-sha256')
    ? headers.get('x-amz-content-sha256')
    : undefined;
  const payloadHash = query.get('X-Amz-Content-Sha256') ?? stood ?? 'UNSIGNED-PAYLOAD';
  return { place: 'query', scope, signedHeadersText, signature, stamp, payloadHash };
}

function checkValidity(stated: number, expires: string, now: number): void {
  if (!/^-?\d+$/.test(expires)) throw scopeError('query', 'X-Amz-Expires should be a number');
  const seconds = Number(expires);
  if (seconds > MAX_EXPIRES_SECONDS) {
    throw scopeError(
      'query',
      'X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds',
    );
  }
  if (stated - now > MAX_SKEW_MILLIS) throw s3Error('AccessDenied', 'Request is not valid yet');
  const end = stated + seconds * 1000;
  // One that ended before it began is over, whatever this clock says.
  if (seconds < 0 || now > end) {
    throw s3Error('AccessDenied', 'Request has expired', {
      'X-Amz-Expires': seconds,
      Expires: formatIsoDate(end),
      ServerTime: formatIsoDate(now),
    });
  }
}

function verify(
  request: HttpRequest,
  headers: RequestHeaders,
  claim: Claim,
  authority: Authority,
): Identity {
  const { scope, signedHeadersText } = claim;
  // Temporary credentials do not exist here: a token names a session that nobody opened.
  if (headers.has('x-amz-security-token')) throw s3Error('InvalidToken');
  const signedHeaders = signedHeadersText.split(';');
  checkAllSigned(claim.place, signedHeaders, headers);
  const found = findKey(scope.accessKeyId, authority, () => {
    const path = request.path;
    const query = queryAsSent(request.query);
    const sent = { ...claim, signedHeaders, method: request.method, path, query };
    const digest = sha256Hex(canonicalRequest(sent, headers), 'latin1');
    const stringToSign = textToSign(claim, digest);
    return { stringToSign, signature: claim.signature };
  });
  const signingKey = authority.keys.keyFor({
    accessKeyId: scope.accessKeyId,
    secret: found.secretAccessKey,
    date: scope.date,
    region: scope.region,
  });
  const canonical = checkSignature(request, headers, { ...claim, signedHeaders, signingKey });
  const { stamp, signature } = claim;
  return {
    principal: found.principal,
    payloadHash: claim.payloadHash,
    seed: {
      ...{ signingKey, stamp, scope: scope.text, signature },
      accessKeyId: scope.accessKeyId,
      canonicalRequest: canonical,
    },
  };
}

function textToSign({ stamp, scope }: Claim, digest: string): string {
  return `${ALGORITHM}\n${stamp}\n${scope.text}\n${digest}`;
}

/** `host`, and everything that Amazon gives a meaning, must be covered by the signature. */
function checkAllSigned(
  place: ScopePlace,
  signedHeaders: readonly string[],
  headers: RequestHeaders,
): void {
  const unsigned: string[] = signedHeaders.includes('host') ? [] : ['host'];
  for (const name of headers.amzNames) {
    if (signedHeaders.includes(name)) continue;
    // With header authentication its value is a line of the canonical request by itself.
    if (name === 'x-amz-content-sha256' && place === 'header') continue;
    unsigned.push(name);
  }
  if (unsigned.length === 0) return;
  throw s3Error('AccessDenied', 'There were headers present in the request which were not signed', {
    HeadersNotSigned: unsigned.join(', '),
  });
}

/** Returns the canonical request that was signed. */
function checkSignature(
  request: HttpRequest,
  headers: RequestHeaders,
  claim: Claim & { readonly signedHeaders: readonly string[]; readonly signingKey: KeyObject },
): string {
  const attempt = (
    path: string,
    query: string,
    bytes: HeaderBytes,
  ): { canonical: string; toSign: string; matches: boolean } => {
    const canonical = canonicalRequest({ ...claim, method: request.method, path, query }, headers);
    const digest = sha256Hex(canonical, bytes);
    const toSign = textToSign(claim, digest);
    const computed = hmacHex(claim.signingKey, toSign);
    return { canonical, toSign, matches: sameSignature(computed, claim.signature) };
  };
  const sent = queryAsSent(request.query);
  const first = attempt(request.path, sent, 'latin1');
  if (first.matches) return first.canonical;
  // Older curl (7.88, Debian's) signs the query as it was typed, which one that holds its own signature cannot be.
  const letters = claim.place === 'header' ? [request.query] : [];
  for (const path of new Set([request.path, pathAnew(request.path)])) {
    for (const query of new Set([sent, queryAnew(request.query), ...letters])) {
      for (const bytes of ['latin1', 'utf8'] as const) {
        const again = attempt(path, query, bytes);
        if (again.matches) return again.canonical;
      }
    }
  }
  throw mismatchError({
    accessKeyId: claim.scope.accessKeyId,
    stringToSign: first.toSign,
    signature: claim.signature,
    canonicalRequest: first.canonical,
  });
}

const payloadWords: ReadonlySet<string> = new Set([
  'UNSIGNED-PAYLOAD',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
]);

/** Whether a payload hash is one: SHA-256, hex. */
export function isDigest(word: string): boolean {
  return /^[0-9a-f]{64}$/i.test(word);
}

/** Refuses what is no payload hash; called before a body is read. */
export function refusePayloadWord(word: string): never {
  if (word.startsWith('STREAMING-AWS4-ECDSA-')) {
    throw notImplemented(
      'x-amz-content-sha256',
      `The chunk encoding algorithm ${word} is not supported.`,
    );
  }
  throw invalidArgument(
    'x-amz-content-sha256',
    word,
    'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD, STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER or a valid sha256 value.',
  );
}

/** StoreErrors as Amazon's error documents. Every kind has a row, or this file does not compile. */
import { type ErrorKind, type StoreError } from '../../base/errors.ts';
import type { HttpReply } from '../http/exchange.ts';
import { formatHttpDate } from '../http/conditional.ts';
import type { Address } from './address.ts';
import { type S3Code, isS3Code, s3Codes } from './codes.ts';
import { keyFailureOf } from './encryption/key-failures.ts';
import { XML_PROLOG, element, leaf } from './xml/writer.ts';

const byKind = {
  'invalid-argument': 'InvalidArgument',
  'not-implemented': 'NotImplemented',
  unauthenticated: 'AccessDenied',
  'access-denied': 'AccessDenied',
  // An account exists once it has written; before that it simply owns no bucket.
  'no-such-account': 'NoSuchBucket',
  'no-such-container': 'NoSuchBucket',
  'no-such-object': 'NoSuchKey',
  'no-such-version': 'NoSuchVersion',
  'no-such-upload': 'NoSuchUpload',
  'is-delete-marker': 'NoSuchKey',
  'container-exists': 'BucketAlreadyOwnedByYou',
  'name-taken': 'BucketAlreadyExists',
  'container-not-empty': 'BucketNotEmpty',
  'invalid-state': 'InvalidBucketState',
  'precondition-failed': 'PreconditionFailed',
  'not-modified': 'NotModified',
  conflict: 'ConditionalRequestConflict',
  'invalid-part': 'InvalidPart',
  'invalid-part-order': 'InvalidPartOrder',
  'part-too-small': 'EntityTooSmall',
  'too-large': 'EntityTooLarge',
  'read-only': 'MethodNotAllowed',
  'quota-exceeded': 'QuotaExceeded',
  'name-too-long': 'KeyTooLongError',
  'metadata-too-large': 'MetadataTooLarge',
  'digest-mismatch': 'BadDigest',
  'incomplete-body': 'IncompleteBody',
  'range-not-satisfiable': 'InvalidRange',
  unavailable: 'ServiceUnavailable',
  full: 'InsufficientStorage',
  corrupt: 'InternalError',
  timeout: 'RequestTimeout',
  cancelled: 'RequestTimeout',
  'stale-epoch': 'ServiceUnavailable',
  internal: 'InternalError',
} as const satisfies Record<ErrorKind, S3Code>;

/** Kinds whose own sentence tells the client more than Amazon's fixed one, and nothing of our inside. */
const speakingKinds: ReadonlySet<ErrorKind> = new Set([
  'invalid-argument',
  'invalid-state',
  'not-implemented',
  'digest-mismatch',
]);

const LOCKED = 'Access Denied because object protected by object lock.';

/** What is wrong, in Amazon's words: for a whole reply, or for one key of DeleteObjects. */
export interface S3Failure {
  readonly code: S3Code;
  readonly status: number;
  readonly message: string;
}

export function failureOf(error: StoreError): S3Failure {
  const stated = error.detail['code'];
  if (isS3Code(stated)) {
    return { code: stated, status: s3Codes[stated].status, message: error.message };
  }
  const ofKey = keyFailureOf(error);
  if (ofKey !== undefined) return { ...ofKey, status: s3Codes[ofKey.code].status };
  const code = codeOf(error);
  const message = messageOf(error, code);
  return { code, status: s3Codes[code].status, message };
}

/** A race about a bucket has another name than one about an object, and a lock without a lockable bucket is no argument's fault. */
function codeOf(error: StoreError): S3Code {
  if (error.kind === 'invalid-argument' && error.detail['argument'] === 'lock') {
    return 'InvalidRequest';
  }
  if (error.detail['isPayload'] === true) return 'XAmzContentSHA256Mismatch';
  if (error.kind === 'invalid-state' && error.detail['storageClass'] !== undefined) {
    return 'InvalidObjectState';
  }
  if (error.kind === 'conflict' && error.detail['restore'] !== undefined) {
    return 'RestoreAlreadyInProgress';
  }
  const isBucketRace = error.kind === 'conflict' && error.op.startsWith('container.');
  return isBucketRace ? 'OperationAborted' : byKind[error.kind];
}

function messageOf(error: StoreError, code: S3Code): string {
  const algorithm = error.detail['algorithm'];
  if (error.kind === 'digest-mismatch' && typeof algorithm === 'string') {
    // Content-MD5, and not the checksum that is an MD5 too.
    return algorithm === 'md5' && error.detail['isChecksum'] !== true
      ? s3Codes.BadDigest.message
      : `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`;
  }
  if (error.detail['isPayload'] === true) return s3Codes[code].message;
  if (error.detail['locked'] === true) return LOCKED;
  return speakingKinds.has(error.kind) ? error.message : s3Codes[code].message;
}

export interface ErrorPlace {
  readonly requestId: string;
  readonly hostId: string;
  /** Path as sent. */
  readonly resource: string;
  readonly isHead: boolean;
  /** `x-amz-content-sha256` as sent. */
  readonly payloadHash?: string | undefined;
  /** What the path named, as far as it was understood. */
  readonly address: Pick<Address, 'bucket' | 'key'> | undefined;
}

/** Names that Amazon's oldest buckets have, or that name their account too (`account:bucket`): others name nothing. */
const possibleBucket = /^[A-Za-z0-9._:-]{3,255}$/;

/** A bucket that is not there and could not be has a code of its own. */
function failureAt(error: StoreError, place: ErrorPlace): S3Failure {
  const failure = failureOf(error);
  const bucket = place.address?.bucket;
  if (failure.code !== 'NoSuchBucket' || bucket === undefined || possibleBucket.test(bucket)) {
    return failure;
  }
  const { status, message } = s3Codes.InvalidBucketName;
  return { code: 'InvalidBucketName', status, message };
}

export function errorReply(error: StoreError, place: ErrorPlace): HttpReply {
  const failure = failureAt(error, place);
  const headers: (readonly [string, string])[] = conditionHeaders(error);
  if (failure.status === 304) return { status: 304, headers };
  if (failure.status === 503) headers.push(['Retry-After', '1']);
  headers.push(['Content-Type', 'application/xml']);
  if (place.isHead) return { status: failure.status, headers };
  return { status: failure.status, headers, body: errorDocument(error, failure, place) };
}

/** What a failed condition, or a delete marker, shows of the object. */
function conditionHeaders(error: StoreError): (readonly [string, string])[] {
  const headers: (readonly [string, string])[] = [];
  const { detail } = error;
  if (error.kind === 'not-modified') {
    if (typeof detail['etag'] === 'string') headers.push(['ETag', `"${detail['etag']}"`]);
    if (typeof detail['modifiedAt'] === 'number') {
      headers.push(['Last-Modified', formatHttpDate(detail['modifiedAt'] / 1000)]);
    }
  }
  if (typeof detail['DeleteMarkerVersion'] === 'string') {
    headers.push(['x-amz-delete-marker', 'true']);
    headers.push(['x-amz-version-id', detail['DeleteMarkerVersion']]);
  }
  if (typeof detail['Allow'] === 'string') headers.push(['Allow', detail['Allow']]);
  return headers;
}

/** Details that become headers rather than elements. */
const headerDetails: ReadonlySet<string> = new Set(['DeleteMarkerVersion', 'Allow']);

function errorDocument(error: StoreError, failure: S3Failure, place: ErrorPlace): Uint8Array {
  let markup = leaf('Code', failure.code) + leaf('Message', failure.message);
  for (const [name, value] of Object.entries(error.detail)) {
    // Only details that this door named in Amazon's way are meant for clients. Their lines (StringToSign) are lines.
    if (/^[A-Z][A-Za-z0-9-]*$/.test(name) && !headerDetails.has(name)) {
      markup += leaf(name, value).replaceAll('&#xa;', '\n');
    }
  }
  if (failure.code === 'XAmzContentSHA256Mismatch') {
    markup += leaf('ClientComputedContentSHA256', place.payloadHash ?? error.detail['stated']);
    markup += leaf('S3ComputedContentSHA256', error.detail['computed']);
  }
  if (failure.code === 'BadDigest' && typeof error.detail['computed'] === 'string') {
    markup += leaf('ExpectedDigest', error.detail['stated']);
    markup += leaf(
      'CalculatedDigest',
      Buffer.from(error.detail['computed'], 'hex').toString('base64'),
    );
  }
  if (failure.code === 'InvalidObjectState') {
    markup += leaf('StorageClass', error.detail['storageClass'] || 'STANDARD');
  }
  // Amazon names what is missing.
  if (failure.code === 'NoSuchKey') markup += leaf('Key', place.address?.key);
  const isNamed = error.detail['BucketName'] !== undefined;
  if (!isNamed && (failure.code === 'NoSuchBucket' || failure.code === 'InvalidBucketName')) {
    markup += leaf('BucketName', place.address?.bucket);
  }
  const condition = error.detail['condition'];
  if (error.kind === 'precondition-failed' && typeof condition === 'string') {
    markup += leaf(
      'Condition',
      condition.replace(/\b[a-z]/g, (letter) => letter.toUpperCase()),
    );
  }
  markup += leaf('Resource', place.resource);
  markup += leaf('RequestId', place.requestId) + leaf('HostId', place.hostId);
  return Buffer.from(XML_PROLOG + element('Error', markup), 'utf8');
}

/**
 * Amazon's error codes that this door sends, each with its status, the kind of StoreError that
 * carries it, and its usual sentence (Amazon S3 API reference, "List of error codes").
 */
import { type ErrorKind, StoreError } from '../../base/errors.ts';

export type S3Code =
  | 'AccessControlListNotSupported'
  | 'AccessDenied'
  | 'AccessForbidden'
  | 'AuthorizationHeaderMalformed'
  | 'AuthorizationQueryParametersError'
  | 'BadDigest'
  | 'BadRequest'
  | 'BucketAlreadyExists'
  | 'BucketAlreadyOwnedByYou'
  | 'BucketNotEmpty'
  | 'ConditionalRequestConflict'
  | 'EntityTooLarge'
  | 'EntityTooSmall'
  | 'IdempotencyParameterMismatch'
  | 'IllegalLocationConstraintException'
  | 'IllegalVersioningConfigurationException'
  | 'IncompleteBody'
  | 'InsufficientStorage'
  | 'InternalError'
  | 'InvalidAccessKeyId'
  | 'InvalidArgument'
  | 'InvalidBucketAclWithBlockPublicAccessError'
  | 'InvalidBucketAclWithObjectOwnership'
  | 'InvalidBucketName'
  | 'InvalidBucketState'
  | 'InvalidChunkSizeError'
  | 'InvalidDigest'
  | 'InvalidEncryptionAlgorithmError'
  | 'InvalidLocationConstraint'
  | 'InvalidObjectState'
  | 'InvalidPart'
  | 'InvalidPartNumber'
  | 'InvalidPartOrder'
  | 'InvalidPolicyDocument'
  | 'InvalidRange'
  | 'InvalidRedirectLocation'
  | 'InvalidRequest'
  | 'InvalidRetentionPeriod'
  | 'InvalidS3DestinationBucket'
  | 'InvalidStorageClass'
  | 'InvalidTag'
  | 'InvalidTargetBucketForLogging'
  | 'InvalidToken'
  | 'InvalidURI'
  | 'InvalidWriteOffset'
  | 'KMS.DisabledException'
  | 'KMS.NotFoundException'
  | 'KeyTooLongError'
  | 'MalformedACLError'
  | 'MalformedPolicy'
  | 'MalformedPOSTRequest'
  | 'MalformedTrailerError'
  | 'MalformedXML'
  | 'MaxMessageLengthExceeded'
  | 'MaxPostPreDataLengthExceededError'
  | 'MetadataConfigurationNotFound'
  | 'MetadataTooLarge'
  | 'MethodNotAllowed'
  | 'MissingContentLength'
  | 'MissingRequestBodyError'
  | 'MissingSecurityHeader'
  | 'NoSuchBucket'
  | 'NoSuchBucketPolicy'
  | 'NoSuchConfiguration'
  | 'NoSuchCORSConfiguration'
  | 'NoSuchKey'
  | 'NoSuchLifecycleConfiguration'
  | 'NoSuchObjectLockConfiguration'
  | 'NoSuchPublicAccessBlockConfiguration'
  | 'NoSuchTagSet'
  | 'NoSuchUpload'
  | 'NoSuchVersion'
  | 'NoSuchWebsiteConfiguration'
  | 'NotImplemented'
  | 'NotModified'
  | 'ObjectLockConfigurationNotFoundError'
  | 'OperationAborted'
  | 'OwnershipControlsNotFoundError'
  | 'PreconditionFailed'
  | 'QuotaExceeded'
  | 'ReplicationConfigurationNotFoundError'
  | 'RequestTimeout'
  | 'RequestTimeTooSkewed'
  | 'RestoreAlreadyInProgress'
  | 'ServerSideEncryptionConfigurationNotFoundError'
  | 'ServiceUnavailable'
  | 'SignatureDoesNotMatch'
  | 'UnexpectedContent'
  | 'UnresolvableGrantByEmailAddress'
  | 'TooManyConfigurations'
  | 'TooManyParts'
  | 'XAmzContentSHA256Mismatch';

interface CodeRow {
  readonly status: number;
  readonly kind: ErrorKind;
  readonly message: string;
}

const row = (status: number, kind: ErrorKind, message: string): CodeRow => ({
  status,
  kind,
  message,
});

/** Every code, its status and its sentence. */
export const s3Codes: Readonly<Record<S3Code, CodeRow>> = {
  AccessControlListNotSupported: row(400, 'invalid-argument', 'The bucket does not allow ACLs'),
  AccessDenied: row(403, 'access-denied', 'Access Denied'),
  AccessForbidden: row(403, 'access-denied', 'CORSResponse: CORS is not enabled for this bucket.'),
  AuthorizationHeaderMalformed: row(
    400,
    'unauthenticated',
    'The authorization header you provided is invalid.',
  ),
  AuthorizationQueryParametersError: row(
    400,
    'unauthenticated',
    'The authorization query parameters that you provided are not valid.',
  ),
  BadDigest: row(
    400,
    'digest-mismatch',
    'The Content-MD5 you specified did not match what we received.',
  ),
  BadRequest: row(
    400,
    'invalid-argument',
    'Insufficient information. Origin request header needed.',
  ),
  BucketAlreadyExists: row(
    409,
    'name-taken',
    'The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.',
  ),
  BucketAlreadyOwnedByYou: row(
    409,
    'container-exists',
    'Your previous request to create the named bucket succeeded and you already own it.',
  ),
  BucketNotEmpty: row(409, 'container-not-empty', 'The bucket you tried to delete is not empty'),
  ConditionalRequestConflict: row(
    409,
    'conflict',
    'The conditional request cannot succeed due to a conflicting operation against this resource.',
  ),
  EntityTooLarge: row(
    400,
    'too-large',
    'Your proposed upload exceeds the maximum allowed object size.',
  ),
  EntityTooSmall: row(
    400,
    'part-too-small',
    'Your proposed upload is smaller than the minimum allowed size',
  ),
  IdempotencyParameterMismatch: row(
    400,
    'invalid-argument',
    'Parameters on this idempotent request are inconsistent with parameters used in previous request(s).',
  ),
  IllegalLocationConstraintException: row(
    400,
    'invalid-argument',
    'The location constraint is incompatible for the region specific endpoint this request was sent to.',
  ),
  IllegalVersioningConfigurationException: row(
    400,
    'invalid-argument',
    'The Versioning element must be specified',
  ),
  IncompleteBody: row(400, 'incomplete-body', 'The request body terminated unexpectedly'),
  InsufficientStorage: row(507, 'full', 'There is no room left for this object.'),
  InternalError: row(500, 'internal', 'We encountered an internal error. Please try again.'),
  InvalidAccessKeyId: row(
    403,
    'unauthenticated',
    'The AWS Access Key Id you provided does not exist in our records.',
  ),
  InvalidArgument: row(400, 'invalid-argument', 'Invalid Argument'),
  InvalidBucketAclWithBlockPublicAccessError: row(
    400,
    'invalid-argument',
    'Bucket cannot have public ACLs set with BlockPublicAccess enabled',
  ),
  InvalidBucketAclWithObjectOwnership: row(
    400,
    'invalid-argument',
    "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
  ),
  InvalidBucketName: row(400, 'invalid-argument', 'The specified bucket is not valid.'),
  InvalidBucketState: row(
    409,
    'invalid-state',
    'The request is not valid with the current state of the bucket.',
  ),
  InvalidChunkSizeError: row(
    400,
    'invalid-argument',
    'Only the last chunk is allowed to have a size less than 8192 bytes',
  ),
  InvalidDigest: row(400, 'invalid-argument', 'The Content-MD5 you specified was invalid.'),
  InvalidEncryptionAlgorithmError: row(
    400,
    'invalid-argument',
    'The encryption request that you specified is not valid. The valid value is AES256.',
  ),
  InvalidLocationConstraint: row(
    400,
    'invalid-argument',
    'The specified location-constraint is not valid',
  ),
  InvalidObjectState: row(
    403,
    'invalid-state',
    "The operation is not valid for the object's storage class",
  ),
  InvalidPart: row(
    400,
    'invalid-part',
    "One or more of the specified parts could not be found.  The part may not have been uploaded, or the specified entity tag may not match the part's entity tag.",
  ),
  InvalidPartNumber: row(
    416,
    'range-not-satisfiable',
    'The requested partnumber is not satisfiable',
  ),
  InvalidPartOrder: row(
    400,
    'invalid-part-order',
    'The list of parts was not in ascending order. Parts must be ordered by part number.',
  ),
  InvalidPolicyDocument: row(
    400,
    'invalid-argument',
    'The content of the form does not meet the conditions specified in the policy document.',
  ),
  InvalidRange: row(416, 'range-not-satisfiable', 'The requested range is not satisfiable'),
  InvalidRedirectLocation: row(
    400,
    'invalid-argument',
    "The website redirect location must have a prefix of 'http://' or 'https://' or '/'.",
  ),
  InvalidRequest: row(400, 'invalid-argument', 'Invalid Request'),
  InvalidRetentionPeriod: row(
    400,
    'invalid-argument',
    'Default retention period must be a positive integer value.',
  ),
  InvalidS3DestinationBucket: row(
    400,
    'invalid-argument',
    'The destination bucket is not there, or is not yours to write to.',
  ),
  InvalidStorageClass: row(400, 'invalid-argument', 'The storage class you specified is not valid'),
  InvalidTag: row(
    400,
    'invalid-argument',
    'The tag provided was not a valid tag. This error can occur if the tag did not pass input validation.',
  ),
  InvalidTargetBucketForLogging: row(
    400,
    'invalid-argument',
    'The target bucket for logging does not exist, is not owned by you, or does not have the appropriate grants for the log-delivery group.',
  ),
  InvalidToken: row(
    400,
    'unauthenticated',
    'The provided token is malformed or otherwise invalid.',
  ),
  InvalidURI: row(400, 'invalid-argument', "Couldn't parse the specified URI."),
  'KMS.DisabledException': row(400, 'access-denied', 'The key is disabled.'),
  'KMS.NotFoundException': row(400, 'invalid-argument', 'The key does not exist.'),
  InvalidWriteOffset: row(
    400,
    'invalid-argument',
    'The write offset value that you specified does not match the current object size.',
  ),
  KeyTooLongError: row(400, 'name-too-long', 'Your key is too long'),
  MalformedACLError: row(
    400,
    'invalid-argument',
    'The XML you provided was not well-formed or did not validate against our published schema',
  ),
  MalformedPolicy: row(400, 'invalid-argument', 'This policy contains invalid Json'),
  MalformedPOSTRequest: row(
    400,
    'invalid-argument',
    'The body of your POST request is not well-formed multipart/form-data.',
  ),
  MalformedTrailerError: row(
    400,
    'invalid-argument',
    'The request contained trailing data that was not well-formed or did not conform to our published schema.',
  ),
  MalformedXML: row(
    400,
    'invalid-argument',
    'The XML you provided was not well-formed or did not validate against our published schema',
  ),
  MaxMessageLengthExceeded: row(400, 'too-large', 'Your request was too big.'),
  MaxPostPreDataLengthExceededError: row(
    400,
    'too-large',
    'Your POST request fields preceding the upload file were too large.',
  ),
  MetadataConfigurationNotFound: row(
    404,
    'no-such-object',
    'The metadata configuration does not exist.',
  ),
  MetadataTooLarge: row(
    400,
    'metadata-too-large',
    'Your metadata headers exceed the maximum allowed metadata size',
  ),
  MethodNotAllowed: row(
    405,
    'invalid-argument',
    'The specified method is not allowed against this resource.',
  ),
  MissingContentLength: row(
    411,
    'invalid-argument',
    'You must provide the Content-Length HTTP header.',
  ),
  MissingRequestBodyError: row(400, 'invalid-argument', 'Request Body is empty'),
  MissingSecurityHeader: row(400, 'invalid-argument', 'Your request was missing a required header'),
  NoSuchBucket: row(404, 'no-such-container', 'The specified bucket does not exist'),
  NoSuchBucketPolicy: row(404, 'no-such-object', 'The bucket policy does not exist'),
  NoSuchConfiguration: row(404, 'no-such-object', 'The specified configuration does not exist.'),
  NoSuchCORSConfiguration: row(404, 'no-such-object', 'The CORS configuration does not exist'),
  NoSuchKey: row(404, 'no-such-object', 'The specified key does not exist.'),
  NoSuchLifecycleConfiguration: row(
    404,
    'no-such-object',
    'The lifecycle configuration does not exist',
  ),
  NoSuchObjectLockConfiguration: row(
    404,
    'no-such-object',
    'The specified object does not have a ObjectLock configuration',
  ),
  NoSuchPublicAccessBlockConfiguration: row(
    404,
    'no-such-object',
    'The public access block configuration was not found',
  ),
  NoSuchTagSet: row(404, 'no-such-object', 'The TagSet does not exist'),
  NoSuchUpload: row(
    404,
    'no-such-upload',
    'The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  ),
  NoSuchVersion: row(404, 'no-such-version', 'The specified version does not exist.'),
  NoSuchWebsiteConfiguration: row(
    404,
    'no-such-object',
    'The specified bucket does not have a website configuration',
  ),
  NotImplemented: row(
    501,
    'not-implemented',
    'A header you provided implies functionality that is not implemented',
  ),
  NotModified: row(304, 'not-modified', 'Not Modified'),
  ObjectLockConfigurationNotFoundError: row(
    404,
    'no-such-object',
    'Object Lock configuration does not exist for this bucket',
  ),
  OperationAborted: row(
    409,
    'conflict',
    'A conflicting conditional operation is currently in progress against this resource. Please try again.',
  ),
  OwnershipControlsNotFoundError: row(
    404,
    'no-such-object',
    'The bucket ownership controls were not found',
  ),
  QuotaExceeded: row(403, 'quota-exceeded', 'The bucket or its account would exceed its quota.'),
  PreconditionFailed: row(
    412,
    'precondition-failed',
    'At least one of the pre-conditions you specified did not hold',
  ),
  ReplicationConfigurationNotFoundError: row(
    404,
    'no-such-object',
    'The replication configuration was not found',
  ),
  RequestTimeout: row(
    400,
    'timeout',
    'Your socket connection to the server was not read from or written to within the timeout period.',
  ),
  RestoreAlreadyInProgress: row(409, 'conflict', 'Object restore is already in progress'),
  RequestTimeTooSkewed: row(
    403,
    'unauthenticated',
    'The difference between the request time and the current time is too large.',
  ),
  ServerSideEncryptionConfigurationNotFoundError: row(
    404,
    'no-such-object',
    'The server side encryption configuration was not found',
  ),
  ServiceUnavailable: row(
    503,
    'unavailable',
    'The service cannot complete the request now. Please retry.',
  ),
  SignatureDoesNotMatch: row(
    403,
    'unauthenticated',
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  ),
  UnexpectedContent: row(400, 'invalid-argument', 'This request does not support content'),
  UnresolvableGrantByEmailAddress: row(
    400,
    'invalid-argument',
    'The e-mail address you provided does not match any account on record.',
  ),
  TooManyConfigurations: row(
    400,
    'invalid-argument',
    'You are attempting to create a new configuration but have already reached the limit of such configurations.',
  ),
  TooManyParts: row(
    400,
    'invalid-argument',
    'You have attempted to add more parts than the maximum of 10000 that are allowed for this object.',
  ),
  XAmzContentSHA256Mismatch: row(
    400,
    'digest-mismatch',
    "The provided 'x-amz-content-sha256' header does not match what was computed.",
  ),
};

export function isS3Code(text: unknown): text is S3Code {
  return typeof text === 'string' && Object.hasOwn(s3Codes, text);
}

/**
 * A StoreError that the error table renders with exactly this code. Members of `fields` become
 * elements of the error's XML; their names begin with a capital, as Amazon's do.
 */
export function s3Error(
  code: S3Code,
  message?: string,
  fields: Readonly<Record<string, string | number>> = {},
): StoreError {
  const { kind, message: usual } = s3Codes[code];
  return new StoreError(kind, 's3', message ?? usual, { detail: { ...fields, code } });
}

/** 400 InvalidArgument naming the argument and the value that was refused. */
export function invalidArgument(name: string, value: string, message: string): StoreError {
  return s3Error('InvalidArgument', message, { ArgumentName: name, ArgumentValue: value });
}

/** 501 naming the header or element that changes meaning and is not built. */
export function notImplemented(what: string, message?: string): StoreError {
  return s3Error('NotImplemented', message ?? s3Codes.NotImplemented.message, { Header: what });
}

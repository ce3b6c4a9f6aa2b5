/**
 * The one error type of the project. A kind exists only if some caller reacts differently to it;
 * both doors answer every kind through an error table that does not compile when one is missing.
 */
export const errorKinds = [
  'invalid-argument', // the request is malformed or breaks a documented limit
  'not-implemented', // asked for something that changes meaning and is not built
  'unauthenticated', // no, or wrong, credentials
  'access-denied',
  'no-such-account',
  'no-such-container',
  'no-such-object',
  'no-such-version',
  'no-such-upload',
  'is-delete-marker', // the addressed version is a delete marker
  'container-exists', // the caller's own account already has it
  'name-taken', // a bucket name that another account owns
  'container-not-empty',
  'invalid-state', // the container's settings do not allow it
  'precondition-failed',
  'not-modified',
  'conflict', // a racing operation; the caller may retry
  'invalid-part',
  'invalid-part-order',
  'part-too-small',
  'too-large',
  'read-only', // the operator has switched writing off
  'quota-exceeded', // a container or an account would hold more than it may
  'name-too-long',
  'metadata-too-large',
  'digest-mismatch', // bytes do not have the digest that the client named
  'incomplete-body', // the body ended before its declared length
  'range-not-satisfiable',
  'unavailable', // outcome unknown or too few devices: 503, retry
  'full', // no device has room
  'corrupt', // bytes on disk failed verification and could not be made whole
  'timeout',
  'cancelled', // the client went away, or the process is stopping
  'stale-epoch', // the caller's view of the cluster map is old
  'internal',
] as const;

export type ErrorKind = (typeof errorKinds)[number];

/** Plain data about an error: safe to log and to send to clients; never holds a secret. */
export type ErrorDetail = Readonly<Record<string, string | number | boolean>>;

export interface StoreErrorOptions {
  readonly cause?: unknown;
  readonly detail?: ErrorDetail;
}

export class StoreError extends Error {
  readonly kind: ErrorKind;
  /** What was being done, e.g. `object.put`. */
  readonly op: string;
  readonly detail: ErrorDetail;

  constructor(kind: ErrorKind, op: string, message: string, options: StoreErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'StoreError';
    this.kind = kind;
    this.op = op;
    this.detail = options.detail ?? {};
  }
}

export function isStoreError(error: unknown, kind?: ErrorKind): error is StoreError {
  return error instanceof StoreError && (kind === undefined || error.kind === kind);
}

/** Wraps anything thrown by a foreign library, so that callers meet only StoreError. */
export function toStoreError(error: unknown, op: string): StoreError {
  if (error instanceof StoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError('internal', op, message, { cause: error });
}

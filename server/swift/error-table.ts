/** What Swift answers for every kind of StoreError. A new kind does not compile until it has a line here. */
import type { ErrorKind, StoreError } from '../../base/errors.ts';
import type { HttpReply } from '../http/exchange.ts';
import type { AccountCall } from './call.ts';
import { quote } from './path.ts';
import { type HeaderList, statusReply, textReply } from './reply.ts';

interface ErrorAnswer {
  readonly status: number;
  /** The error's own sentence helps the client; otherwise the standard text is sent. */
  readonly explain?: true;
}

const errorTable = {
  'invalid-argument': { status: 400, explain: true },
  'not-implemented': { status: 501, explain: true },
  unauthenticated: { status: 401 },
  'access-denied': { status: 403 },
  'no-such-account': { status: 404 },
  'no-such-container': { status: 404 },
  'no-such-object': { status: 404 },
  'no-such-version': { status: 404 },
  'no-such-upload': { status: 404 },
  'is-delete-marker': { status: 404 },
  'container-exists': { status: 202 },
  'name-taken': { status: 409 },
  'container-not-empty': { status: 409 },
  'invalid-state': { status: 409, explain: true },
  'precondition-failed': { status: 412 },
  'not-modified': { status: 304 },
  // A racing operation: Swift clients retry 503, and give up on 409.
  conflict: { status: 503 },
  'invalid-part': { status: 400, explain: true },
  'invalid-part-order': { status: 400, explain: true },
  'part-too-small': { status: 400, explain: true },
  'too-large': { status: 413 },
  'read-only': { status: 405, explain: true },
  'quota-exceeded': { status: 413, explain: true },
  'name-too-long': { status: 400 },
  'metadata-too-large': { status: 400, explain: true },
  'digest-mismatch': { status: 422 },
  'incomplete-body': { status: 499 },
  'range-not-satisfiable': { status: 416 },
  unavailable: { status: 503 },
  full: { status: 507 },
  corrupt: { status: 500 },
  timeout: { status: 408 },
  cancelled: { status: 503 },
  'stale-epoch': { status: 503 },
  internal: { status: 500 },
} as const satisfies Record<ErrorKind, ErrorAnswer>;

/** The status of an error in a report on many names: strangers learn that they must sign in. */
export function statusOf(call: Pick<AccountCall, 'principal'>, error: StoreError): number {
  const denied = error.kind === 'access-denied' && call.principal.type === 'anonymous';
  return denied ? 401 : errorReply(error).status;
}

/** The reply to an error that an operation did not answer in a way of its own. */
export function errorReply(error: StoreError): HttpReply {
  const { segment, link } = error.detail;
  // A large object whose segment is gone or changed stays so: no retry helps.
  if (error.kind === 'conflict' && segment !== undefined) return statusReply(409);
  if (link !== undefined) return linkReply(error, String(link));
  return plainReply(error);
}

/** Behind a symlink: the path tells what the answer is about. */
function linkReply(error: StoreError, path: string): HttpReply {
  const where: HeaderList = path === '' ? [] : [['Content-Location', quote(`/v1${path}`)]];
  if (error.kind === 'conflict') return textReply(409, brokenLinkText(error), where);
  const reply = plainReply(error);
  return { ...reply, headers: [...reply.headers, ...where] };
}

/** Swift's words, which its tests compare. */
function brokenLinkText({ detail }: StoreError): string {
  const { maxLinks, found, wanted } = detail;
  if (maxLinks !== undefined) {
    return `Too many levels of symbolic links, maximum allowed is ${String(maxLinks)}`;
  }
  if (found === undefined) return 'X-Symlink-Target does not exist';
  const [is, shallBe] = [String(found), String(wanted)];
  return `Object Etag '${is}' does not match X-Symlink-Target-Etag header '${shallBe}'`;
}

function plainReply(error: StoreError): HttpReply {
  const answer: ErrorAnswer = errorTable[error.kind];
  return answer.explain === true
    ? textReply(answer.status, error.message)
    : statusReply(answer.status);
}

/**
 * What changes the meaning of a request in Swift and is not built here. Such a request is refused
 * with 501: a client that asked for a manifest, an ACL or a version must not believe it got one.
 */
import type { Headers } from './headers.ts';
import { refuse } from './reply.ts';

type Shape = 'account' | 'container' | 'object';

/** Headers that count when they are not empty (an empty value removes, and there is nothing to remove). */
const writeHeaders: Readonly<Record<Shape, readonly string[]>> = {
  account: [],
  container: ['x-container-sharding'],
  object: [],
};

const writes: ReadonlySet<string> = new Set(['PUT', 'POST', 'COPY']);

/** Throws Refusal 501. */
export function refuseUnsupported(shape: Shape, method: string, headers: Headers): void {
  if (!writes.has(method)) return;
  for (const name of writeHeaders[shape]) {
    if ((headers.get(name) ?? '') !== '') throw notBuilt(`the header ${name}`);
  }
}

function notBuilt(what: string): Error {
  return refuse(501, `${what} is not supported`);
}

/** Write conditions that only GET, HEAD, PUT and DELETE can judge: a POST under one would break its promise. */
export function refuseConditions(headers: Headers): void {
  for (const name of ['if-match', 'if-none-match', 'if-unmodified-since']) {
    if (headers.has(name)) throw notBuilt(`the header ${name} with this method`);
  }
}

/** A DELETE that is several commits: no condition on one object holds them together. */
export function refuseIfExpiry(headers: Headers): void {
  if (headers.has('x-if-delete-at')) throw notBuilt('X-If-Delete-At with this DELETE');
}

/** `X-Delete-At` (seconds since 1970) and `X-Delete-After` (seconds from now), checked as Swift's `check_delete_headers` does. */
import type { ObjectCall } from '../call.ts';
import { type Headers, isTrue } from '../headers.ts';
import { refuse } from '../reply.ts';

/** Swift keeps ten digits; a later date means the last of them. */
const lastSecond = 9_999_999_999;

/** Milliseconds since 1970; undefined when the object shall stay. Throws Refusal 400. */
export function readExpiry(headers: Headers, nowMillis: number): number | undefined {
  const now = nowMillis / 1000;
  const after = headers.get('x-delete-after');
  // After wins over At, as in Swift.
  if (after !== undefined) {
    const at = clamp(Math.floor(now + integer(after, 'X-Delete-After')));
    if (at <= now) throw refuse(400, 'X-Delete-After in past');
    return at * 1000;
  }
  const text = headers.get('x-delete-at');
  if (text === undefined) return undefined;
  const at = clamp(integer(text, 'X-Delete-At'));
  if (at <= now) throw refuse(400, 'X-Delete-At in past');
  return at * 1000;
}

/**
 * `X-If-Delete-At` of a DELETE: the `X-Delete-At` that the object must have, 0 for none, in Swift's
 * notation of times (a fraction, an offset in hex). Milliseconds. Throws Refusal 400.
 */
export function readIfExpiry(headers: Headers): number | undefined {
  const text = headers.get('x-if-delete-at');
  if (text === undefined) return undefined;
  const [, seconds = '', offset = '0'] =
    /^\s*(\d{1,10}(?:\.\d*)?)(?:_([\da-f]{1,16}))?\s*$/i.exec(text) ?? [];
  if (seconds === '') throw refuse(400, 'Bad X-If-Delete-At header value');
  // No date that a client sets has an offset: one that is named matches none.
  return /[^0]/.test(offset) ? -1 : Math.round(Number(seconds) * 100_000) / 100;
}

/** Whether the request asks for what has expired and is still there, and may. */
export function opensExpired(call: Pick<ObjectCall, 'door' | 'headers'>): boolean {
  return call.door.settings.expiredKeptSeconds > 0 && isTrue(call.headers.get('x-open-expired'));
}

export function formatExpiry(expiresAt: number): string {
  return String(Math.floor(expiresAt / 1000)).padStart(10, '0');
}

function integer(text: string, header: string): number {
  if (!/^\s*[+-]?\d+\s*$/.test(text)) throw refuse(400, `Non-integer ${header}`);
  return Number(text);
}

function clamp(seconds: number): number {
  return Math.min(Math.max(seconds, 0), lastSecond);
}

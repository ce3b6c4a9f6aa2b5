/**
 * Tokens that need no store: `AUTH_tk` + base64url(version, expiry, nonce, login, MAC). Any process
 * that has the secret accepts them, they survive a restart, and a million of them cost no memory.
 * The MAC also covers the user's key, so that changing a password ends all its tokens at once.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { fromUtf8, utf8 } from '../../../base/bytes.ts';

/** What tokens of ours begin with. */
export const tokenPrefix = 'AUTH_tk';
const version = 1;
const nonceBytes = 8;
const macBytes = 32;
/** Version, expiry (seconds since 1970, 48 bits), nonce. */
const headBytes = 1 + 6 + nonceBytes;
/** A login is at most an account and a user name; anything longer is no token of ours. */
const maxTokenLength = 1024;

export interface TokenContent {
  readonly login: string;
  /** Seconds since 1970. */
  readonly expiresAt: number;
}

/** `nonce`: 8 random bytes. */
export function signToken(
  secret: Uint8Array,
  content: TokenContent,
  nonce: Uint8Array,
  userKey: string,
): string {
  const login = utf8(content.login);
  const body = Buffer.alloc(headBytes + login.length);
  body.writeUInt8(version, 0);
  body.writeUIntBE(content.expiresAt, 1, 6);
  body.set(nonce.subarray(0, nonceBytes), 7);
  body.set(login, headBytes);
  const mac = macOf(secret, body, userKey);
  return tokenPrefix + Buffer.concat([body, mac]).toString('base64url');
}

/** The content of a token that this secret signed for a user with the key that `keyOf` gives; undefined for any other. The expiry is the caller's to judge. */
export function openToken(
  secret: Uint8Array,
  token: string,
  keyOf: (login: string) => string | undefined,
): TokenContent | undefined {
  if (!token.startsWith(tokenPrefix) || token.length > maxTokenLength) return undefined;
  const bytes = Buffer.from(token.slice(tokenPrefix.length), 'base64url');
  if (bytes.length <= headBytes + macBytes || bytes[0] !== version) return undefined;
  const body = bytes.subarray(0, bytes.length - macBytes);
  const login = decodeLogin(body.subarray(headBytes));
  const userKey = login === undefined ? undefined : keyOf(login);
  const mac = macOf(secret, body, userKey ?? '');
  if (!timingSafeEqual(mac, bytes.subarray(bytes.length - macBytes))) return undefined;
  if (login === undefined || userKey === undefined) return undefined;
  return { login, expiresAt: body.readUIntBE(1, 6) };
}

/** Whether two keys are equal, in a time that tells nothing of where they differ or how long they are. */
export function sameKey(secret: Uint8Array, given: string, stored: string): boolean {
  const digest = (key: string): Buffer => createHmac('sha256', secret).update(key).digest();
  return timingSafeEqual(digest(given), digest(stored));
}

function macOf(secret: Uint8Array, body: Uint8Array, userKey: string): Buffer {
  // The body's length is fixed by its own bytes only up to the login, so it is separated from the key by its length.
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return createHmac('sha256', secret)
    .update('torc swift token')
    .update(length)
    .update(body)
    .update(userKey, 'utf8')
    .digest();
}

function decodeLogin(bytes: Uint8Array): string | undefined {
  try {
    return fromUtf8(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Keys under keys (docs/format/encryption.md): wrapping, and what is derived from an object's key. */
import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  type KeyObject,
} from 'node:crypto';
import { toHex, utf8 } from '../../../base/bytes.ts';
import { invariant } from '../../../base/invariant.ts';
import type { Random } from '../../../base/random.ts';

export const keyBytes = 32;
export const saltBytes = 32;
const FORMAT = 1;
const TAG_BYTES = 16;
const WRAPPED_BYTES = 1 + saltBytes + keyBytes + TAG_BYTES;
const ALGORITHM = 'aes-256-gcm';
/** Every wrapping key is used once, so one nonce is enough. */
const zeroNonce = new Uint8Array(12);

const labels = {
  body: utf8('torc body 1\0'),
  wrap: utf8('torc wrap 1\0'),
  etag: utf8('torc etag 1\0'),
} as const;

/** A handle: handing raw bytes to the cipher costs six times as much as the cipher's start. */
export function keyOf(secret: Uint8Array): KeyObject {
  invariant(secret.length === keyBytes, 'a key has 32 bytes');
  return createSecretKey(secret);
}

function derive(parent: KeyObject, label: Uint8Array, salt: Uint8Array): KeyObject {
  return createSecretKey(createHmac('sha256', parent).update(label).update(salt).digest());
}

/** The key that seals the one body with this salt. */
export function bodyKeyOf(objectKey: KeyObject, salt: Uint8Array): KeyObject {
  invariant(salt.length === saltBytes, 'a salt has 32 bytes');
  return derive(objectKey, labels.body, salt);
}

/** 32 hex digits that tell nothing of the bytes whose MD5 (hex) is given, except to who has the key. */
export function hiddenEtag(objectKey: KeyObject, md5: string): string {
  const tagKey = derive(objectKey, labels.etag, new Uint8Array(0));
  return toHex(createHmac('sha256', tagKey).update(md5, 'hex').digest().subarray(0, 16));
}

/** `binding` must be given again to unwrap. */
export function wrapKey(
  master: KeyObject,
  secret: Uint8Array,
  about: { readonly binding: Uint8Array; readonly random: Random },
): Uint8Array {
  invariant(secret.length === keyBytes, 'a key has 32 bytes');
  const salt = about.random.bytes(saltBytes);
  const cipher = createCipheriv(ALGORITHM, derive(master, labels.wrap, salt), zeroNonce);
  cipher.setAAD(about.binding);
  const sealed = cipher.update(secret);
  cipher.final();
  return Buffer.concat([Uint8Array.of(FORMAT), salt, sealed, cipher.getAuthTag()]);
}

/** undefined: another master key, another binding, or damage: the tag cannot tell which. */
export function unwrapKey(
  master: KeyObject,
  wrapped: Uint8Array,
  binding: Uint8Array,
): Uint8Array | undefined {
  if (wrapped.length !== WRAPPED_BYTES || wrapped[0] !== FORMAT) return undefined;
  const salt = wrapped.subarray(1, 1 + saltBytes);
  const tagAt = WRAPPED_BYTES - TAG_BYTES;
  const decipher = createDecipheriv(ALGORITHM, derive(master, labels.wrap, salt), zeroNonce);
  decipher.setAAD(binding);
  decipher.setAuthTag(wrapped.subarray(tagAt));
  const secret = decipher.update(wrapped.subarray(1 + saltBytes, tagAt));
  try {
    decipher.final();
  } catch {
    // Node says only that it could not authenticate.
    return undefined;
  }
  return secret;
}

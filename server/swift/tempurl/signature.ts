/** Signatures of TempURLs and FormPosts: HMACs by keys that owners have put into metadata. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { SigningKey } from '../../core/access/signing-keys.ts';
import { wireOf } from '../../http/header-text.ts';
import { type Digest, digests } from './settings.ts';

export interface Signature {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

const hexLengths: Readonly<Record<number, Digest>> = { 40: 'sha1', 64: 'sha256', 128: 'sha512' };

/** Hex, or `sha512:` and base64 in either alphabet, padded or not. undefined: neither. */
export function parseSignature(text: string): Signature | undefined {
  const colon = text.indexOf(':');
  if (colon < 0) {
    const digest = hexLengths[text.length];
    if (digest === undefined || !/^[0-9a-fA-F]+$/.test(text)) return undefined;
    return { digest, bytes: Buffer.from(text, 'hex') };
  }
  const digest = digests.find((name) => name === text.slice(0, colon));
  const encoded = text.slice(colon + 1).replace(/=+$/, '');
  if (digest === undefined || !/^(?:[\w-]+|[A-Za-z0-9+/]+)$/.test(encoded)) return undefined;
  return { digest, bytes: Buffer.from(encoded, 'base64') };
}

/** The key that made the signature of one of these messages. Every comparison takes as long as any other. */
export function findSigner(
  signature: Signature,
  messages: readonly string[],
  keys: readonly SigningKey[],
): SigningKey | undefined {
  let signer: SigningKey | undefined;
  for (const key of keys) {
    const secret = Buffer.from(wireOf(key.key), 'latin1');
    for (const message of messages) {
      const made = createHmac(signature.digest, secret).update(message, 'utf8').digest();
      const { bytes } = signature;
      if (made.length === bytes.length && timingSafeEqual(made, bytes)) signer ??= key;
    }
  }
  return signer;
}

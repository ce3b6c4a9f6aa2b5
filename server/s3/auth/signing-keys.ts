/** Signing keys of Signature Version 4: four HMACs a day, region and secret, kept in memory. */
import { type KeyObject, createHmac, createSecretKey, timingSafeEqual } from 'node:crypto';

/** One entry a key, day and region: a few hundred bytes each. Presigned requests may be a week old, so a user may hold eight. */
const MAX_KEYS = 4096;

interface CachedKey {
  readonly secret: string;
  readonly key: KeyObject;
}

export class SigningKeys {
  readonly #keys: Map<string, CachedKey> = new Map();

  /** The key that signs for this scope; derived anew when the secret has changed. Never logged. */
  keyFor(scope: {
    readonly accessKeyId: string;
    readonly secret: string;
    readonly date: string;
    readonly region: string;
  }): KeyObject {
    const name = `${scope.date}/${scope.region}/${scope.accessKeyId}`;
    const cached = this.#keys.get(name);
    if (cached !== undefined && cached.secret === scope.secret) return cached.key;
    const key = deriveSigningKey(scope.secret, scope.date, scope.region);
    if (this.#keys.size >= MAX_KEYS) {
      // A map yields its oldest entry first.
      for (const oldest of this.#keys.keys()) {
        this.#keys.delete(oldest);
        break;
      }
    }
    this.#keys.set(name, { secret: scope.secret, key });
    return key;
  }
}

/** A key object: an HMAC with it costs 5 µs, with the same bytes as a Buffer 28 µs (Node 24). */
export function deriveSigningKey(secret: string, date: string, region: string): KeyObject {
  const dateKey = hmac(Buffer.from(`AWS4${secret}`, 'utf8'), date);
  const regionKey = hmac(dateKey, region);
  return createSecretKey(hmac(hmac(regionKey, 's3'), 'aws4_request'));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text, 'utf8').digest();
}

/** Lower-case hex. */
export function hmacHex(key: KeyObject, text: string): string {
  return createHmac('sha256', key).update(text, 'utf8').digest('hex');
}

/** Compares two hex signatures in time that does not depend on where they differ. */
export function sameSignature(computed: string, given: string): boolean {
  const a = Buffer.from(computed, 'latin1');
  const b = Buffer.from(given, 'latin1');
  return a.length === b.length && timingSafeEqual(a, b);
}

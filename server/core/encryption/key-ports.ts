/** Where master keys are kept, as ports. Implemented in server/keys over files, and in memory for tests. */
import type { Principal } from '../access/principal.ts';

/** A key under a master key of somebody else's. */
export interface WrappedSecret {
  readonly keyId: string;
  readonly wrapped: Uint8Array;
}

/**
 * The store's own keys. New keys are wrapped under the newest; older ones stay, to unwrap.
 * Errors: `unavailable` when the ring, or the key that is named, is not there; `corrupt` when the
 * tag is wrong.
 */
export interface KeyRing {
  wrap(secret: Uint8Array, binding: Uint8Array): Promise<WrappedSecret>;
  unwrap(wrapped: WrappedSecret, binding: Uint8Array): Promise<Uint8Array>;
}

/** What a key of the service is used for; each use leaves an audit line. */
export interface KeyUse {
  readonly context: Readonly<Record<string, string>>;
  readonly principal: Principal;
}

/**
 * A key management service: its keys have ids, aliases and ARNs, and never leave it. Errors, with
 * detail.reason: `key-not-found` (`invalid-argument` from wrap, `unavailable` from unwrap),
 * `key-disabled` and `key-denied` (`access-denied`). Without reason: `unavailable` when the service
 * does not answer, `corrupt` when the tag is wrong.
 */
export interface KeyService {
  /** `key`: id, alias or ARN; undefined: the default key, `key-not-found` when there is none. */
  wrap(
    key: string | undefined,
    secret: Uint8Array,
    use: KeyUse,
  ): Promise<WrappedSecret & { readonly shownKeyId: string }>;
  unwrap(wrapped: WrappedSecret, use: KeyUse): Promise<Uint8Array>;
}

/** What core encrypts with. */
export interface Keys {
  readonly ring: KeyRing;
  readonly service: KeyService;
  /** Every new object is encrypted, under the key ring unless it is asked otherwise. */
  readonly encryptAll: boolean;
}

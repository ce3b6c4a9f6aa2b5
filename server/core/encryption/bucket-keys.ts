/** Bucket keys in hand: while one is fresh, the key service is not asked again. */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';

/** How long a key that was disabled may still be in use; Amazon's is not stated. */
const FRESH_MILLIS = 5 * 60_000;
/** 64 bytes of keys and half a kilobyte around each. */
const MOST = 1000;

export interface BucketKey {
  readonly secret: KeyObject;
  readonly keyId: string;
  readonly shownKeyId: string;
  /** Base64, as the key service gave it. */
  readonly wrapped: string;
}

/** Values that are made once and used for a while; the oldest go when there are too many. */
class FreshValues<V> {
  readonly #clock: Clock;
  readonly #values = new Map<string, { readonly value: Promise<V>; readonly until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get(id: string, make: () => Promise<V>): Promise<V> {
    const known = this.#values.get(id);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.value;
    const value = make();
    this.#values.delete(id);
    this.#values.set(id, { value, until: this.#clock.monotonic() + FRESH_MILLIS });
    // A failure is for those who waited for it; the next one asks again.
    value.catch(() => {
      if (this.#values.get(id)?.value === value) this.#values.delete(id);
    });
    const [oldest] = this.#values.keys();
    if (this.#values.size > MOST && oldest !== undefined) this.#values.delete(oldest);
    return value;
  }
}

export interface BucketKeys {
  readonly toWrap: FreshValues<BucketKey>;
  readonly toUnwrap: FreshValues<KeyObject>;
}

export function createBucketKeys(clock: Clock): BucketKeys {
  return { toWrap: new FreshValues(clock), toUnwrap: new FreshValues(clock) };
}

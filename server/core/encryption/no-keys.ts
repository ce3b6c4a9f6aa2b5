import { StoreError } from '../../../base/errors.ts';
import { keyFailure } from './failures.ts';
import type { Keys } from './key-ports.ts';

function noRing(): Promise<never> {
  return Promise.reject(new StoreError('unavailable', 'keys', 'this store has no key ring'));
}

/** Of a core that was given none: encryption is refused, and nothing encrypted can be read. */
export const noKeys: Keys = {
  encryptAll: false,
  ring: { wrap: noRing, unwrap: noRing },
  service: {
    wrap: () => Promise.reject(keyFailure('key-not-found', 'keys')),
    unwrap: () => Promise.reject(keyFailure('key-not-found', 'keys', { kind: 'unavailable' })),
  },
};

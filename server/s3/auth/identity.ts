/** Who a request is from, and what that was told by. */
import type { KeyObject } from 'node:crypto';
import type { Clock } from '../../../base/clock.ts';
import type { Principal } from '../../core/api.ts';
import type { KeySources } from './find-key.ts';
import type { Region } from './scope.ts';
import type { SigningKeys } from './signing-keys.ts';

/** What chunk signatures continue from. */
export interface Seed {
  readonly accessKeyId: string;
  readonly signingKey: KeyObject;
  readonly stamp: string;
  readonly scope: string;
  readonly signature: string;
  /** What was signed: told to who signs a chunk wrongly. */
  readonly canonicalRequest: string;
}

export interface Identity {
  readonly principal: Principal;
  /** Of `x-amz-content-sha256`: a lower-case hex digest or one of Amazon's words; undefined: nothing was said (anonymous). */
  readonly payloadHash: string | undefined;
  readonly seed: Seed | undefined;
}

export interface Authority extends KeySources, Region {
  readonly keys: SigningKeys;
  readonly clock: Clock;
  /** As `S3DoorOptions` has them. */
  readonly virtualHostSuffixes: readonly string[];
}

/** Nobody. */
export const anonymous: Principal = { type: 'anonymous', account: '', user: '', role: 'member' };

/** Somebody outside who knows users, projects and their keys (OpenStack's Keystone). Both doors ask it through this port. */
import type { Principal } from './access/principal.ts';

export interface RemoteKey {
  readonly principal: Principal;
  readonly secretAccessKey: string;
}

/** What shows that somebody has the secret of an access key. */
export interface KeyProof {
  readonly accessKeyId: string;
  readonly stringToSign: string;
  readonly signature: string;
}

export interface IdentityService {
  /** Whose token it is, with what a service token beside it adds; undefined: not valid (any more). Throws `unavailable` when nobody can say. */
  principalOf(token: string, serviceToken: string | undefined): Promise<Principal | undefined>;
  /** An access key that was learned a short time ago. */
  keyOf(accessKeyId: string): RemoteKey | undefined;
  /** Asks for the key, whose `keyOf` then knows it; false: there is no such key, or the proof is none. Throws `unavailable`. */
  learnKey(proof: KeyProof): Promise<boolean>;
  /** For the header WWW-Authenticate. */
  readonly challenge: string;
}

/** The secret of an access key: from the configuration, or learned from whoever knows users outside (Keystone). */
import type { Principal } from '../../core/api.ts';
import type { IdentityService, KeyProof } from '../../core/identity.ts';
import { principalOf, type UserDirectory } from '../../core/users.ts';
import { s3Error } from '../codes.ts';

export interface KeySources {
  readonly users: UserDirectory;
  readonly identity?: IdentityService | undefined;
}

interface FoundKey {
  readonly principal: Principal;
  readonly secretAccessKey: string;
}

/** Never leaves this door: the key is not known here, and somebody has to be asked about it. */
class KeyToLearn extends Error {
  override readonly name = 'KeyToLearn';
  readonly proof: KeyProof;

  constructor(proof: KeyProof) {
    super('the access key is not known here');
    this.proof = proof;
  }
}

/** `proof`: what the request shows for having the secret. Without one an unknown key is refused. */
export function findKey(
  accessKeyId: string,
  sources: KeySources,
  proof?: () => Omit<KeyProof, 'accessKeyId'>,
): FoundKey {
  const { users, identity } = sources;
  const own = users.byAccessKey(accessKeyId);
  if (own !== undefined) {
    return { principal: principalOf(own.entry), secretAccessKey: own.secretAccessKey };
  }
  const learned = identity?.keyOf(accessKeyId);
  if (learned !== undefined) return learned;
  if (identity !== undefined && proof !== undefined) {
    throw new KeyToLearn({ accessKeyId, ...proof() });
  }
  throw s3Error('InvalidAccessKeyId', undefined, { AWSAccessKeyId: accessKeyId });
}

/** Runs `use`, and again once the key that it lacks is known. Throws StoreError `unavailable` when nobody can say. */
export async function learningKeys<T>(sources: KeySources, use: () => T): Promise<T> {
  try {
    return use();
  } catch (error) {
    if (!(error instanceof KeyToLearn)) throw error;
    const isKnown = await sources.identity?.learnKey(error.proof);
    // Whether the key or the signature is wrong is not said by those who know.
    if (isKnown !== true) throw s3Error('AccessDenied');
    return use();
  }
}

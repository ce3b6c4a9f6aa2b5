/** Who sends a request: by a token of ours, or of Keystone, or nobody. */
import type { Principal } from '../../core/api.ts';
import type { SwiftDoorOptions } from '../call.ts';
import type { Headers } from '../headers.ts';
import { anonymous, principalOfTokens } from './tempauth.ts';
import { tokenPrefix } from './token.ts';

/**
 * Anonymous without a token. A token of Keystone that is not valid makes a request nobody's, and not wrong: what is
 * public stays so, and all else is refused as to strangers (`delay_auth_decision`). Throws StoreError
 * `unavailable` when Keystone cannot be asked.
 */
export async function whoAsks(
  door: SwiftDoorOptions,
  headers: Headers,
  path: string,
): Promise<Principal> {
  const token = headers.get('x-auth-token') || headers.get('x-storage-token');
  if (token === undefined || token === '') return anonymous;
  const { identity } = door;
  const serviceToken = headers.get('x-service-token') || undefined;
  if (identity === undefined || token.startsWith(tokenPrefix)) {
    return principalOfTokens(door, token, serviceToken, path);
  }
  return (await identity.principalOf(token, serviceToken)) ?? anonymous;
}

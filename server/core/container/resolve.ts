import { StoreError } from '../../../base/errors.ts';
import type { Action } from '../access/actions.ts';
import { authorise, covers, noSuchContainer } from '../access/demand.ts';
import type { ContainerAddress, RequestContext } from '../request.ts';
import type { Services } from '../services.ts';
import type { ResolvedContainer } from './find.ts';

/** A container, or an object in it. */
type Address = ContainerAddress & {
  readonly key?: string | undefined;
  readonly versionId?: string | undefined;
};

/**
 * Finds the container that an address means and checks that the caller may do `action` there,
 * unless the context carries a permit for this very place. Without an account (S3): the caller's own
 * container of that name, else the bucket name's owner.
 * Throws `no-such-container`, `access-denied`, `unauthenticated`.
 */
export async function resolveContainer(
  services: Services,
  ctx: RequestContext,
  at: { readonly address: Address; readonly action: Action },
): Promise<ResolvedContainer> {
  const { address, action } = at;
  const { permit } = ctx;
  if (ctx.signal?.aborted === true) {
    throw new StoreError('cancelled', action, 'the request was cancelled');
  }
  if (permit?.found !== undefined && covers(permit, address, action)) return permit.found;
  const { permit: granted } = await authorise(services, ctx, { address, actions: [action] });
  if (granted.found === undefined) throw noSuchContainer(action, address.container);
  return granted.found;
}

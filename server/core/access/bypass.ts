import type { BypassWish } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { Services } from '../services.ts';
import { type Demand, isAllowed } from './demand.ts';

/** Getting past governance retention takes the wish and the permission; one without the other is nothing. */
export async function mayBypassGovernance(
  services: Services,
  ctx: RequestContext,
  address: Demand['address'] & BypassWish,
): Promise<{ readonly bypassGovernance?: true }> {
  if (address.bypassGovernance !== true) return {};
  const actions = ['object.bypass-governance'] as const;
  return (await isAllowed(services, ctx, { address, actions })) ? { bypassGovernance: true } : {};
}

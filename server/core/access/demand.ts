/** What a door asks before it runs an operation: may this be done there? */
import { StoreError, isStoreError } from '../../../base/errors.ts';
import type { ContainerAddress, RequestContext } from '../request.ts';
import { findByAccount, findByName } from '../container/find.ts';
import type { Services } from '../services.ts';
import { type Action, isReading } from './actions.ts';
import { type Place, accountRules, checkAccess } from './authorise.ts';
import type { Leave, Permit } from './permit.ts';
import { joinLimits, type PublicLimits } from './rules.ts';
import { noRules } from './rule-book.ts';

/** An account (`container` is ''), a container, or an object; and all that shall be done there. */
export interface Demand {
  readonly address: ContainerAddress & {
    readonly key?: string | undefined;
    readonly versionId?: string | undefined;
  };
  /** All of them must be allowed. None: only the container is looked up, and nothing is granted. */
  readonly actions: readonly Action[];
}

/** The context with its permit. Throws `no-such-container` (only without account), `access-denied`, `unauthenticated`. */
export async function authorise(
  services: Services,
  ctx: RequestContext,
  demand: Demand,
): Promise<RequestContext & { readonly permit: Permit }> {
  const { address, actions } = demand;
  const place = await placeOf(services, ctx, address);
  let leave: Leave | undefined;
  for (const action of actions) {
    const found = await checkAccess(services, ctx, place, action);
    leave ??= found;
  }
  const permit: Permit = {
    account: place.account,
    container: address.container,
    key: address.key,
    found: place.container,
    actions,
    leave,
  };
  return { ...ctx, permit };
}

/** Whether `authorise` would let it pass. */
export async function isAllowed(
  services: Services,
  ctx: RequestContext,
  demand: Demand,
): Promise<boolean> {
  try {
    await authorise(services, ctx, demand);
    return true;
  } catch (error) {
    if (isStoreError(error, 'access-denied') || isStoreError(error, 'unauthenticated'))
      return false;
    throw error;
  }
}

/** The switches that hold at the place of a permit: the container's own, and its account's. */
export async function publicLimits(services: Services, permit: Permit): Promise<PublicLimits> {
  const { found, account } = permit;
  const own =
    found === undefined ? noRules : services.ruleBook.ofContainer(found.containerId, found.row);
  return joinLimits([own.limits, (await accountRules(services, account)).limits]);
}

async function placeOf(
  services: Services,
  ctx: RequestContext,
  address: Demand['address'],
): Promise<Place> {
  const { account, container: containerName, key, versionId } = address;
  const { permit } = ctx;
  if (permit?.found !== undefined && isSameContainer(permit, address)) {
    return { account: permit.account, container: permit.found, containerName, key, versionId };
  }
  if (account !== undefined) {
    const container =
      containerName === '' ? undefined : await findByAccount(services, account, containerName);
    return { account, container, containerName, key, versionId };
  }
  const container = await findByName(services, ctx.principal, containerName);
  if (container === undefined) throw noSuchContainer('authorise', containerName);
  return { account: container.row.account, container, containerName, key, versionId };
}

/**
 * Whether an operation that would ask for `action` need not ask: its door did so for this place. Which
 * of the finer permissions counts is the door's to say, but leave to read is never leave to write.
 */
export function covers(permit: Permit, address: Demand['address'], action: Action): boolean {
  if (!isSameContainer(permit, address) || permit.key !== address.key) return false;
  if (isReading(action)) return permit.actions.length > 0;
  return permit.actions.some((one) => !isReading(one));
}

export function isSameContainer(permit: Permit, address: ContainerAddress): boolean {
  if (permit.container !== address.container) return false;
  return address.account === undefined || address.account === permit.account;
}

export function noSuchContainer(op: string, container: string): StoreError {
  return new StoreError('no-such-container', op, 'the container does not exist', {
    detail: { container },
  });
}

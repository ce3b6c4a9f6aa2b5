import { StoreError } from '../../../base/errors.ts';
import type { BypassWish, Principal } from '../api.ts';
import type { ContainerRow } from '../model.ts';

/** What somebody wants to do; free of any dialect. */
export type Action =
  | 'account.read'
  | 'account.write'
  | 'container.create'
  | 'container.delete'
  | 'container.read'
  | 'container.write'
  | 'object.list'
  | 'object.read'
  | 'object.write'
  | 'object.delete'
  | 'object.bypass-governance';

/** Where: an account, and the container if it is known. Grants of containers will be read from its row here. */
export interface AccessTarget {
  readonly account: string;
  readonly container?: ContainerRow | undefined;
}

/** The one place where access is decided. Throws `unauthenticated` (nobody asks) or `access-denied`. */
export function authorise(principal: Principal, action: Action, target: AccessTarget): void {
  if (isAllowed(principal, target)) return;
  if (principal.type === 'anonymous') {
    throw new StoreError('unauthenticated', action, 'credentials are needed');
  }
  throw new StoreError('access-denied', action, 'access is denied');
}

/** Getting past governance retention takes the wish and the permission; one without the other is nothing. */
export function mayBypassGovernance(
  principal: Principal,
  wish: BypassWish,
  container: ContainerRow,
): { readonly bypassGovernance?: true } {
  if (wish.bypassGovernance !== true) return {};
  const target = { account: container.account, container };
  return isAllowed(principal, target) ? { bypassGovernance: true } : {};
}

function isAllowed(principal: Principal, target: AccessTarget): boolean {
  if (principal.type === 'anonymous') return false;
  if (principal.role === 'reseller') return true;
  return principal.role === 'owner' && principal.account === target.account;
}

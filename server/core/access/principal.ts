/** Who asks, and by which names rules may mean them. */
import type { AccountRow } from '../model.ts';
import type { Action } from './actions.ts';

/** Something that a signed permission allows, and nothing beside it: one object, or those below a prefix. */
export interface ScopedPermit {
  readonly account: string;
  /** undefined: any container of the account. */
  readonly container?: string | undefined;
  /** undefined: any key. */
  readonly key?: string | undefined;
  readonly keyPrefix?: string | undefined;
  readonly actions: ReadonlySet<Action>;
}

/**
 * Who asks. `anonymous` has no account; `temporary` holds a signed permission of somebody who has
 * one; `service` is a part of the server (`names`: its `serviceName`), which writes on somebody's behalf.
 */
export interface Principal {
  readonly type: 'user' | 'temporary' | 'service' | 'anonymous';
  /** e.g. `AUTH_test`; '' for anonymous. */
  readonly account: string;
  readonly user: string;
  /**
   * `owner`: everything in its account. `member`: only what rules grant. `reader`: reads its
   * account. `reseller` and `reseller-reader`: the same in every account.
   */
  readonly role: 'owner' | 'member' | 'reader' | 'reseller' | 'reseller-reader';
  /** Further names by which rules may mean it (`groupName`): groups of TempAuth, `project:user` and roles of Keystone. */
  readonly names?: readonly string[] | undefined;
  /** Accounts that it owns beside its own: a service token opens one. */
  readonly owns?: readonly string[] | undefined;
  /** Accounts that it reads, whatever else it is. */
  readonly reads?: 'all' | readonly string[] | undefined;
  /** Names that mean it in `homes` only: roles of Keystone, which are those of a project. */
  readonly namesAtHome?: readonly string[] | undefined;
  /** Accounts of its project; it owns those of them that `owns` names. */
  readonly homes?: readonly string[] | undefined;
  /** Names that are unique within a domain of Keystone only: they mean it at home, and in accounts of that domain. */
  readonly namesInDomain?:
    | { readonly domain: string; readonly names: readonly string[] }
    | undefined;
  /** Where Keystone keeps its project: noted in the account that it makes. */
  readonly domain?: string | undefined;
  /** Of a `temporary` one: all that it may do. */
  readonly permits?: readonly ScopedPermit[] | undefined;
  /** What a door knows more of it for conditions, by the name of the fact. */
  readonly facts?: Readonly<Record<string, readonly string[]>> | undefined;
}

export const everyone = 'everyone';
/** Whoever showed credentials of any account. */
export const authenticated = 'authenticated';

/** Any user of the account. */
export function accountName(account: string): string {
  return `account:${account}`;
}

/** Who acts for the account itself: its owners, not its members. */
export function ownerName(account: string): string {
  return `owner:${account}`;
}

export function userName(account: string, user: string): string {
  return `user:${account}:${user}`;
}

/** A group or a role, as the configuration or Keystone names it. */
export function groupName(group: string): string {
  return `group:${group}`;
}

/** A part of the server that acts for itself, as delivering logs. */
export function serviceName(service: string): string {
  return `service:${service}`;
}

export function namesOf(principal: Principal): readonly string[] {
  if (principal.type === 'service') return principal.names ?? [];
  if (principal.type !== 'user') return [everyone];
  const { account, user, role, names = [] } = principal;
  const own = [everyone, authenticated, accountName(account), userName(account, user), ...names];
  return role === 'owner' || role === 'reseller' ? [...own, ownerName(account)] : own;
}

/** The same in one account, whose domain (of Keystone) is not known where it was made without one. */
export function namesAt(
  principal: Principal,
  account: string,
  domain: string | undefined,
): readonly string[] {
  const names = namesOf(principal);
  const { namesAtHome = [], namesInDomain, homes } = principal;
  const isHome = homes?.includes(account) === true;
  const local = isHome ? namesAtHome : [];
  if (namesInDomain === undefined) return local.length === 0 ? names : [...names, ...local];
  const isInDomain = isHome || (domain ?? namesInDomain.domain) === namesInDomain.domain;
  return [...names, ...local, ...(isInDomain ? namesInDomain.names : [])];
}

/** What an account that this principal writes to notes of its domain; undefined: nothing, or nothing new. */
export function domainToNote(
  principal: Principal,
  account: string,
  row: Pick<AccountRow, 'domain'> | undefined,
): string | undefined {
  if (principal.domain === undefined) return undefined;
  if (row !== undefined && row.domain !== unknownDomain) return undefined;
  if (principal.homes?.includes(account) === true) return principal.domain;
  return row === undefined ? unknownDomain : undefined;
}

/** Of an account that somebody from elsewhere made. */
const unknownDomain = '_unknown';

/** Whether it has all rights in the account by what it is, and not by a grant. */
export function isOwnerOf(principal: Principal, account: string): boolean {
  if (principal.type !== 'user') return false;
  if (principal.role === 'reseller') return true;
  if (principal.role !== 'owner') return false;
  if (principal.owns?.includes(account) === true) return true;
  // Whoever has homes owns of them what `owns` says.
  return principal.account === account && principal.homes === undefined;
}

/** Whether it may read everything in the account by what it is. */
export function isReaderOf(principal: Principal, account: string): boolean {
  if (principal.type !== 'user') return false;
  const { reads } = principal;
  if (reads === 'all' || reads?.includes(account) === true) return true;
  if (principal.role === 'reseller-reader') return true;
  return principal.role === 'reader' && principal.account === account;
}

export function isPermitted(
  permits: readonly ScopedPermit[],
  deed: {
    readonly action: Action;
    readonly account: string;
    readonly container: string;
    readonly key: string | undefined;
  },
): boolean {
  return permits.some(
    ({ account, container, key, keyPrefix, actions }) =>
      account === deed.account &&
      actions.has(deed.action) &&
      (container === undefined || container === deed.container) &&
      (key === undefined || key === deed.key) &&
      (keyPrefix === undefined || deed.key?.startsWith(keyPrefix) === true),
  );
}

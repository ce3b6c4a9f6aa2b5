/** The decision itself: pure, over rules that were compiled before. Nothing else grants anything. */
import type { ContainerRow } from '../model.ts';
import type { Action } from './actions.ts';
import type { Facts } from './facts.ts';
import { type Principal, namesOf } from './principal.ts';
import type { PreparedRules, PreparedStatement } from './rule-book.ts';

/** One deed to be judged. */
export interface Deed {
  readonly principal: Principal;
  readonly action: Action;
  readonly account: string;
  readonly container: ContainerRow | undefined;
  readonly key: string | undefined;
  readonly facts: Facts;
}

/** `container` or `container/key`, as resources of statements name it. */
function placeOf({ container, key }: Deed): string {
  const name = container?.name ?? '';
  return key === undefined ? name : `${name}/${key}`;
}

function speaksOf(statement: PreparedStatement, deed: Deed, names: readonly string[]): boolean {
  if (!statement.actions.has(deed.action)) return false;
  const isNamed = names.some((name) => statement.principals.has(name));
  if (isNamed === (statement.exceptPrincipals === true)) return false;
  return statement.isAt(placeOf(deed), deed.facts) && statement.holds(deed.facts);
}

/** An explicit denial beats everything. */
export function isDenied(denials: readonly PreparedStatement[], deed: Deed): boolean {
  if (denials.length === 0) return false;
  const names = namesOf(deed.principal);
  return denials.some((statement) => speaksOf(statement, deed, names));
}

/** What narrows public grants: the switches of the container, or of its account. */
export interface PublicLimits {
  readonly ignorePublicAcls: boolean;
  readonly restrictPublic: boolean;
}

export function joinLimits(one: PublicLimits, other: PublicLimits): PublicLimits {
  return {
    ignorePublicAcls: one.ignorePublicAcls || other.ignorePublicAcls,
    restrictPublic: one.restrictPublic || other.restrictPublic,
  };
}

/** Whether a grant of the rules speaks of the deed. Denials are the caller's to judge first. */
export function isGranted(
  rules: Pick<PreparedRules, 'grants' | 'hasPublicPolicy'>,
  deed: Deed,
  limits: PublicLimits,
): boolean {
  const { grants, hasPublicPolicy } = rules;
  if (grants.length === 0) return false;
  const names = namesOf(deed.principal);
  const isForeign = deed.principal.account !== deed.account;
  const isShut = limits.restrictPublic && hasPublicPolicy && isForeign;
  return grants.some((statement) => {
    if (statement.origin === 'acl' && statement.isPublic === true && limits.ignorePublicAcls) {
      return false;
    }
    if (statement.origin === 'policy' && isShut) return false;
    return speaksOf(statement, deed, names);
  });
}

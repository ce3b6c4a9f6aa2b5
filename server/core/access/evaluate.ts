/** The decision itself: pure, over rules that were compiled before. Nothing else grants anything. */
import type { ContainerRow } from '../model.ts';
import type { Action } from './actions.ts';
import type { Facts } from './facts.ts';
import { type Principal, namesOf } from './principal.ts';
import type { PreparedRules, PreparedStatement } from './rule-book.ts';
import type { PublicLimits, Statement } from './rules.ts';

/** One deed to be judged. */
export interface Deed {
  readonly principal: Principal;
  readonly action: Action;
  readonly account: string;
  readonly container: ContainerRow | undefined;
  readonly key: string | undefined;
  readonly facts: Facts;
  /** Of the principal in that account; undefined: those that it has everywhere. */
  readonly names?: readonly string[] | undefined;
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
  const names = deed.names ?? namesOf(deed.principal);
  return denials.some((statement) => speaksOf(statement, deed, names));
}

/** Which kind of rule grants the deed; a policy before a list. Denials are the caller's to judge first. */
export function findGrant(
  rules: Pick<PreparedRules, 'grants' | 'hasPublicPolicy'>,
  deed: Deed,
  limits: PublicLimits,
): Statement['origin'] | undefined {
  const { grants, hasPublicPolicy } = rules;
  if (grants.length === 0) return undefined;
  const names = deed.names ?? namesOf(deed.principal);
  const isForeign = deed.principal.account !== deed.account;
  const isShut = limits.restrictPublic && hasPublicPolicy && isForeign;
  let found: Statement['origin'] | undefined;
  for (const statement of grants) {
    const { origin, isPublic } = statement;
    if (origin === 'acl' && (found === 'acl' || (isPublic === true && limits.ignorePublicAcls))) {
      continue;
    }
    if ((origin === 'policy' && isShut) || !speaksOf(statement, deed, names)) continue;
    if (origin === 'policy') return origin;
    found = origin;
  }
  return found;
}

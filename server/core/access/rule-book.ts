import type { AccountRow, ContainerRow, Id, Metadata, VersionRow } from '../model.ts';
import type { Action } from './actions.ts';
import { prepareCondition } from './condition.ts';
import {
  type AccessDialect,
  joinLimits,
  noLimits,
  type ObjectRules,
  type PublicLimits,
  type Rules,
  type Statement,
} from './rules.ts';
import { type Facts, isOfObject } from './facts.ts';
import { preparePattern } from './pattern.ts';

/** A statement as it is asked: sets, and tests made once. */
export interface PreparedStatement extends Statement {
  readonly isAt: (place: string, facts: Facts) => boolean;
  readonly holds: (facts: Facts) => boolean;
}

/** The rules of all dialects, as one. */
export interface PreparedRules {
  readonly denials: readonly PreparedStatement[];
  readonly grants: readonly PreparedStatement[];
  readonly limits: PublicLimits;
  readonly owners: ReadonlySet<string>;
  readonly ownedByWriter: boolean;
  readonly hasPublicPolicy: boolean;
  /** Actions whose statements ask about the object as it is. */
  readonly needObject: ReadonlySet<Action>;
}

export const noRules: PreparedRules = {
  denials: [],
  grants: [],
  limits: noLimits,
  owners: new Set(),
  ownedByWriter: false,
  hasPublicPolicy: false,
  needObject: new Set(),
};

/** Rules of a container may come to some 100 KiB: that many of them are at most 100 MiB, and usually one. */
const CAPACITY = 1000;

/** Compiled rules, kept by the version of the row that they stand in: a changed row is compiled anew. */
export class RuleBook {
  readonly dialects: readonly AccessDialect[];
  readonly #kept = new Map<Id, { readonly at: number; readonly rules: PreparedRules }>();

  constructor(dialects: readonly AccessDialect[]) {
    this.dialects = dialects;
  }

  ofContainer(containerId: Id, row: ContainerRow): PreparedRules {
    const kept = this.#kept.get(containerId);
    if (kept?.at === row.modifiedAt) return kept.rules;
    const rules = prepareRules(this.dialects.map((dialect) => dialect.containerRules(row)));
    this.#kept.delete(containerId);
    if (this.#kept.size >= CAPACITY) {
      const oldest = this.#kept.keys().next();
      if (oldest.done !== true) this.#kept.delete(oldest.value);
    }
    this.#kept.set(containerId, { at: row.modifiedAt, rules });
    return rules;
  }

  /** Asked for strangers only, so it is not kept. */
  ofAccount(row: AccountRow | undefined): PreparedRules {
    const settings: Metadata | undefined = row?.settings;
    if (settings === undefined) return noRules;
    return prepareRules(this.dialects.map((dialect) => dialect.accountRules?.(settings)));
  }

  ofObject(
    row: VersionRow,
    container: ContainerRow,
  ): { readonly owner: string; readonly grants: readonly PreparedStatement[] } {
    const found = this.dialects
      .map((dialect) => dialect.objectRules?.(row, container))
      .filter((rules): rules is ObjectRules => rules !== undefined);
    const owner = found.find((rules) => rules.owner !== undefined)?.owner ?? container.account;
    const statements = found.flatMap((rules) => rules.statements);
    return { owner, grants: statements.map(prepareStatement) };
  }
}

function prepareRules(found: readonly (Rules | undefined)[]): PreparedRules {
  const rules = found.filter((one): one is Rules => one !== undefined);
  if (rules.length === 0) return noRules;
  const statements = rules.flatMap((one) => one.statements).map(prepareStatement);
  const needObject = statements.flatMap((one) =>
    one.conditions?.some(({ fact }) => isOfObject(fact)) === true ? [...one.actions] : [],
  );
  return {
    denials: statements.filter(({ effect }) => effect === 'deny'),
    grants: statements.filter(({ effect }) => effect === 'allow'),
    limits: joinLimits(rules.map((one) => one.limits)),
    owners: new Set(rules.flatMap((one) => [...(one.owners ?? [])])),
    ownedByWriter: rules.some((one) => one.ownedByWriter === true),
    hasPublicPolicy: statements.some(
      ({ origin, effect, isPublic }) =>
        origin === 'policy' && effect === 'allow' && isPublic === true,
    ),
    needObject: new Set(needObject),
  };
}

function prepareStatement(statement: Statement): PreparedStatement {
  const tests = statement.resources?.map(preparePattern);
  const isExcept = statement.exceptResources === true;
  const conditions = statement.conditions?.map(prepareCondition) ?? [];
  return {
    ...statement,
    isAt: (place, facts) =>
      tests === undefined || tests.some((test) => test(place, facts)) !== isExcept,
    holds: (facts) => conditions.every((holds) => holds(facts)),
  };
}

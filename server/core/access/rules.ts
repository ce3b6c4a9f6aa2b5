/**
 * The one form to which both policy languages compile: statements, and a few switches. Plain data,
 * made anew from the stored text by the dialect that the text is of, so that what a dialect learns
 * later holds for old texts too.
 */
import type { ContainerRow, Metadata, VersionRow } from '../model.ts';
import type { Action } from './actions.ts';
import type { Condition } from './condition.ts';
import type { Subject } from './facts.ts';
import type { Pattern } from './pattern.ts';

/** Who may, or must not, do what, where, and when. */
export interface Statement {
  readonly effect: 'allow' | 'deny';
  /** Public-access switches treat the two apart. */
  readonly origin: 'policy' | 'acl';
  /** Names of access/principal.ts. */
  readonly principals: ReadonlySet<string>;
  /** True: everybody but these. */
  readonly exceptPrincipals?: boolean | undefined;
  readonly actions: ReadonlySet<Action>;
  /** Places `container` or `container/key`; undefined: the container and all in it. */
  readonly resources?: readonly Pattern[] | undefined;
  /** True: everywhere but there. */
  readonly exceptResources?: boolean | undefined;
  /** All must hold. */
  readonly conditions?: readonly Condition[] | undefined;
  /** Lets in whoever comes, or whoever has any account. */
  readonly isPublic?: boolean | undefined;
}

/** Switches that narrow what lets in the whole world, whatever else says. */
export interface PublicLimits {
  /** A list that is public must not be set. */
  readonly refusePublicAcls: boolean;
  /** Statements of origin `acl` that are public count for nothing. */
  readonly ignorePublicAcls: boolean;
  /** A policy that is public must not be set. */
  readonly refusePublicPolicies: boolean;
  /** Where a policy is public, policies let in nobody from other accounts. */
  readonly restrictPublic: boolean;
}

export interface Rules {
  readonly statements: readonly Statement[];
  readonly limits?: Partial<PublicLimits> | undefined;
  /** Of an account: who owns it beside its owners. */
  readonly owners?: ReadonlySet<string> | undefined;
  /** Objects belong to who wrote them; else to the container's account. */
  readonly ownedByWriter?: boolean | undefined;
}

/** What an object's own text says. */
export interface ObjectRules {
  /** Account; undefined: the container's. */
  readonly owner: string | undefined;
  readonly statements: readonly Statement[];
}

/**
 * What a dialect brings: the meaning of its texts in rows. Core asks all dialects about every
 * container, so that no door can contradict the other. A text that cannot be read must deny.
 */
export interface AccessDialect {
  /** undefined: nothing of this dialect stands there. Called once per version of the row. */
  containerRules(row: ContainerRow): Rules | undefined;
  accountRules?(settings: Metadata): Rules | undefined;
  objectRules?(row: VersionRow, container: ContainerRow): ObjectRules | undefined;
  /** Facts that only the dialect can tell, of the subject or of the object that is there. */
  facts?(name: string, subject: Subject): readonly string[] | undefined;
}

export const noLimits: PublicLimits = {
  refusePublicAcls: false,
  ignorePublicAcls: false,
  refusePublicPolicies: false,
  restrictPublic: false,
};

export function joinLimits(all: readonly (Partial<PublicLimits> | undefined)[]): PublicLimits {
  const isOn = (name: keyof PublicLimits): boolean => all.some((one) => one?.[name] === true);
  return {
    refusePublicAcls: isOn('refusePublicAcls'),
    ignorePublicAcls: isOn('ignorePublicAcls'),
    refusePublicPolicies: isOn('refusePublicPolicies'),
    restrictPublic: isOn('restrictPublic'),
  };
}

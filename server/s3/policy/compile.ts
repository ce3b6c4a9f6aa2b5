/** Bucket policies as statements of the model. */
import { type Action, isOnObject } from '../../core/access/actions.ts';
import type { Pattern } from '../../core/access/pattern.ts';
import { preparePattern } from '../../core/access/pattern.ts';
import { everyone } from '../../core/access/principal.ts';
import type { Statement } from '../../core/access/rules.ts';
import type { UserDirectory } from '../../core/users.ts';
import { s3Actions } from '../access/actions.ts';
import { toCondition } from './condition-operators.ts';
import {
  type PolicyDocument,
  type PolicyStatement,
  type Selection,
  malformedPolicy,
} from './document.ts';
import { parsePattern } from './pattern.ts';
import { principalNames } from './principals.ts';
import { restrictsPublic } from './public.ts';

export interface CompileOptions {
  readonly users: UserDirectory;
  readonly bucket: string;
}

/** Throws `MalformedPolicy`. */
export function compilePolicy(
  document: PolicyDocument,
  options: CompileOptions,
): readonly Statement[] {
  return document.statements.map((statement) =>
    compileStatement(statement, document.hasVariables, options),
  );
}

function compileStatement(
  stated: PolicyStatement,
  hasVariables: boolean,
  options: CompileOptions,
): Statement {
  const { effect, principal } = stated;
  const names = principal.entries.flatMap((entry) => principalNames(entry, options.users));
  const actions = compileActions(stated.action);
  const resources = stated.resource.entries.map((text) =>
    parseResource(text, hasVariables, options.bucket),
  );
  const conditions = stated.conditions.map((one) => toCondition(one, hasVariables));
  if (effect === 'deny' && !stated.resource.isExcept) refuseIdle(actions, resources);
  return {
    effect,
    origin: 'policy',
    principals: new Set(names),
    exceptPrincipals: principal.isExcept,
    actions,
    resources,
    exceptResources: stated.resource.isExcept,
    conditions,
    isPublic: effect === 'allow' && names.includes(everyone) && !restrictsPublic(conditions),
  };
}

/** `s3:Get*`, without case. Throws where nothing has that name. */
function compileActions({ entries, isExcept }: Selection<string>): ReadonlySet<Action> {
  const meant = new Set<Action>();
  for (const text of entries) {
    const found = matching(text);
    if (found.length === 0) throw malformedPolicy('Policy has invalid action');
    for (const action of found.flat()) meant.add(action);
  }
  if (!isExcept) return meant;
  return new Set([...s3Actions.values()].flat().filter((action) => !meant.has(action)));
}

function matching(text: string): readonly (readonly Action[])[] {
  const pattern = parsePattern(text.toLowerCase(), { hasWildcards: true, hasVariables: false });
  const matches = preparePattern(pattern);
  return [...s3Actions]
    .filter(([name]) => matches(name.toLowerCase(), () => undefined))
    .map(([, actions]) => actions);
}

const ARN = /^arn:(?:aws[\w-]*|\*):s3:::(.+)$/s;

/** `arn:aws:s3:::bucket/key*` as `bucket/key*`; it must be able to mean this bucket. */
function parseResource(text: string, hasVariables: boolean, bucket: string): Pattern {
  const invalid = 'Policy has invalid resource';
  const place = text === '*' ? '*' : ARN.exec(text)?.[1];
  if (place === undefined) throw malformedPolicy(invalid);
  const slash = place.indexOf('/');
  const name = parsePattern(slash < 0 ? place : place.slice(0, slash), {
    hasWildcards: true,
    hasVariables,
  });
  // A variable in the bucket's name is known only when a request comes.
  const isFixed = name.every((token) => typeof token === 'string' || token.type !== 'fact');
  if (isFixed && !preparePattern(name)(bucket, () => undefined)) throw malformedPolicy(invalid);
  return parsePattern(place, { hasWildcards: true, hasVariables });
}

/**
 * A denial whose actions are none of its resources' protects nothing, and its writer believes that
 * it does. (An Allow of that kind only lets nobody in.)
 */
function refuseIdle(actions: ReadonlySet<Action>, resources: readonly Pattern[]): void {
  const isOfObjects = resources.map((pattern) => pattern.some(mayHoldSlash));
  const isOfBucket = resources.map((pattern) => !pattern.some(hasSlash));
  for (const action of actions) {
    const fitting = isOnObject(action) ? isOfObjects : isOfBucket;
    if (fitting.includes(true)) return;
  }
  if (actions.size > 0) {
    throw malformedPolicy('Action does not apply to any resource(s) in statement');
  }
}

function hasSlash(token: Pattern[number]): boolean {
  return typeof token === 'string' && token.includes('/');
}

function mayHoldSlash(token: Pattern[number]): boolean {
  return hasSlash(token) || (typeof token !== 'string' && token.type !== 'one');
}

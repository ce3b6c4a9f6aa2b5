/** Conditions of statements: one fact, one comparison, the values it may have. */
import { isInRange, parseAddress, parseRange } from './address-range.ts';
import type { Facts } from './facts.ts';
import { type Pattern, type Token, expandText, hasFacts, preparePattern } from './pattern.ts';

export type Operator =
  | 'equals'
  | 'equals-ignoring-case'
  | 'like'
  | `${'number' | 'date'}-${'equals' | 'below' | 'at-most' | 'above' | 'at-least'}`
  | 'bool'
  | 'bytes'
  | 'address'
  /** Six parts between colons; a wildcard stays within its part, but in the last. */
  | 'arn'
  /** `true`: the fact must be absent. */
  | 'absent'
  /** Host of a URL against an ordered list of `*`, `host`, `.domain` and `-…`: the last that matches decides. */
  | 'referrer';

export interface Condition {
  readonly fact: string;
  readonly operator: Operator;
  /** One of them must match; negated: none. */
  readonly values: readonly Pattern[];
  readonly isNegated?: boolean | undefined;
  /** Holds where the fact is absent. */
  readonly ifPresent?: boolean | undefined;
  /** Of several values of the fact: all of them, or at least one. */
  readonly quantifier?: 'all' | 'any' | undefined;
}

type Holds = (facts: Facts) => boolean;
type Matches = (value: string, facts: Facts) => boolean;

/** A test that reads the fact only when it is called. */
export function prepareCondition(condition: Condition): Holds {
  const { fact, operator, values } = condition;
  if (operator === 'absent') {
    return (facts) => {
      const isAbsent = (facts(fact)?.length ?? 0) === 0;
      return values.some((value) => expandText(value, facts)?.toLowerCase() === String(isAbsent));
    };
  }
  if (operator === 'referrer') {
    const rules = values.map((value) => expandText(value, () => undefined) ?? '');
    return (facts) => isReferrerAllowed(facts(fact)?.[0], rules);
  }
  return prepareComparison(condition, prepareMatches(operator, values));
}

function prepareComparison(condition: Condition, isListed: Matches): Holds {
  const { fact, quantifier, isNegated = false, ifPresent = false } = condition;
  return (facts) => {
    const present = facts(fact);
    if (present === undefined || present.length === 0) {
      // Nothing is in no list; `any` wants at least something.
      return ifPresent || quantifier === 'all' || (isNegated && quantifier === undefined);
    }
    const fits = (value: string): boolean => isListed(value, facts) !== isNegated;
    if (quantifier === 'any') return present.some(fits);
    // Negated without a quantifier, one value that is listed spoils it; else one that is listed is enough.
    return quantifier === 'all' || isNegated ? present.every(fits) : present.some(fits);
  };
}

function prepareMatches(operator: Operator, values: readonly Pattern[]): Matches {
  const tests = values.map((value) => prepareValue(operator, value));
  return (given, facts) => tests.some((test) => test(given, facts));
}

function prepareValue(operator: Operator, value: Pattern): Matches {
  switch (operator) {
    case 'like':
      return preparePattern(value);
    case 'arn':
      return prepareArn(value);
    case 'equals': {
      const wanted = prepareText(value, (text) => text);
      return (given, facts) => given === wanted(facts);
    }
    case 'equals-ignoring-case':
    case 'bool': {
      const wanted = prepareText(value, (text) => text.toLowerCase());
      return (given, facts) => given.toLowerCase() === wanted(facts);
    }
    case 'bytes': {
      const wanted = prepareText(value, (text) => Buffer.from(text, 'base64'));
      return (given, facts) => wanted(facts)?.equals(Buffer.from(given, 'base64')) === true;
    }
    case 'address':
      return prepareAddress(value);
    default:
      return prepareOrder(operator, value);
  }
}

/** What a value comes to: worked out once, unless it depends on facts. */
function prepareText<T>(
  value: Pattern,
  read: (text: string) => T | undefined,
): (facts: Facts) => T | undefined {
  if (hasFacts(value)) {
    return (facts) => {
      const text = expandText(value, facts);
      return text === undefined ? undefined : read(text);
    };
  }
  const text = expandText(value, () => undefined);
  const fixed = text === undefined ? undefined : read(text);
  return () => fixed;
}

function prepareAddress(value: Pattern): Matches {
  const wanted = prepareText(value, parseRange);
  return (given, facts) => {
    const range = wanted(facts);
    if (range === undefined) return false;
    const address = recentAddress(given);
    return address !== undefined && isInRange(address, range);
  };
}

let lastGiven = '';
let lastAddress: ReturnType<typeof parseAddress>;

/** A policy asks about one address many times. */
function recentAddress(given: string): ReturnType<typeof parseAddress> {
  if (given === lastGiven) return lastAddress;
  lastAddress = parseAddress(given);
  lastGiven = given;
  return lastAddress;
}

function prepareOrder(operator: string, value: Pattern): Matches {
  const dash = operator.indexOf('-');
  const parse = operator.startsWith('date') ? parseDate : parseNumber;
  const holds = relations.get(operator.slice(dash + 1)) ?? (() => false);
  const wanted = prepareText(value, parse);
  return (given, facts) => {
    const left = parse(given);
    const right = wanted(facts);
    return left !== undefined && right !== undefined && holds(left, right);
  };
}

const relations: ReadonlyMap<string, (left: number, right: number) => boolean> = new Map([
  ['equals', (left: number, right: number): boolean => left === right],
  ['below', (left: number, right: number): boolean => left < right],
  ['at-most', (left: number, right: number): boolean => left <= right],
  ['above', (left: number, right: number): boolean => left > right],
  ['at-least', (left: number, right: number): boolean => left >= right],
]);

export function parseNumber(text: string): number | undefined {
  return /^[+-]?\d{1,30}(?:\.\d{1,30})?$/.test(text) ? Number(text) : undefined;
}

/** Milliseconds of an ISO 8601 date (W3C's profile), or of seconds since 1970. */
export function parseDate(text: string): number | undefined {
  if (/^-?\d{5,15}$/.test(text)) return Number(text) * 1000;
  const form =
    /^\d{4}(?:-\d{2}(?:-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?)?)?$/;
  const millis = form.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(millis) ? undefined : millis;
}

const ARN_PARTS = 6;

function prepareArn(value: Pattern): Matches {
  const parts = splitPattern(value).map(preparePattern);
  return (given, facts) => {
    const pieces = given.split(':');
    if (pieces.length < ARN_PARTS || parts.length !== ARN_PARTS) return false;
    const last = pieces.slice(ARN_PARTS - 1).join(':');
    return parts.every((part, index) =>
      part(index === ARN_PARTS - 1 ? last : (pieces[index] ?? ''), facts),
    );
  };
}

/** At the first five colons of its own text. */
function splitPattern(value: Pattern): readonly Pattern[] {
  const parts: Token[][] = [[]];
  for (const token of value) {
    if (typeof token !== 'string') {
      parts.at(-1)?.push(token);
      continue;
    }
    let rest = token;
    for (let colon = rest.indexOf(':'); colon >= 0; colon = rest.indexOf(':')) {
      if (parts.length === ARN_PARTS) break;
      if (colon > 0) parts.at(-1)?.push(rest.slice(0, colon));
      parts.push([]);
      rest = rest.slice(colon + 1);
    }
    if (rest !== '') parts.at(-1)?.push(rest);
  }
  return parts;
}

/** As Swift judges it (`referrer_allowed` in swift/common/middleware/acl.py). */
function isReferrerAllowed(referrer: string | undefined, rules: readonly string[]): boolean {
  const url = referrer === undefined ? undefined : URL.parse(referrer);
  const host = (url?.hostname ?? '') === '' ? 'unknown' : (url?.hostname ?? 'unknown');
  let isAllowed = false;
  for (const rule of rules) {
    const isDenied = rule.startsWith('-');
    const name = isDenied ? rule.slice(1) : rule;
    const isMeant = name === host || (name.startsWith('.') && host.endsWith(name));
    if (isMeant || (rule === '*' && !isDenied)) isAllowed = !isDenied;
  }
  return isAllowed;
}

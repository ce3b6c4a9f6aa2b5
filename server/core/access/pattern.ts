/** Texts with wildcards and variables, matched in bounded time: no regular expression is made of what clients write. */
import type { Facts } from './facts.ts';

/** A piece of a pattern: its own text, any run of characters, one character, or the value of a fact. */
export type Token =
  | string
  | { readonly type: 'any' }
  | { readonly type: 'one' }
  | { readonly type: 'fact'; readonly fact: string; readonly otherwise?: string | undefined };
export type Pattern = readonly Token[];

const ANY = -1;
const ONE = -2;

/** undefined: a variable has no value, so that nothing matches. */
export function expandPattern(pattern: Pattern, facts: Facts): readonly number[] | undefined {
  const units: number[] = [];
  for (const token of pattern) {
    if (typeof token === 'string') pushUnits(units, token);
    else if (token.type === 'any') {
      if (units.at(-1) !== ANY) units.push(ANY);
    } else if (token.type === 'one') units.push(ONE);
    else {
      const [value = token.otherwise, second] = facts(token.fact) ?? [];
      // A variable stands for one value; of several none is the right one.
      if (value === undefined || second !== undefined) return undefined;
      pushUnits(units, value);
    }
  }
  return units;
}

function pushUnits(units: number[], text: string): void {
  for (let i = 0; i < text.length; i++) units.push(text.charCodeAt(i));
}

export function hasFacts(pattern: Pattern): boolean {
  return pattern.some((token) => typeof token !== 'string' && token.type === 'fact');
}

const noFacts: Facts = () => undefined;

/** Makes a test of the pattern; what does not depend on facts is expanded once. */
export function preparePattern(pattern: Pattern): (text: string, facts: Facts) => boolean {
  const [first] = pattern;
  if (pattern.length === 1 && typeof first === 'string') return (text) => text === first;
  if (pattern.length === 1 && typeof first === 'object' && first.type === 'any') return () => true;
  if (!hasFacts(pattern)) {
    const units = expandPattern(pattern, noFacts) ?? [];
    return (text) => matchUnits(units, text);
  }
  return (text, facts) => {
    const units = expandPattern(pattern, facts);
    return units !== undefined && matchUnits(units, text);
  };
}

/** At worst the product of both lengths: after a mismatch only the last `any` takes one more. */
function matchUnits(units: readonly number[], text: string): boolean {
  let at = 0;
  let position = 0;
  let anyAt = -1;
  let anyPosition = 0;
  while (position < text.length) {
    const unit = units[at];
    if (unit === ONE || (unit !== undefined && unit === text.charCodeAt(position))) {
      at++;
      position++;
    } else if (unit === ANY) {
      anyAt = at++;
      anyPosition = position;
    } else if (anyAt >= 0) {
      at = anyAt + 1;
      position = ++anyPosition;
    } else return false;
  }
  while (units[at] === ANY) at++;
  return at === units.length;
}

/** The text of a pattern without wildcards; undefined when it has no single one. */
export function expandText(pattern: Pattern, facts: Facts): string | undefined {
  const [first] = pattern;
  if (pattern.length === 1 && typeof first === 'string') return first;
  const units = expandPattern(pattern, facts);
  if (units === undefined || units.some((unit) => unit < 0)) return undefined;
  let text = '';
  for (const unit of units) text += String.fromCharCode(unit);
  return text;
}

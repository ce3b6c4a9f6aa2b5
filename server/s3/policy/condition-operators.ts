/** Amazon's condition operators ("IAM JSON policy elements: Condition operators") as the model's. */
import { parseRange } from '../../core/access/address-range.ts';
import {
  type Condition,
  type Operator,
  parseDate,
  parseNumber,
} from '../../core/access/condition.ts';
import { factOfKey } from './condition-keys.ts';
import { type PolicyCondition, malformedPolicy } from './document.ts';
import { parsePattern } from './pattern.ts';

interface Form {
  readonly operator: Operator;
  readonly isNegated?: true;
  /** Variables are replaced in these; elsewhere a value is a number, a date, an address. */
  readonly isText?: true;
  readonly isValid?: (value: string) => boolean;
}

const isNumber = (value: string): boolean => parseNumber(value) !== undefined;
const isDate = (value: string): boolean => parseDate(value) !== undefined;
const isRange = (value: string): boolean => parseRange(value) !== undefined;
const isTruth = (value: string): boolean => /^(?:true|false)$/i.test(value);
const isBase64 = (value: string): boolean => /^[A-Za-z0-9+/]*={0,2}$/.test(value);

const forms: ReadonlyMap<string, Form> = new Map<string, Form>([
  ['StringEquals', { operator: 'equals', isText: true }],
  ['StringNotEquals', { operator: 'equals', isNegated: true, isText: true }],
  ['StringEqualsIgnoreCase', { operator: 'equals-ignoring-case', isText: true }],
  [
    'StringNotEqualsIgnoreCase',
    { operator: 'equals-ignoring-case', isNegated: true, isText: true },
  ],
  ['StringLike', { operator: 'like', isText: true }],
  ['StringNotLike', { operator: 'like', isNegated: true, isText: true }],
  ['NumericEquals', { operator: 'number-equals', isValid: isNumber }],
  ['NumericNotEquals', { operator: 'number-equals', isNegated: true, isValid: isNumber }],
  ['NumericLessThan', { operator: 'number-below', isValid: isNumber }],
  ['NumericLessThanEquals', { operator: 'number-at-most', isValid: isNumber }],
  ['NumericGreaterThan', { operator: 'number-above', isValid: isNumber }],
  ['NumericGreaterThanEquals', { operator: 'number-at-least', isValid: isNumber }],
  ['DateEquals', { operator: 'date-equals', isValid: isDate }],
  ['DateNotEquals', { operator: 'date-equals', isNegated: true, isValid: isDate }],
  ['DateLessThan', { operator: 'date-below', isValid: isDate }],
  ['DateLessThanEquals', { operator: 'date-at-most', isValid: isDate }],
  ['DateGreaterThan', { operator: 'date-above', isValid: isDate }],
  ['DateGreaterThanEquals', { operator: 'date-at-least', isValid: isDate }],
  ['Bool', { operator: 'bool', isValid: isTruth }],
  ['BinaryEquals', { operator: 'bytes', isValid: isBase64 }],
  ['IpAddress', { operator: 'address', isValid: isRange }],
  ['NotIpAddress', { operator: 'address', isNegated: true, isValid: isRange }],
  // "ArnEquals and ArnLike behave identically."
  ['ArnEquals', { operator: 'arn', isText: true }],
  ['ArnLike', { operator: 'arn', isText: true }],
  ['ArnNotEquals', { operator: 'arn', isNegated: true, isText: true }],
  ['ArnNotLike', { operator: 'arn', isNegated: true, isText: true }],
  ['Null', { operator: 'absent', isValid: isTruth }],
]);

const IF_EXISTS = 'IfExists';

/** Throws `MalformedPolicy`. */
export function toCondition(stated: PolicyCondition, hasVariables: boolean): Condition {
  const { key, values } = stated;
  const { form, name, quantifier, ifPresent } = parseOperator(stated.operator);
  const fact = factOfKey(key);
  if (fact === undefined) throw malformedPolicy('Policy has an invalid condition key');
  for (const value of values) {
    if (form.isValid?.(value) === false) {
      throw malformedPolicy(`Invalid value for the condition ${name}: ${value}`);
    }
  }
  const rules = {
    hasWildcards: form.operator === 'like' || form.operator === 'arn',
    hasVariables: hasVariables && form.isText === true,
  };
  return {
    fact,
    operator: form.operator,
    values: values.map((value) => parsePattern(value, rules)),
    isNegated: form.isNegated,
    ifPresent,
    quantifier,
  };
}

function parseOperator(text: string): {
  readonly form: Form;
  readonly name: string;
  readonly quantifier: 'all' | 'any' | undefined;
  readonly ifPresent: boolean;
} {
  const colon = text.indexOf(':');
  const words: Readonly<Record<string, 'all' | 'any'>> = {
    ForAllValues: 'all',
    ForAnyValue: 'any',
  };
  const word = colon < 0 ? undefined : text.slice(0, colon);
  const quantifier = word === undefined || !Object.hasOwn(words, word) ? undefined : words[word];
  const rest = text.slice(colon + 1);
  const ifPresent = rest.endsWith(IF_EXISTS);
  const name = ifPresent ? rest.slice(0, -IF_EXISTS.length) : rest;
  const form = forms.get(name);
  const isWrong = form === undefined || (word !== undefined && quantifier === undefined);
  // "You cannot add IfExists to Null": it asks that very thing.
  if (isWrong || (ifPresent && name === 'Null')) {
    throw malformedPolicy(`Invalid Condition type : ${text}`);
  }
  return { form, name, quantifier, ifPresent };
}

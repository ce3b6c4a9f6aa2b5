/**
 * Bucket policies as text: JSON of Amazon's grammar ("Grammar of the IAM JSON policy language"), held
 * to it without exception. What is not understood is refused, for a policy half understood is worse than none.
 */
import { s3Error } from '../codes.ts';

/** "Bucket policies are limited to 20 KB in size." */
export const MAX_POLICY_BYTES: number = 20 * 1024;

/** One statement, as it stands: lists where a single value is allowed too. */
export interface PolicyStatement {
  readonly effect: 'allow' | 'deny';
  readonly principal: Selection<PrincipalEntry>;
  readonly action: Selection<string>;
  readonly resource: Selection<string>;
  readonly conditions: readonly PolicyCondition[];
}

/** The entries, or with `isExcept` all but them (NotPrincipal, NotAction, NotResource). */
export interface Selection<T> {
  readonly entries: readonly T[];
  readonly isExcept: boolean;
}

export interface PrincipalEntry {
  readonly type: 'AWS' | 'CanonicalUser' | 'Service';
  readonly value: string;
}

export interface PolicyCondition {
  /** As written, e.g. `ForAllValues:StringLikeIfExists`. */
  readonly operator: string;
  readonly key: string;
  readonly values: readonly string[];
}

export interface PolicyDocument {
  readonly statements: readonly PolicyStatement[];
  /** Version 2012-10-17: `${…}` is a variable. */
  readonly hasVariables: boolean;
}

export function malformedPolicy(sentence: string): Error {
  return s3Error('MalformedPolicy', sentence);
}

type Fields = Readonly<Record<string, unknown>>;

/** Throws `MalformedPolicy`. */
export function parsePolicyDocument(text: string): PolicyDocument {
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) {
    throw malformedPolicy('Policy exceeds the maximum allowed document size.');
  }
  const document = parseJson(text);
  onlyFields(document, ['Version', 'Id', 'Statement']);
  const { Version: version = '2008-10-17', Id: id, Statement: stated } = document;
  if (version !== '2012-10-17' && version !== '2008-10-17') {
    throw malformedPolicy('The policy must contain a valid version string');
  }
  if (id !== undefined && typeof id !== 'string') throw malformedPolicy('Invalid Id in policy');
  if (stated === undefined) throw malformedPolicy('Missing required field Statement');
  const statements = (Array.isArray(stated) ? stated : [stated]).map(parseStatement);
  if (statements.length === 0) {
    throw malformedPolicy('Could not parse the policy: Statement is empty!');
  }
  return { statements, hasVariables: version === '2012-10-17' };
}

const NO_OBJECT = "Policies must be valid JSON and the first byte must be '{'";

function parseJson(text: string): Fields {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // SyntaxError is the only thing it throws.
    const begins = text.trimStart().startsWith('{');
    throw malformedPolicy(begins ? 'This policy contains invalid Json' : NO_OBJECT);
  }
  if (!isFields(value)) {
    throw malformedPolicy(NO_OBJECT);
  }
  // Of a name given twice JSON.parse keeps the last, and the writer may have meant the first.
  if (countNames(text) !== countFields(value)) {
    throw malformedPolicy('This policy contains invalid Json');
  }
  return value;
}

/** Strings that a colon follows. */
function countNames(json: string): number {
  let count = 0;
  for (const [, colon] of json.matchAll(/"(?:[^"\\]|\\.)*"\s*(:)?/gs)) {
    if (colon !== undefined) count++;
  }
  return count;
}

function countFields(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, one) => sum + countFields(one), 0);
  return Array.isArray(value) ? inner : inner + Object.keys(value).length;
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function onlyFields(fields: Fields, known: readonly string[]): void {
  for (const name of Object.keys(fields)) {
    if (!known.includes(name)) throw malformedPolicy(`Unknown field ${name}`);
  }
}

const statementFields = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
] as const;

function parseStatement(value: unknown): PolicyStatement {
  if (!isFields(value)) throw malformedPolicy('Statement must be an object');
  onlyFields(value, statementFields);
  const { Sid: sid, Effect: effect, Condition: condition } = value;
  if (sid !== undefined && typeof sid !== 'string') throw malformedPolicy('Invalid Sid in policy');
  if (effect === undefined) throw malformedPolicy('Missing required field Effect');
  if (effect !== 'Allow' && effect !== 'Deny') {
    throw malformedPolicy(`Invalid effect: ${typeof effect === 'string' ? effect : ''}`);
  }
  const principal = selection(value, 'Principal', parsePrincipal);
  if (principal.isExcept && effect === 'Allow') {
    // Whoever is not named would be let in: everybody in the world.
    throw malformedPolicy('Allow with NotPrincipal is not allowed');
  }
  return {
    effect: effect === 'Allow' ? 'allow' : 'deny',
    principal,
    action: selection(value, 'Action', (stated) => texts(stated, 'Policy has invalid action')),
    resource: selection(value, 'Resource', (stated) =>
      texts(stated, 'Policy has invalid resource'),
    ),
    conditions: condition === undefined ? [] : parseConditions(condition),
  };
}

/** A field or its negation, and not both. */
function selection<T>(
  fields: Fields,
  name: string,
  parse: (value: unknown) => readonly T[],
): Selection<T> {
  const plain = fields[name];
  const negated = fields[`Not${name}`];
  if (plain === undefined && negated === undefined) {
    throw malformedPolicy(`Missing required field ${name}`);
  }
  if (plain !== undefined && negated !== undefined) {
    throw malformedPolicy(`Statement cannot contain both ${name} and Not${name}`);
  }
  return { entries: parse(plain ?? negated), isExcept: plain === undefined };
}

function texts(value: unknown, otherwise: string): readonly string[] {
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) throw malformedPolicy(otherwise);
  return list.map((one) => {
    if (typeof one !== 'string' || one === '') throw malformedPolicy(otherwise);
    return one;
  });
}

const principalTypes = ['AWS', 'CanonicalUser', 'Service'] as const;

function parsePrincipal(value: unknown): readonly PrincipalEntry[] {
  const invalid = 'Invalid principal in policy';
  if (value === '*') return [{ type: 'AWS', value: '*' }];
  if (!isFields(value)) throw malformedPolicy(invalid);
  const entries = Object.entries(value).flatMap(([name, stated]) => {
    const type = principalTypes.find((one) => one === name);
    if (type === undefined) throw malformedPolicy(invalid);
    return texts(stated, invalid).map((text) => ({ type, value: text }));
  });
  if (entries.length === 0) throw malformedPolicy(invalid);
  return entries;
}

function parseConditions(value: unknown): readonly PolicyCondition[] {
  if (!isFields(value)) throw malformedPolicy('Condition must be an object');
  return Object.entries(value).flatMap(([operator, keys]) => {
    if (!isFields(keys)) throw malformedPolicy(`Invalid Condition type : ${operator}`);
    return Object.entries(keys).map(([key, stated]) => {
      const list: readonly unknown[] = Array.isArray(stated) ? stated : [stated];
      const values = list.map((one) => {
        // Numbers and truth values may stand without quotes.
        if (typeof one === 'string') return one;
        if (typeof one === 'number' || typeof one === 'boolean') return String(one);
        throw malformedPolicy('Policy has an invalid condition value');
      });
      if (values.length === 0) throw malformedPolicy('Policy has an invalid condition value');
      return { operator, key, values };
    });
  });
}

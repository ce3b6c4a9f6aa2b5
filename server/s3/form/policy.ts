/** POST policies ("Creating a POST policy", Amazon S3): what a signed form may upload, checked field by field. */
import { parseAmzDate } from '../dates.ts';
import { s3Error } from '../codes.ts';

export interface SizeRange {
  readonly min: number;
  readonly max: number;
}

type Condition =
  | { readonly type: 'eq' | 'starts-with'; readonly field: string; readonly value: string }
  | ({ readonly type: 'range' } & SizeRange);

export interface PostPolicy {
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
  readonly conditions: readonly Condition[];
}

function invalid(sentence: string): Error {
  return s3Error('InvalidPolicyDocument', `Invalid Policy: ${sentence}`);
}

/** Of the form's `policy`: base64 of JSON. Throws `InvalidPolicyDocument`. */
export function parsePolicy(text: string): PostPolicy {
  const document = parseJson(text);
  if (!isRecord(document)) throw invalid('Invalid JSON.');
  const { expiration, conditions } = document;
  if (expiration === undefined) throw invalid('Policy document missing expiration.');
  if (!Array.isArray(conditions)) throw invalid('Policy document missing conditions.');
  for (const name of Object.keys(document)) {
    if (name !== 'expiration' && name !== 'conditions') {
      throw invalid(`Unexpected: '${name}'.`);
    }
  }
  return { expiresAt: parseExpiration(expiration), conditions: conditions.map(parseCondition) };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'base64').toString('utf8'));
  } catch {
    // SyntaxError: there is nothing else in the call.
    throw invalid('Invalid JSON.');
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseExpiration(value: unknown): number {
  const text = typeof value === 'string' ? value : '';
  const isIso = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(text);
  const millis = isIso ? parseAmzDate(text.replace(/[-:]|\.\d+/g, '')) : undefined;
  if (millis === undefined) throw invalid(`Invalid 'expiration' value: '${text}'`);
  return millis;
}

function parseCondition(value: unknown): Condition {
  if (Array.isArray(value)) return parseTriple(value);
  if (!isRecord(value)) throw invalid('Invalid condition.');
  const entries = Object.entries(value);
  const [first] = entries;
  if (first === undefined || entries.length !== 1) {
    throw invalid('Invalid Simple-Condition: Simple-Conditions must have exactly one property.');
  }
  const [field, wanted] = first;
  if (typeof wanted !== 'string')
    throw invalid('Invalid Simple-Condition: value must be a string.');
  return { type: 'eq', field: field.toLowerCase(), value: wanted };
}

function parseTriple(value: readonly unknown[]): Condition {
  const [operator, field, wanted] = value;
  const word = typeof operator === 'string' ? operator.toLowerCase() : '';
  if (value.length !== 3)
    throw invalid(`Invalid condition: ${word} has a wrong count of arguments.`);
  if (word === 'content-length-range') {
    return { type: 'range', min: parseSize(field), max: parseSize(wanted) };
  }
  if (word !== 'eq' && word !== 'starts-with') throw invalid(`Unknown operation '${word}'.`);
  if (typeof field !== 'string' || !field.startsWith('$') || typeof wanted !== 'string') {
    throw invalid(`Invalid condition: ${word} needs a field and a string.`);
  }
  return { type: word, field: field.slice(1).toLowerCase(), value: wanted };
}

function parseSize(value: unknown): number {
  const text = typeof value === 'number' || typeof value === 'string' ? String(value) : '';
  if (!/^\d{1,15}$/.test(text)) throw invalid('Invalid content-length-range.');
  return Number(text);
}

/** Fields that need no condition: the credentials that cover the others, and what has no effect. Checksums only narrow what may be uploaded. */
function needsNoCondition(name: string): boolean {
  return (
    ['policy', 'signature', 'x-amz-signature', 'awsaccesskeyid', 'file'].includes(name) ||
    name.startsWith('x-ignore-') ||
    name.startsWith('x-amz-checksum-')
  );
}

/**
 * Holds a form to its policy: every condition is met, and every field (the bucket of the URL among
 * them) has a condition. Returns how long the file may be. Throws `AccessDenied`.
 */
export function checkPolicy(
  policy: PostPolicy,
  fields: ReadonlyMap<string, string>,
  now: number,
): SizeRange {
  const refuse = (sentence: string): Error =>
    s3Error('AccessDenied', `Invalid according to Policy: ${sentence}`);
  if (now >= policy.expiresAt) throw refuse('Policy expired.');
  const covered = new Set<string>();
  let range: SizeRange = { min: 0, max: Number.MAX_SAFE_INTEGER };
  for (const condition of policy.conditions) {
    if (condition.type === 'range') {
      range = { min: Math.max(range.min, condition.min), max: Math.min(range.max, condition.max) };
      continue;
    }
    covered.add(condition.field);
    if (!holds(condition, fields.get(condition.field))) {
      const shown = [condition.type, `$${condition.field}`, condition.value];
      throw refuse(`Policy Condition failed: ${JSON.stringify(shown)}`);
    }
  }
  for (const name of fields.keys()) {
    if (!covered.has(name) && !needsNoCondition(name)) throw refuse(`Extra input fields: ${name}`);
  }
  return range;
}

function holds(
  condition: Exclude<Condition, { readonly type: 'range' }>,
  value: string | undefined,
): boolean {
  if (condition.type === 'eq') return value === condition.value;
  if (condition.value === '') return true;
  // Types that commas separate are a list, each of which must begin so.
  const items = condition.field === 'content-type' ? (value?.split(/,\s*/) ?? []) : [value ?? ''];
  return items.length > 0 && items.every((item) => item.startsWith(condition.value));
}

/** Account ACLs, X-Account-Access-Control (swift/common/middleware/tempauth.py, acl.py version 2). */
import type { Action } from '../../core/access/actions.ts';
import { groupName } from '../../core/access/principal.ts';
import type { Rules } from '../../core/access/rules.ts';
import { textOf } from '../../http/header-text.ts';
import { refuse } from '../reply.ts';

/** Where the text stands among an account's settings. */
export const ACCOUNT_ACL = 'swift:access';
export const ACCOUNT_ACL_HEADER = 'x-account-access-control';

const levels = ['admin', 'read-only', 'read-write'] as const;
type Level = (typeof levels)[number];
type AccountAcl = Partial<Record<Level, readonly string[]>>;

/** The text to keep, as Swift writes it; null: nobody. Throws Refusal 400. */
export function cleanAccountAcl(header: string): string | null {
  const text = textOf(header);
  const fail = (why: string): Error =>
    refuse(400, `X-Account-Access-Control invalid: ${why}\n\nInput: ${text}\n`);
  if (text === '') return null;
  const value = parseJson(text);
  if (value === undefined) throw fail(`Syntax error in input ('${text}')`);
  const acl: Record<string, readonly string[]> = {};
  for (const [key, list] of Object.entries(value)) {
    if (!levels.some((level) => level === key)) {
      throw fail(`Key ${JSON.stringify(key)} not recognized`);
    }
    if (!Array.isArray(list)) throw fail(`Value for key ${JSON.stringify(key)} must be a list`);
    const names: readonly unknown[] = list;
    if (!names.every((name) => typeof name === 'string')) {
      throw fail(`Elements of ${JSON.stringify(key)} list must be strings`);
    }
    acl[key] = names;
  }
  const keys = Object.keys(acl).toSorted();
  if (keys.length === 0) return null;
  return toAscii(JSON.stringify(Object.fromEntries(keys.map((key) => [key, acl[key]]))));
}

function parseJson(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
  } catch {
    // SyntaxError is the only thing it throws.
    return undefined;
  }
}

/** Headers vary in what they do with other letters. */
function toAscii(json: string): string {
  return json.replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

const reading: readonly Action[] = [
  'account.read',
  'container.list',
  'container.list-versions',
  'container.list-uploads',
  'container.read-location',
  'container.read-cors',
  'container.read-tags',
  'container.read-versioning',
  'object.read',
  'object.read-version',
  'object.read-attributes',
  'object.read-version-attributes',
  'object.read-hold',
  'object.read-retention',
  'object.read-tags',
  'object.read-version-tags',
  'object.list-parts',
];

/** All that makes, changes and removes containers and objects; not what says who may. */
const writing: readonly Action[] = [
  'container.create',
  'container.write',
  'container.delete',
  'container.write-tags',
  'object.write',
  'object.bring-tags',
  'object.write-tags',
  'object.write-version-tags',
  'object.abort-upload',
  'object.restore',
  'object.delete',
  'object.delete-version',
  'object.delete-tags',
  'object.delete-version-tags',
];

/** What cannot be read any more lets nobody in. */
export function accountAclRules(text: string): Rules {
  const acl = parseJson(text) as AccountAcl | undefined;
  const namesOf = (level: Level): ReadonlySet<string> => {
    const names: unknown = acl?.[level];
    return new Set(Array.isArray(names) ? names.map((name) => groupName(String(name))) : []);
  };
  const grant = (level: Level, actions: readonly Action[]): Rules['statements'][number] => ({
    effect: 'allow',
    origin: 'acl',
    principals: namesOf(level),
    actions: new Set(actions),
  });
  return {
    owners: namesOf('admin'),
    statements: [grant('read-only', reading), grant('read-write', [...reading, ...writing])],
  };
}

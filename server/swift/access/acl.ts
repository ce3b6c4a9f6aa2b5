/** Container ACLs, X-Container-Read and X-Container-Write (swift/common/middleware/acl.py). */
import type { Action } from '../../core/access/actions.ts';
import { everyone, groupName } from '../../core/access/principal.ts';
import type { Statement } from '../../core/access/rules.ts';
import { textOf } from '../../http/header-text.ts';
import { unquote } from '../path.ts';
import { refuse } from '../reply.ts';

/** Where the cleaned texts stand among a container's settings. */
export const READ_ACL = 'read';
export const WRITE_ACL = 'write';

const designators: ReadonlySet<string> = new Set(['.r', '.ref', '.referer', '.referrer']);
const LISTINGS = '.rlistings';

/** Throws Refusal 400 with Swift's own sentences. */
export function cleanAcl(kind: 'read' | 'write', text: string): string {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => cleanItem(kind, item))
    .join(',');
}

function cleanItem(kind: 'read' | 'write', item: string): string {
  const colon = item.indexOf(':');
  if (colon < 0) return item;
  const first = item.slice(0, colon).trim();
  const second = item.slice(colon + 1).trim();
  if (!first.startsWith('.')) return item;
  if (!designators.has(first)) {
    throw refuse(400, `Unknown designator '${first}' in ACL: '${item}'`);
  }
  if (kind === 'write') throw refuse(400, `Referrers not allowed in write ACL: '${item}'`);
  const isNegated = second.startsWith('-');
  const host = isNegated ? second.slice(1).trim() : second;
  const shown = host !== '*' && host.startsWith('*') ? host.slice(1).trim() : host;
  if (shown === '' || shown === '.') {
    throw refuse(400, `No host/domain value after referrer designation in ACL: '${item}'`);
  }
  return `.r:${isNegated ? '-' : ''}${shown}`;
}

interface ParsedAcl {
  /** In their order, which counts. */
  readonly referrers: readonly string[];
  readonly groups: readonly string[];
}

function parseAcl(text: string): ParsedAcl {
  const items = text.split(',').filter((item) => item !== '');
  const isReferrer = (item: string): boolean => item.startsWith('.r:');
  return {
    referrers: items.filter(isReferrer).map((item) => item.slice('.r:'.length)),
    // A group's name may be percent-encoded, for a comma in it.
    groups: items.filter((item) => !isReferrer(item)).map((item) => textOf(unquote(item))),
  };
}

const readers: readonly Action[] = ['object.read', 'container.list'];
const writers: readonly Action[] = [
  'object.write',
  'object.bring-tags',
  'object.delete',
  'object.abort-upload',
  'object.list-parts',
];

export function readStatements(text: string | undefined): readonly Statement[] {
  if (text === undefined || text === '') return [];
  const { referrers, groups } = parseAcl(text);
  const statements = ofGroups(groups, readers);
  if (referrers.length === 0) return statements;
  return [...statements, ofReferrers(referrers, groups.includes(LISTINGS))];
}

export function writeStatements(text: string | undefined): readonly Statement[] {
  if (text === undefined || text === '') return [];
  return ofGroups(parseAcl(text).groups, writers);
}

function ofGroups(groups: readonly string[], actions: readonly Action[]): readonly Statement[] {
  const named = groups.filter((group) => group !== LISTINGS);
  if (named.length === 0) return [];
  const principals = new Set(named.map(groupName));
  return [{ effect: 'allow', origin: 'acl', principals, actions: new Set(actions) }];
}

/** Whoever comes from these places; the header that says so is anybody's to write, so it is public. */
function ofReferrers(referrers: readonly string[], hasListings: boolean): Statement {
  const values = referrers.map((referrer) => [referrer]);
  return {
    effect: 'allow',
    origin: 'acl',
    principals: new Set([everyone]),
    actions: new Set<Action>(hasListings ? readers : ['object.read']),
    conditions: [{ fact: 'referer', operator: 'referrer', values }],
    isPublic: true,
  };
}

/** Whether a cleaned read ACL lets in whoever comes. */
export function isPublicAcl(text: string): boolean {
  return parseAcl(text).referrers.some((referrer) => !referrer.startsWith('-'));
}

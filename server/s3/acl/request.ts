/** The list that a request asks for: by a canned name, by headers, or by a document. */
import { textOf } from '../../http/header-text.ts';
import type { UserDirectory } from '../../core/users.ts';
import { invalidArgument, notImplemented, s3Error } from '../codes.ts';
import type { RequestHeaders } from '../request-headers.ts';
import { type XmlNode, leafText, onlyChildren, required } from '../xml/reader.ts';
import {
  type CannedAcl,
  type Grant,
  type Grantee,
  type Permission,
  groups,
  isCannedAcl,
  permissions,
} from './grants.ts';

export const ACL_HEADER = 'x-amz-acl';

const grantHeaders: readonly (readonly [header: string, permission: Permission])[] = [
  ['x-amz-grant-read', 'READ'],
  ['x-amz-grant-write', 'WRITE'],
  ['x-amz-grant-read-acp', 'READ_ACP'],
  ['x-amz-grant-write-acp', 'WRITE_ACP'],
  ['x-amz-grant-full-control', 'FULL_CONTROL'],
];

/** "An ACL can have up to 100 grants." */
const MAX_GRANTS = 100;
const GROUP_URI = 'http://acs.amazonaws.com/groups/global/';
const LOG_URI = 'http://acs.amazonaws.com/groups/s3/LogDelivery';

export type RequestedAcl =
  | { readonly type: 'canned'; readonly name: CannedAcl }
  | { readonly type: 'grants'; readonly grants: readonly Grant[] };

/** undefined: the headers ask for none. Throws `InvalidArgument`, `InvalidRequest`, `UnresolvableGrantByEmailAddress`. */
export function aclOfHeaders(
  headers: RequestHeaders,
  users: UserDirectory,
): RequestedAcl | undefined {
  const name = headers.get(ACL_HEADER);
  const given = grantHeaders.filter(([header]) => headers.has(header));
  if (name !== undefined) {
    if (given.length > 0) {
      throw s3Error(
        'InvalidRequest',
        'Specifying both Canned ACLs and Header Grants is not allowed',
      );
    }
    return { type: 'canned', name: parseCanned(name) };
  }
  if (given.length === 0) return undefined;
  const grants = given.flatMap(([header, permission]) =>
    parseGrantHeader(header, textOf(headers.get(header) ?? ''), users).map((grantee) => ({
      grantee,
      permission,
    })),
  );
  return { type: 'grants', grants: bounded(grants) };
}

function parseCanned(text: string): CannedAcl {
  if (isCannedAcl(text)) return text;
  if (text === 'aws-exec-read') throw notImplemented(ACL_HEADER);
  throw invalidArgument(ACL_HEADER, text, '');
}

function bounded(grants: readonly Grant[]): readonly Grant[] {
  if (grants.length <= MAX_GRANTS) return grants;
  throw s3Error('InvalidRequest', `An ACL can have up to ${MAX_GRANTS} grants.`);
}

/** `id="…", uri="…", emailAddress="…"`; the quotes may be missing. */
function parseGrantHeader(header: string, text: string, users: UserDirectory): readonly Grantee[] {
  return text.split(',').map((piece) => {
    const at = piece.indexOf('=');
    const kind = piece.slice(0, at).trim();
    const value = piece
      .slice(at + 1)
      .trim()
      .replace(/^"(.*)"$/, '$1');
    switch (at < 0 ? '' : kind.toLowerCase()) {
      case 'id':
        return granteeOfId(value, users);
      case 'uri':
        return granteeOfUri(value);
      case 'emailaddress':
        return granteeOfEmail(value, users);
      default:
        throw invalidArgument(header, text, 'Argument format not recognized');
    }
  });
}

function granteeOfId(id: string, users: UserDirectory): Grantee {
  const account = users.accountOfId(id);
  if (account === undefined) throw invalidArgument('CanonicalUser/ID', id, 'Invalid id');
  return { type: 'account', account };
}

function granteeOfEmail(email: string, users: UserDirectory): Grantee {
  const account = users.accountOfEmail(email);
  if (account === undefined) throw s3Error('UnresolvableGrantByEmailAddress');
  return { type: 'account', account };
}

function granteeOfUri(uri: string): Grantee {
  const group = uri === LOG_URI ? 'LogDelivery' : uri.slice(GROUP_URI.length);
  const known = groups.find((one) => one === group);
  const isKnown = uri === LOG_URI || (uri.startsWith(GROUP_URI) && known !== 'LogDelivery');
  if (known === undefined || !isKnown) {
    throw invalidArgument('Group/URI', uri, 'Invalid group uri');
  }
  return { type: 'group', group: known };
}

export function uriOfGroup(group: (typeof groups)[number]): string {
  return group === 'LogDelivery' ? LOG_URI : GROUP_URI + group;
}

/** Of an `AccessControlPolicy`: its owner's id, and its grants. Throws `MalformedACLError` and what grantees throw. */
export function aclOfDocument(
  root: XmlNode,
  users: UserDirectory,
): { readonly ownerId: string; readonly grants: readonly Grant[] } {
  const [owner, list] = children(root, ['Owner', 'AccessControlList']);
  if (owner === undefined || list === undefined) throw malformedAcl();
  const [id] = children(owner, ['ID', 'DisplayName']);
  if (id === undefined || list.text.trim() !== '') throw malformedAcl();
  const grants = list.children.map((node) => {
    if (node.name !== 'Grant') throw malformedAcl();
    const [grantee, permission] = children(node, ['Grantee', 'Permission']);
    if (grantee === undefined || permission === undefined) throw malformedAcl();
    const word = permissions.find((one) => one === leafText(permission));
    if (word === undefined) throw malformedAcl();
    return { grantee: parseGrantee(grantee, users), permission: word };
  });
  return { ownerId: leafText(id), grants: bounded(grants) };
}

/** Which kind it is, its own elements say: one of them, and a name for people beside it. */
function parseGrantee(node: XmlNode, users: UserDirectory): Grantee {
  const [id, uri, email] = children(node, ['ID', 'URI', 'EmailAddress', 'DisplayName']);
  const given = [id, uri, email].filter((one) => one !== undefined);
  if (given.length !== 1) throw malformedAcl();
  if (id !== undefined) return granteeOfId(leafText(id), users);
  if (uri !== undefined) return granteeOfUri(leafText(uri));
  return granteeOfEmail(leafText(required(email)), users);
}

function children(node: XmlNode, names: readonly string[]): readonly (XmlNode | undefined)[] {
  try {
    return onlyChildren(node, names);
  } catch {
    // MalformedXML is all that comes from there; of a list Amazon says so in a word of its own.
    throw malformedAcl();
  }
}

function malformedAcl(): Error {
  return s3Error('MalformedACLError');
}

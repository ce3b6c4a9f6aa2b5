/** Lists as documents. */
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import type { UserDirectory } from '../../core/users.ts';
import { ownerMarkup, shownOwner } from '../listing-parameters.ts';
import { xmlReply } from '../xml/reply.ts';
import { element, leaf, xmlDocument } from '../xml/writer.ts';
import type { Grant, Grantee } from './grants.ts';
import { uriOfGroup } from './request.ts';

const XSI = 'http://www.w3.org/2001/XMLSchema-instance';

/** Grants to groups come first. */
export function aclReply(
  users: UserDirectory,
  owner: string,
  grants: readonly Grant[],
  headers: HeaderPairs = [],
): HttpReply {
  const isGroup = (grant: Grant): boolean => grant.grantee.type === 'group';
  const ordered = [...grants.filter(isGroup), ...grants.filter((grant) => !isGroup(grant))];
  const list = ordered.map(({ grantee, permission }) =>
    element('Grant', granteeMarkup(users, grantee) + leaf('Permission', permission)),
  );
  const markup = ownerMarkup(users, owner) + element('AccessControlList', list.join(''));
  return xmlReply(xmlDocument('AccessControlPolicy', markup), headers);
}

function granteeMarkup(users: UserDirectory, grantee: Grantee): string {
  const tag = (type: string, markup: string): string =>
    `<Grantee xmlns:xsi="${XSI}" xsi:type="${type}">${markup}</Grantee>`;
  if (grantee.type === 'group') return tag('Group', leaf('URI', uriOfGroup(grantee.group)));
  const { id, displayName } = shownOwner(users, grantee.account);
  return tag('CanonicalUser', leaf('ID', id) + leaf('DisplayName', displayName));
}

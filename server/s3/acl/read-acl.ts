/** The list of PutBucketAcl and PutObjectAcl: in headers, or in the body, and not in both. */
import type { Call } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readXml } from '../payload/document.ts';
import { shownOwner } from '../listing-parameters.ts';
import { type RequestedAcl, aclOfDocument, aclOfHeaders } from './request.ts';

/** `owner`: the account whose list it is; a document must name it. */
export async function readAcl(call: Call, owner: string): Promise<RequestedAcl> {
  const { users } = call.door;
  const requested = aclOfHeaders(call.headers, users);
  const root = await readXml(call, { root: 'AccessControlPolicy', isOptional: true });
  if (root === undefined) {
    if (requested === undefined) throw s3Error('MissingSecurityHeader');
    return requested;
  }
  if (requested !== undefined) throw s3Error('UnexpectedContent');
  const { ownerId, grants } = aclOfDocument(root, users);
  // Nobody becomes an owner by a list.
  if (ownerId !== shownOwner(users, owner).id) throw s3Error('AccessDenied');
  return { type: 'grants', grants };
}

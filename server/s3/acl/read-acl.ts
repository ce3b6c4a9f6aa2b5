/** The list of PutBucketAcl and PutObjectAcl: in headers, or in the body, and not in both. */
import { type Call, bucketRowOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import { readXml } from '../payload/document.ts';
import { shownOwner } from '../listing-parameters.ts';
import { refuseOtherLists } from './new-object.ts';
import { OWNERSHIP } from './ownership.ts';
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

/**
 * PutBucketAcl and PutObjectAcl where lists count for nothing: nothing is to be done. Setting what holds anyway is obeyed
 * where nobody asked for this ownership by name, because s3cmd before 2.4 does it after each copy. Throws `AccessControlListNotSupported`.
 */
export async function refuseChangedList(call: Call): Promise<void> {
  const { account, settings } = bucketRowOf(call);
  if (OWNERSHIP in settings) throw s3Error('AccessControlListNotSupported');
  refuseOtherLists(call, await readAcl(call, account));
}

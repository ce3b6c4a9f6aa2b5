/** GetBucketAcl, PutBucketAcl. */
import type { ContainerRow } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import { type Call, bucketOf, bucketRowOf } from '../call.ts';
import { notImplemented } from '../codes.ts';
import { ACL, type Grant, isPublicGrant, ofAccount, readStoredAcl, storedAcl } from './grants.ts';
import { aclReply } from './markup.ts';
import { refuseWherePublicIsBlocked, toGrants } from './new-object.ts';
import { ownershipOf } from './ownership.ts';
import { readAcl, refuseChangedList } from './read-acl.ts';

export function getBucketAcl(call: Call): Promise<HttpReply> {
  const row = bucketRowOf(call);
  refuseSwiftAcls(row);
  return Promise.resolve(aclReply(call.door.users, row.account, bucketGrants(row)));
}

/** The list as it counts. */
function bucketGrants(row: ContainerRow): readonly Grant[] {
  const { settings, account } = row;
  if (ownershipOf(settings) === 'BucketOwnerEnforced') return [ofAccount(account, 'FULL_CONTROL')];
  return readStoredAcl(settings[ACL], account);
}

export async function putBucketAcl(call: Call): Promise<HttpReply> {
  const row = bucketRowOf(call);
  if (ownershipOf(row.settings) === 'BucketOwnerEnforced') {
    await refuseChangedList(call);
    return { status: 200, headers: [], body: new Uint8Array(0) };
  }
  refuseSwiftAcls(row);
  const owner = row.account;
  const grants = toGrants(await readAcl(call, owner), { owner, bucketOwner: owner });
  if (grants.some(isPublicGrant)) await refuseWherePublicIsBlocked(call);
  const settings = { [ACL]: storedAcl(grants, owner) };
  await call.door.core.updateContainer(call.context, bucketOf(call), { settings });
  return { status: 200, headers: [], body: new Uint8Array(0) };
}

/** Where Swift's ACLs let others in, a list of S3 would say less than what holds, or promise less than it keeps. */
function refuseSwiftAcls({ settings }: ContainerRow): void {
  if (settings['read'] || settings['write']) {
    throw notImplemented('acl', 'This bucket has Swift ACLs, which S3 cannot show.');
  }
}

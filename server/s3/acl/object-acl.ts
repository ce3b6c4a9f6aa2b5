/** GetObjectAcl, PutObjectAcl. */
import type { VersionRow } from '../../core/model.ts';
import type { HeaderPairs, HttpReply } from '../../http/exchange.ts';
import { type Call, bucketRowOf, objectOf } from '../call.ts';
import { pushVersion } from '../object-headers.ts';
import { asMarkerError, openRow } from '../object/open-row.ts';
import { parseVersionId } from '../object/version-id.ts';
import {
  ACL,
  type Grant,
  isPublicGrant,
  objectOwner,
  ofAccount,
  readStoredAcl,
  storedAcl,
} from './grants.ts';
import { aclReply } from './markup.ts';
import { refuseWherePublicIsBlocked, toGrants } from './new-object.ts';
import { ownershipOf } from './ownership.ts';
import { readAcl, refuseChangedList } from './read-acl.ts';

export async function getObjectAcl(call: Call): Promise<HttpReply> {
  const { row, container } = await openRow(call);
  const headers: HeaderPairs = [];
  pushVersion(headers, row, container.versioning);
  const { owner, grants } = listOf(call, row);
  return aclReply(call.door.users, owner, grants, headers);
}

/** The owner and the list as they count. */
function listOf(
  call: Call,
  row: VersionRow,
): { readonly owner: string; readonly grants: readonly Grant[] } {
  const { account, settings } = bucketRowOf(call);
  if (ownershipOf(settings) === 'BucketOwnerEnforced') {
    return { owner: account, grants: [ofAccount(account, 'FULL_CONTROL')] };
  }
  const owner = objectOwner(row.system, account);
  return { owner, grants: readStoredAcl(row.system[ACL], owner) };
}

export async function putObjectAcl(call: Call): Promise<HttpReply> {
  const { settings, account: bucketOwner } = bucketRowOf(call);
  if (ownershipOf(settings) === 'BucketOwnerEnforced') {
    await refuseChangedList(call);
    const { row, container } = await openRow(call);
    const headers: HeaderPairs = [];
    pushVersion(headers, row, container.versioning);
    return { status: 200, headers, body: new Uint8Array(0) };
  }
  const { row } = await openRow(call);
  const owner = objectOwner(row.system, bucketOwner);
  const grants = toGrants(await readAcl(call, owner), { owner, bucketOwner });
  if (grants.some(isPublicGrant)) await refuseWherePublicIsBlocked(call);
  const versionId = parseVersionId(call.query.get('versionId'));
  const address = { ...objectOf(call), versionId };
  // A list that denies nothing and changes no byte moves no Last-Modified, as tags do not.
  const change = { systemPatch: { [ACL]: storedAcl(grants, owner) }, isSilent: true };
  const { core } = call.door;
  const changed = await asMarkerError(versionId, () =>
    core.updateObject(call.context, address, change),
  );
  const headers: HeaderPairs = [];
  pushVersion(headers, changed, bucketRowOf(call).versioning);
  return { status: 200, headers, body: new Uint8Array(0) };
}

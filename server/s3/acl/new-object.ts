/** To whom a new object belongs, and whom its list lets in. */
import type { Metadata } from '../../core/model.ts';
import { askLater } from '../access/admit.ts';
import { permitOf } from '../access/permit.ts';
import { type Call, bucketRowOf } from '../call.ts';
import { s3Error } from '../codes.ts';
import {
  ACL,
  type Grant,
  OWNER,
  expandCanned,
  isPublicGrant,
  isWithin,
  ofAccount,
  storedAcl,
} from './grants.ts';
import { OWNERSHIP, type Ownership, ownershipOf } from './ownership.ts';
import { type RequestedAcl, aclOfHeaders } from './request.ts';

/**
 * Entries of `system` for an object that this request writes. Throws `AccessControlListNotSupported`
 * where lists count for nothing, and `AccessDenied` where the list is public and must not be, or where
 * it takes a permission that the writer lacks.
 */
export async function accessOfNewObject(call: Call): Promise<Metadata> {
  const row = bucketRowOf(call);
  const bucketOwner = row.account;
  const ownership = ownershipOf(row.settings);
  const requested = aclOfHeaders(call.headers, call.door.users);
  if (ownership === 'BucketOwnerEnforced') {
    if (requested !== undefined) refuseOtherLists(call, requested);
    return {};
  }
  const owner = ownerOfNew(call, ownership, requested);
  const grants = toGrants(requested, { owner, bucketOwner });
  if (grants.some(isPublicGrant)) await refuseWherePublicIsBlocked(call);
  // A list that lets in others is more than a write.
  if (!isWithin(grants, [owner, bucketOwner])) await askLater(call, ['object.bring-acl']);
  const list = storedAcl(grants, owner);
  return {
    ...(owner === bucketOwner ? {} : { [OWNER]: owner }),
    ...(list === null ? {} : { [ACL]: list }),
  };
}

/** Where lists count for nothing: throws `AccessControlListNotSupported` but for the one that every object and bucket has there. */
export function refuseOtherLists(call: Call, requested: RequestedAcl): void {
  const { account: bucketOwner, settings } = bucketRowOf(call);
  const isAsked = OWNERSHIP in settings;
  if (isForBucketOwner(requested, { bucketOwner, isAsked })) return;
  throw s3Error('AccessControlListNotSupported');
}

/**
 * The one list that may be asked for where lists count for nothing, in either spelling. `private` is
 * the same list, and Amazon refuses it all the same; older tools (rclone before 1.61) send it with
 * every object, so it is refused only where somebody asked for this ownership by name.
 */
function isForBucketOwner(
  requested: RequestedAcl,
  { bucketOwner, isAsked }: { readonly bucketOwner: string; readonly isAsked: boolean },
): boolean {
  if (requested.type === 'canned') {
    return (
      requested.name === 'bucket-owner-full-control' || (requested.name === 'private' && !isAsked)
    );
  }
  return (
    isWithin(requested.grants, [bucketOwner]) &&
    requested.grants.every(({ permission }) => permission === 'FULL_CONTROL')
  );
}

function ownerOfNew(call: Call, ownership: Ownership, requested: RequestedAcl | undefined): string {
  const isGivenAway =
    requested?.type === 'canned' && requested.name === 'bucket-owner-full-control';
  if (ownership === 'BucketOwnerPreferred' && isGivenAway) return bucketRowOf(call).account;
  const { principal } = call.context;
  return principal.account;
}

export function toGrants(
  requested: RequestedAcl | undefined,
  owners: { readonly owner: string; readonly bucketOwner: string },
): readonly Grant[] {
  if (requested === undefined) return [ofAccount(owners.owner, 'FULL_CONTROL')];
  return requested.type === 'grants' ? requested.grants : expandCanned(requested.name, owners);
}

export async function refuseWherePublicIsBlocked(call: Call): Promise<void> {
  const limits = await call.door.core.publicLimits(permitOf(call));
  if (limits.refusePublicAcls) {
    throw s3Error(
      'AccessDenied',
      'Public access control lists are blocked by the BlockPublicAcls setting of the block public access configuration.',
    );
  }
}

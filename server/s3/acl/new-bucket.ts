/** Whom a new bucket lets in: what its request asks for, and what new buckets have by configuration. */
import type { Metadata } from '../../core/model.ts';
import type { Call } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { ACL, isDefaultAcl, isPublicGrant, storedAcl } from './grants.ts';
import { refuseWherePublicIsBlocked, toGrants } from './new-object.ts';
import { type NewBuckets, amazonsNewBuckets } from './new-buckets.ts';
import { NO_OWNERSHIP, OWNERSHIP, type Ownership, isOwnership } from './ownership.ts';
import { ALL_BLOCKED, PUBLIC_BLOCK } from './public-block.ts';
import { aclOfHeaders } from './request.ts';

const OWNERSHIP_HEADER = 'x-amz-object-ownership';

/** Settings of the bucket. Throws where they contradict each other. */
export async function accessOfNewBucket(call: Call): Promise<Metadata> {
  const { newBuckets, users } = call.door;
  const asked = readOwnership(call);
  const ownership = asked ?? newBuckets.ownership;
  const owner = call.context.principal.account;
  const grants = toGrants(aclOfHeaders(call.headers, users), { owner, bucketOwner: owner });
  if (ownership === 'BucketOwnerEnforced' && !isDefaultAcl(grants, owner)) {
    throw s3Error('InvalidBucketAclWithObjectOwnership');
  }
  if (grants.some(isPublicGrant)) {
    await refuseWherePublicIsBlocked(call);
    if (newBuckets.blockPublicAccess) throw s3Error('InvalidBucketAclWithBlockPublicAccessError');
  }
  const list = storedAcl(grants, owner);
  return {
    ...ownershipSetting(ownership, asked),
    ...(newBuckets.blockPublicAccess ? { [PUBLIC_BLOCK]: ALL_BLOCKED } : {}),
    ...(list === null ? {} : { [ACL]: list }),
  };
}

/** Amazon's default is not written down, so that it can be told from the same thing asked for. */
function ownershipSetting(
  ownership: NewBuckets['ownership'],
  asked: Ownership | undefined,
): Metadata {
  if (asked === undefined && ownership === amazonsNewBuckets.ownership) return {};
  return { [OWNERSHIP]: ownership === 'none' ? NO_OWNERSHIP : ownership };
}

function readOwnership(call: Call): Ownership | undefined {
  const text = call.headers.get(OWNERSHIP_HEADER);
  if (text === undefined) return undefined;
  if (isOwnership(text)) return text;
  throw invalidArgument(OWNERSHIP_HEADER, text, `Invalid x-amz-object-ownership header: ${text}`);
}

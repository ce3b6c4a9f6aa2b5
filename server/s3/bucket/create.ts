import type { HttpReply } from '../../http/exchange.ts';
import { isNewBucketName } from '../address.ts';
import { ACL } from '../acl/grants.ts';
import type { Metadata } from '../../core/model.ts';
import { accessOfNewBucket } from '../acl/new-bucket.ts';
import { isRegion } from '../auth/scope.ts';
import type { Call } from '../call.ts';
import { invalidArgument, s3Error } from '../codes.ts';
import { readXml } from '../payload/document.ts';
import { LOCATION } from './head.ts';
import { MAX_BUCKET_TAGS, TAGGING, parseTagSet, storedTags } from '../tagging/tags.ts';
import { type XmlNode, leafText, onlyChildren } from '../xml/reader.ts';

/** The region whose buckets have no LocationConstraint, and where creating one's own bucket again succeeds. */
const FIRST_REGION = 'us-east-1';

/** CreateBucket. Made by the caller's account; the name is claimed for both doors. */
export async function createBucket(call: Call): Promise<HttpReply> {
  if (call.identity.principal.type === 'anonymous') throw s3Error('AccessDenied');
  if (!isNewBucketName(call.bucket)) {
    throw s3Error('InvalidBucketName', undefined, { BucketName: call.bucket });
  }
  const isLocked = readLockWish(call);
  const settings = await accessOfNewBucket(call);
  const configured = await readConfiguration(call);
  const { created, info } = await call.door.core.createContainer(
    call.context,
    { account: call.identity.principal.account, container: call.bucket },
    {
      claimName: 'required',
      policy: undefined,
      settings: { ...settings, ...configured },
      ...(isLocked ? lockable : {}),
    },
  );
  // A bucket that was there before is no answer to who wants another list.
  if (!created && info.row.settings[ACL] !== settings[ACL]) {
    throw s3Error('BucketAlreadyExists', undefined, { BucketName: call.bucket });
  }
  // Nor to who wants a lockable one, or other tags.
  const isPlain = isLocked && info.row.lock === undefined;
  const isOther = isPlain || Object.entries(configured).some(isMissingIn(info.row.settings));
  if ((!created && isOther) || (!created && call.door.region !== FIRST_REGION)) {
    throw s3Error('BucketAlreadyOwnedByYou', undefined, { BucketName: call.bucket });
  }
  return {
    status: 200,
    headers: [['Location', `/${encodeURIComponent(call.bucket)}`]],
    body: new Uint8Array(0),
  };
}

const LOCK = 'x-amz-bucket-object-lock-enabled';
const lockable = { versioning: 'enabled', lock: {} } as const;

function readLockWish(call: Call): boolean {
  const value = call.headers.get(LOCK)?.toLowerCase();
  if (value === undefined || value === 'false') return false;
  if (value === 'true') return true;
  throw invalidArgument(LOCK, value, 'The value must be true or false.');
}

function isMissingIn(settings: Metadata): (wish: readonly [string, string]) => boolean {
  return ([name, value]) => settings[name] !== value;
}

/** What the document asks for, as settings of the bucket. */
async function readConfiguration(call: Call): Promise<Metadata> {
  const root = await readXml(call, { root: 'CreateBucketConfiguration', isOptional: true });
  if (root === undefined) return {};
  const [location, tags] = onlyChildren(root, ['LocationConstraint', 'Tags']);
  const stored = tags === undefined ? null : storedTags(parseTagSet(tags, MAX_BUCKET_TAGS));
  return {
    ...(location === undefined ? {} : readLocation(call, location)),
    ...(stored === null ? {} : { [TAGGING]: stored }),
  };
}

/** The setting that keeps it; nothing where it is the region's own name. */
function readLocation(call: Call, location: XmlNode): Metadata {
  const stated = leafText(location);
  const { region } = call.door;
  if (region === FIRST_REGION && stated === '') return {};
  // Amazon's first region has no name of its own here, but many clients send it.
  if (stated === region) return {};
  if (isRegion(call.door, stated)) return { [LOCATION]: stated };
  if (/^[a-z]{2}(-[a-z]+)+-\d$/.test(stated) || stated === 'EU') {
    throw s3Error(
      'IllegalLocationConstraintException',
      `The ${stated} location constraint is incompatible for the region specific endpoint this request was sent to.`,
    );
  }
  throw s3Error('InvalidLocationConstraint', undefined, { LocationConstraint: stated });
}

/** Ownership controls: whether lists count at all, and to whom a new object belongs. */
import type { Metadata } from '../../core/model.ts';
import { objectOwner } from './grants.ts';

export const OWNERSHIP = 's3:ownership';

export const ownerships = [
  /** Lists count for nothing; every object is the bucket's owner's. Amazon's default since 2023. */
  'BucketOwnerEnforced',
  /** The bucket's owner's where the writer grants it full control by the canned list of that name. */
  'BucketOwnerPreferred',
  'ObjectWriter',
] as const;
export type Ownership = (typeof ownerships)[number];

/** Taken away by DeleteBucketOwnershipControls: as buckets were before there were any. */
export const NO_OWNERSHIP = 'none';

export function isOwnership(text: string): text is Ownership {
  return ownerships.some((one) => one === text);
}

/** What the settings say; undefined: the controls were taken away. A bucket that says nothing is as Amazon makes new ones. */
export function statedOwnership(settings: Metadata): Ownership | undefined {
  const text = settings[OWNERSHIP];
  if (text === undefined) return 'BucketOwnerEnforced';
  return isOwnership(text) ? text : undefined;
}

/** What holds: without controls objects belong to who wrote them. */
export function ownershipOf(settings: Metadata): Ownership {
  return statedOwnership(settings) ?? 'ObjectWriter';
}

/** The account that clients are shown as the owner of an object, or of an upload. */
export function shownOwnerOf(
  system: Metadata,
  bucket: { readonly account: string; readonly settings: Metadata },
): string {
  return ownershipOf(bucket.settings) === 'BucketOwnerEnforced'
    ? bucket.account
    : objectOwner(system, bucket.account);
}

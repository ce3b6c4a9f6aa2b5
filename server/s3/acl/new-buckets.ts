import type { Ownership } from './ownership.ts';

/** How buckets begin that say nothing else. */
export interface NewBuckets {
  /** `none`: as buckets were before there were ownership controls. */
  readonly ownership: Ownership | 'none';
  readonly blockPublicAccess: boolean;
}

/** As Amazon makes them since April 2023. */
export const amazonsNewBuckets: NewBuckets = {
  ownership: 'BucketOwnerEnforced',
  blockPublicAccess: true,
};

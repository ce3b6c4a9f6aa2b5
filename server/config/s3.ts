/** Where stores that S3's clients come from differ from Amazon (decision 0039). */
import { z } from 'zod';

/** Absent parts are Amazon's ways. */
export interface S3Settings {
  readonly regionAliases: readonly string[];
  readonly ifNoneMatchTags: 'refused' | 'honoured';
  readonly attributeChecksums: 'bare' | 'counted';
}

export const s3Schema: z.ZodType<S3Settings> = z.strictObject({
  /** Other names of `region` in signatures and LocationConstraint; a bucket keeps the one it was made under. */
  regionAliases: z
    .array(z.string().regex(/^[A-Za-z0-9._:-]{1,64}$/, 'is no region'))
    .max(16)
    .default([]),
  /** Entity tags in If-None-Match of writes: Amazon answers 501, Ceph obeys them. */
  ifNoneMatchTags: z.enum(['refused', 'honoured']).default('refused'),
  /** Composite checksums in GetObjectAttributes: Amazon leaves out the count of parts (`-N`) there, and only there; Ceph does not. */
  attributeChecksums: z.enum(['bare', 'counted']).default('bare'),
});

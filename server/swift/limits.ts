/** Limits that are Swift's own (its `constraints.py` defaults). Those of the model come from `core.limits`. */

/** Counted in bytes on the wire, names without their `X-…-Meta-` prefix. */
export const metadataLimits = {
  nameBytes: 128,
  valueBytes: 256,
  count: 90,
  overallBytes: 4096,
  /** Of any header's value. */
  headerBytes: 8192,
} as const;

/** Entries of one listing page; more is refused with 412. */
export const listingLimit = 10_000;

export const accountNameBytes = 256;

/** Of one bulk deletion. A line holds a container and an object name with every byte percent-encoded: 3 × (1024 + 256 + 2). */
export const bulkLimits = {
  deletes: 10_000,
  failures: 1000,
  lineBytes: 3846,
} as const;

/** Seconds that a token lives. */
export const tokenLifeSeconds = 86_400;

/** Swift's limits against ranges that cost the server more than the client (RFC 9110 section 17.15). */
export const rangeLimits = { ranges: 50, overlaps: 2, outOfOrder: 8 } as const;

/** Of one static large object's manifest; segments are those that are objects. */
export const manifestLimits = { segments: 1000, bytes: 8_388_608 } as const;

/** What the S3 door keeps of Amazon's own limits, as /info shows them. */
export const s3ApiLimits = { listing: 1000, deletes: 1000 } as const;

/** Of one archive that is extracted. */
export const extractLimits = { containers: 10_000, failures: 1000 } as const;

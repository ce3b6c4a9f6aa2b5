/** What a commit did to an object, in words of no dialect: what feeds are told (decision 0022). */
export const objectEvents = [
  'created:put',
  'created:post',
  'created:copy',
  'created:complete',
  /** Metadata changed in place (Swift POST): of interest to replication alone. */
  'updated',
  'removed:delete',
  'removed:marker',
  'tagging:put',
  'tagging:delete',
  'acl:put',
  'restore:post',
  'restore:completed',
  'restore:delete',
  'expired:delete',
  'expired:marker',
  'transitioned',
  'replication:failed',
] as const;
export type ObjectEvent = (typeof objectEvents)[number];

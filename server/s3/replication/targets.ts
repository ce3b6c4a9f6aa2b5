/** Other stores that buckets may be replicated to, as this door sees them: names of the server's settings. */
export interface ReplicationTargets {
  has(name: string): boolean;
  /** What a bucket there is like now. StoreError when the store does not tell within a few seconds. */
  inspect(name: string, bucket: string): Promise<'missing' | 'unversioned' | 'versioned'>;
}

/** What TempURLs may do, as Swift's filter is configured. Header names are lower case; one that ends in `*` is a prefix. */
export const digests = ['sha1', 'sha256', 'sha512'] as const;
export type Digest = (typeof digests)[number];

export interface TempUrlSettings {
  readonly digests: readonly Digest[];
  readonly methods: readonly string[];
  /** Taken out of requests and replies, but for the exceptions. */
  readonly incomingRemove: readonly string[];
  readonly incomingAllow: readonly string[];
  readonly outgoingRemove: readonly string[];
  readonly outgoingAllow: readonly string[];
}

/** SHA-1 is off until somebody needs it: its collisions are no danger to an HMAC, but it is on its way out. */
export const defaultTempUrl: TempUrlSettings = {
  digests: ['sha256', 'sha512'],
  methods: ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'],
  incomingRemove: ['x-timestamp', 'x-open-expired'],
  incomingAllow: [],
  outgoingRemove: ['x-object-meta-*'],
  outgoingAllow: ['x-object-meta-public-*'],
};

/** Whether lists of names and prefixes take the header out. `name` is lower case. */
export function isRemoved(
  name: string,
  remove: readonly string[],
  allow: readonly string[],
): boolean {
  const matches = (patterns: readonly string[]): boolean =>
    patterns.some((pattern) =>
      pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern,
    );
  return !matches(allow) && matches(remove);
}

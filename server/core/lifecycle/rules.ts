/** What a container wants done with its objects as they age, in words of no dialect (decision 0021). */

/** All conditions together; what is undefined is not asked. */
export interface LifecycleFilter {
  readonly prefix: string;
  /** Pieces of `TAGS`, each `key=value`, percent-encoded. */
  readonly tags?: readonly string[] | undefined;
  /** In bytes, both exclusive. */
  readonly sizeAbove?: number | undefined;
  readonly sizeBelow?: number | undefined;
}

/** So many days after the version was made, or from a date on (milliseconds). */
export type LifecycleTime = { readonly days: number } | { readonly at: number };

/** So many days after the version ceased to be current, as long as `keep` newer noncurrent ones remain. */
export interface NoncurrentTime {
  readonly days: number;
  readonly keep?: number | undefined;
}

export interface LifecycleRule {
  readonly id: string;
  readonly isEnabled: boolean;
  readonly filter: LifecycleFilter;
  /** How the door that it came by spelled the filter: that door's own. */
  readonly form?: string | undefined;
  /** Of current versions: they go, or where versions are kept get a delete marker. */
  readonly expiration?: LifecycleTime | undefined;
  /** A delete marker goes when it is its key's last version. */
  readonly removesLoneMarkers?: boolean | undefined;
  readonly noncurrentExpiration?: NoncurrentTime | undefined;
  readonly transitions?: readonly (LifecycleTime & { readonly storageClass: string })[] | undefined;
  readonly noncurrentTransitions?:
    | readonly (NoncurrentTime & { readonly storageClass: string })[]
    | undefined;
  readonly abortUploadsAfterDays?: number | undefined;
}

export interface Lifecycle {
  readonly rules: readonly LifecycleRule[];
  /**
   * Versions under 128 KiB are not moved by rules that name no size: to no class (`all`), or to none
   * but archives (`varies`). Undefined: they are moved as all others.
   */
  readonly smallStay?: 'all' | 'varies' | undefined;
}

export interface Expiration {
  /** Milliseconds. */
  readonly at: number;
  readonly ruleId: string;
}

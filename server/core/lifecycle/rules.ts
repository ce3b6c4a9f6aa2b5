/** What a container wants done with its objects as they age, in words of no dialect (decision 0021). */
import { TAGS } from '../metadata.ts';
import type { VersionRow } from '../model.ts';

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

/** Whether a rule is for this version at all. A delete marker has no size and no tags. */
export function matchesVersion(
  rule: LifecycleRule,
  key: string,
  row: Pick<VersionRow, 'kind' | 'size' | 'system'>,
): boolean {
  const { prefix, tags, sizeAbove, sizeBelow } = rule.filter;
  if (!rule.isEnabled || !key.startsWith(prefix)) return false;
  const asksMore = tags !== undefined || sizeAbove !== undefined || sizeBelow !== undefined;
  if (row.kind === 'delete-marker') return !asksMore;
  if (sizeAbove !== undefined && row.size <= sizeAbove) return false;
  if (sizeBelow !== undefined && row.size >= sizeBelow) return false;
  if (tags === undefined) return true;
  const pieces = row.system[TAGS]?.split('&') ?? [];
  return tags.every((wanted) => pieces.includes(wanted));
}

/** The most noncurrent versions of this key that a rule keeps: no more need be counted. */
export function mostKept({ rules }: Lifecycle, key: string): number {
  const times = rules
    .filter((rule) => rule.isEnabled && key.startsWith(rule.filter.prefix))
    .flatMap((rule) => [rule.noncurrentExpiration, ...(rule.noncurrentTransitions ?? [])]);
  return Math.max(0, ...times.map((when) => when?.keep ?? 0));
}

/** What every key that a rule may be for begins with. */
export function commonPrefix({ rules }: Lifecycle): string {
  const prefixes = rules.filter((rule) => rule.isEnabled).map((rule) => rule.filter.prefix);
  let common = prefixes[0] ?? '';
  while (!prefixes.every((prefix) => prefix.startsWith(common))) common = common.slice(0, -1);
  // Half of a surrogate pair is no text.
  return common.isWellFormed() ? common : common.slice(0, -1);
}

/** Uploads have neither size nor tags yet. */
export function matchesUpload(rule: LifecycleRule, key: string): boolean {
  const { prefix, tags, sizeAbove, sizeBelow } = rule.filter;
  const asksMore = tags !== undefined || sizeAbove !== undefined || sizeBelow !== undefined;
  return rule.isEnabled && key.startsWith(prefix) && !asksMore;
}

/** What the rules of a container are for. */
import { TAGS } from '../metadata.ts';
import type { VersionRow } from '../model.ts';
import type { Lifecycle, LifecycleRule } from './rules.ts';

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

/**
 * What lifecycle shall do, written as the rules read: at every look each version of each key is judged,
 * from new to old, again and again until nothing is left to do. No queue, no links, no planning.
 */
import type { Lifecycle, LifecycleRule } from '../../../../server/core/lifecycle/rules.ts';

export interface ModelVersion {
  readonly stamp: number;
  readonly isMarker: boolean;
  readonly isNull: boolean;
  readonly size: number;
  tags: readonly string[];
  /** When it ceased to be current; undefined while it is. */
  since: number | undefined;
  storageClass: string | undefined;
}

export interface ModelUpload {
  readonly id: string;
  readonly startedAt: number;
}

/** Warm to cold. */
export const classes: readonly string[] = ['WARM', 'COLD'];

export class LifecycleModel {
  versioning: 'off' | 'enabled' | 'suspended' = 'off';
  lifecycle: Lifecycle | undefined;
  /** Newest first. */
  readonly keys: Map<string, ModelVersion[]> = new Map();
  readonly uploads: Map<string, ModelUpload[]> = new Map();
  readonly #dayMillis: number;

  constructor(dayMillis: number) {
    this.#dayMillis = dayMillis;
  }

  versionsOf(key: string): readonly ModelVersion[] {
    return this.keys.get(key) ?? [];
  }

  push(key: string, version: Omit<ModelVersion, 'isNull' | 'since'>): void {
    const isNull = this.versioning !== 'enabled';
    const old = (this.keys.get(key) ?? []).filter((one) => !(isNull && one.isNull));
    const [top] = old;
    if (top !== undefined) top.since ??= version.stamp;
    this.keys.set(key, [{ ...version, isNull, since: undefined }, ...old]);
  }

  remove(key: string, stamp: number): void {
    const left = this.versionsOf(key).filter((one) => one.stamp !== stamp);
    const [top] = left;
    if (top !== undefined) top.since = undefined;
    this.keys.set(key, left);
  }

  /** Looks once; whether anything was done. `mark` gives the stamp of a new marker. */
  look(nowMillis: number, mark: (key: string) => number): boolean {
    const rules = this.lifecycle?.rules.filter((rule) => rule.isEnabled) ?? [];
    let isBusy = false;
    for (const key of this.keys.keys()) {
      for (const { stamp } of [...this.versionsOf(key)]) {
        const place = this.versionsOf(key).findIndex((one) => one.stamp === stamp);
        if (place >= 0 && this.#judge(rules, key, place, nowMillis, mark)) isBusy = true;
      }
    }
    for (const [key, open] of this.uploads) {
      const left = open.filter((upload) => !this.#isAborted(rules, key, upload, nowMillis));
      if (left.length < open.length) isBusy = true;
      this.uploads.set(key, left);
    }
    return isBusy;
  }

  #isAborted(
    rules: readonly LifecycleRule[],
    key: string,
    { startedAt }: ModelUpload,
    nowMillis: number,
  ): boolean {
    return rules.some(
      ({ abortUploadsAfterDays: days, filter }) =>
        days !== undefined &&
        Object.keys(filter).length === 1 &&
        key.startsWith(filter.prefix) &&
        Math.floor(startedAt / 1000) + days * this.#dayMillis <= nowMillis,
    );
  }

  #judge(
    rules: readonly LifecycleRule[],
    key: string,
    place: number,
    nowMillis: number,
    mark: (key: string) => number,
  ): boolean {
    const versions = this.versionsOf(key);
    const version = versions[place];
    if (version === undefined) return false;
    const matching = rules.filter((rule) => matches(rule, key, version));
    const made = Math.floor(version.stamp / 1000);
    const since = Math.floor((version.since ?? version.stamp) / 1000);
    // The newest is the current one, a marker too; all between it and this one are noncurrent.
    const newer = Math.max(0, place - 1);
    const isPast = (from: number, days: number): boolean =>
      from + days * this.#dayMillis <= nowMillis;
    const isDue = (when: { days: number } | { at: number }): boolean =>
      'at' in when ? when.at <= nowMillis : isPast(made, when.days);
    const isLate = (when: { days: number; keep?: number | undefined }): boolean =>
      newer >= (when.keep ?? 0) && isPast(since, when.days);
    const isCurrent = place === 0;
    if (isCurrent && version.isMarker) {
      if (versions.length > 1) return false;
      const goes = matching.some(
        ({ removesLoneMarkers, expiration }) =>
          removesLoneMarkers === true ||
          (expiration !== undefined && 'days' in expiration && isPast(made, expiration.days)),
      );
      if (goes) this.remove(key, version.stamp);
      return goes;
    }
    const ends = isCurrent
      ? matching.some(({ expiration }) => expiration !== undefined && isDue(expiration))
      : matching.some(({ noncurrentExpiration: when }) => when !== undefined && isLate(when));
    if (ends) {
      if (!isCurrent || this.versioning === 'off') this.remove(key, version.stamp);
      else this.push(key, { ...emptyMarker, stamp: mark(key) });
      return true;
    }
    const targets = isCurrent
      ? matching.flatMap(({ transitions = [] }) => transitions.filter(isDue))
      : matching.flatMap(({ noncurrentTransitions = [] }) => noncurrentTransitions.filter(isLate));
    const coldest = Math.max(-1, ...targets.map((one) => classes.indexOf(one.storageClass)));
    if (version.isMarker || coldest <= classes.indexOf(version.storageClass ?? '')) return false;
    version.storageClass = classes[coldest];
    return true;
  }
}

const emptyMarker = { isMarker: true, size: 0, tags: [], storageClass: undefined };

function matches({ filter }: LifecycleRule, key: string, version: ModelVersion): boolean {
  const { prefix, tags, sizeAbove, sizeBelow } = filter;
  if (!key.startsWith(prefix)) return false;
  if (version.isMarker)
    return tags === undefined && sizeAbove === undefined && sizeBelow === undefined;
  if (sizeAbove !== undefined && version.size <= sizeAbove) return false;
  if (sizeBelow !== undefined && version.size >= sizeBelow) return false;
  return tags === undefined || tags.every((tag) => version.tags.includes(tag));
}

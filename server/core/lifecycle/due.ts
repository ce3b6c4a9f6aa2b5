/** When rules act on a version, and which of them. Pure: decisions, workers and replies ask the same. */
import { type Micros, micros } from '../../../base/units.ts';
import type { UploadRow, VersionRow } from '../model.ts';
import type { StorageClass } from '../storage-classes.ts';
import type { Lifecycle, LifecycleRule, LifecycleTime } from './rules.ts';
import { matchesUpload, matchesVersion } from './matching.ts';

export const REAL_DAY_MILLIS = 86_400_000;
const SMALL_BYTES = 128 * 1024;

/** What the answers depend on beside rules and rows. */
export interface LifecycleContext {
  /** A shorter day is for tests; then times are not rounded to midnight either. */
  readonly dayMillis: number;
  /** From warm to cold: a transition never goes back. */
  readonly classes: readonly Pick<StorageClass, 'name' | 'isArchive'>[];
}

export const realDays: LifecycleContext = { dayMillis: REAL_DAY_MILLIS, classes: [] };

/** So many days later, rounded up to midnight UTC, as S3 counts. */
export function dueAfter(startMillis: number, days: number, dayMillis: number): number {
  const due = startMillis + days * dayMillis;
  if (dayMillis !== REAL_DAY_MILLIS) return Math.ceil(due);
  return Math.ceil(due / dayMillis) * dayMillis;
}

/** A version and its place among the others of its key. */
export interface VersionState {
  readonly key: string;
  readonly row: VersionRow;
  /** Undefined: it is the current one. */
  readonly noncurrent: { readonly newerNoncurrent: number } | undefined;
  /** The only version of its key. */
  readonly isLone: boolean;
}

export type LifecycleAction =
  | { readonly type: 'expire' }
  | { readonly type: 'transition'; readonly storageClass: string };

export interface Due {
  /** Milliseconds. */
  readonly at: number;
  readonly action: LifecycleAction;
  readonly ruleId: string;
}

const millisOf = (stamp: Micros): number => Math.floor(stamp / 1000);

/** A renamed object is as old as it was. */
function madeAt({ version, modifiedAt }: Pick<VersionRow, 'version' | 'modifiedAt'>): number {
  return millisOf(micros(Math.min(version, modifiedAt)));
}

/** When a version ceased to be current. Where that was not written down, its successor was made then. */
export function noncurrentSince(
  row: Pick<VersionRow, 'version' | 'newer' | 'noncurrentSince'>,
): number {
  return millisOf(row.noncurrentSince ?? row.newer ?? row.version);
}

/** Everything that the rules will do with the version if it stays as it is. */
export function duesOf(
  lifecycle: Lifecycle,
  state: VersionState,
  context: LifecycleContext,
): readonly Due[] {
  const { key, row } = state;
  if (row.isGap === true) return [];
  const rules = lifecycle.rules.filter((rule) => matchesVersion(rule, key, row));
  return rules.flatMap((rule) => [
    ...expirations(rule, state, context),
    ...transitions(rule, state, { lifecycle, context }),
  ]);
}

function timeOf(when: LifecycleTime, row: VersionRow, context: LifecycleContext): number {
  if ('at' in when) return when.at;
  return dueAfter(madeAt(row), when.days, context.dayMillis);
}

function expirations(
  rule: LifecycleRule,
  { row, noncurrent, isLone }: VersionState,
  context: LifecycleContext,
): readonly Due[] {
  const action = { type: 'expire' } as const;
  const due = (at: number): Due => ({ at, action, ruleId: rule.id });
  if (noncurrent !== undefined) {
    const when = rule.noncurrentExpiration;
    if (when === undefined || noncurrent.newerNoncurrent < (when.keep ?? 0)) return [];
    return [due(dueAfter(noncurrentSince(row), when.days, context.dayMillis))];
  }
  const { expiration, removesLoneMarkers } = rule;
  if (row.kind === 'object')
    return expiration === undefined ? [] : [due(timeOf(expiration, row, context))];
  if (!isLone) return [];
  const made = millisOf(row.version);
  if (removesLoneMarkers === true) return [due(dueAfter(made, 0, context.dayMillis))];
  // A rule that expires objects by age takes along what is left of them, at that age.
  if (expiration === undefined || !('days' in expiration)) return [];
  return [due(dueAfter(made, expiration.days, context.dayMillis))];
}

function transitions(
  rule: LifecycleRule,
  { row, noncurrent }: VersionState,
  { lifecycle, context }: { readonly lifecycle: Lifecycle; readonly context: LifecycleContext },
): readonly Due[] {
  if (row.kind !== 'object') return [];
  const offered =
    noncurrent === undefined
      ? (rule.transitions ?? []).map((one) => ({ one, at: timeOf(one, row, context) }))
      : (rule.noncurrentTransitions ?? [])
          .filter((one) => noncurrent.newerNoncurrent >= (one.keep ?? 0))
          .map((one) => ({ one, at: dueAfter(noncurrentSince(row), one.days, context.dayMillis) }));
  const isSmall = row.size < SMALL_BYTES && !namesSize(rule);
  return offered.flatMap(({ one: { storageClass }, at }): Due[] => {
    const rank = rankOf(storageClass, context);
    if (rank === undefined || rank <= (rankOf(row.storageClass, context) ?? Infinity)) return [];
    if (isSmall && staysFor(lifecycle, storageClass, context)) return [];
    return [{ at, action: { type: 'transition', storageClass }, ruleId: rule.id }];
  });
}

function namesSize({ filter }: LifecycleRule): boolean {
  return filter.sizeAbove !== undefined || filter.sizeBelow !== undefined;
}

function staysFor(lifecycle: Lifecycle, name: string, { classes }: LifecycleContext): boolean {
  if (lifecycle.smallStay === undefined) return false;
  const isArchive = classes.find((one) => one.name === name)?.isArchive === true;
  return lifecycle.smallStay === 'all' || !isArchive;
}

/** 0 for no class; undefined for one that the configuration does not have (any more). */
function rankOf(name: string | undefined, { classes }: LifecycleContext): number | undefined {
  if (name === undefined) return 0;
  const place = classes.findIndex((one) => one.name === name);
  return place < 0 ? undefined : place + 1;
}

/** What is to be done now: to expire comes before to move, and of moves the coldest is the last. */
export function dueAction(
  dues: readonly Due[],
  nowMillis: number,
  context: LifecycleContext,
): Due | undefined {
  const due = dues.filter(({ at }) => at <= nowMillis);
  const expiry = due.find(({ action }) => action.type === 'expire');
  if (expiry !== undefined) return expiry;
  const rank = ({ action }: Due): number =>
    action.type === 'transition' ? (rankOf(action.storageClass, context) ?? 0) : 0;
  return due.toSorted((a, b) => rank(b) - rank(a))[0];
}

/** The first of them that is still to come. */
export function nextDue(dues: readonly Due[], nowMillis: number): number | undefined {
  return earliest(dues.filter(({ at }) => at > nowMillis).map(({ at }) => at));
}

export function earliest(times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

export interface UploadDue {
  readonly at: number;
  readonly ruleId: string;
}

/** When an upload that stays open is aborted: the first rule that says so. */
export function uploadDue(
  lifecycle: Lifecycle,
  key: string,
  upload: Pick<UploadRow, 'startedAt'>,
  { dayMillis }: Pick<LifecycleContext, 'dayMillis'>,
): UploadDue | undefined {
  const dues = lifecycle.rules.flatMap((rule): UploadDue[] => {
    const days = rule.abortUploadsAfterDays;
    if (days === undefined || !matchesUpload(rule, key)) return [];
    return [{ at: dueAfter(millisOf(upload.startedAt), days, dayMillis), ruleId: rule.id }];
  });
  return dues.toSorted((a, b) => a.at - b.at)[0];
}

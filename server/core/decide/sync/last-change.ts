/**
 * The order of changes in containers that are in step with those of other stores (decision 0047): the
 * one that was made last stands, in whatever order they come. A deletion is one of them.
 */
import { StoreError } from '../../../../base/errors.ts';
import { inTicks, TICK_MICROS } from '../../../../base/timestamp.ts';
import { type Micros, micros } from '../../../../base/units.ts';
import type { EventCause } from '../../commands.ts';
import { type ContainerRow, lastChangeOf, type VersionRow } from '../../model.ts';
import { isInStep } from './tombstone.ts';
import type { At, Commit } from '../commit.ts';

/** As long as Swift remembers deletions (`reclaim_age`): no change may be longer under way. */
const REMEMBERED_MILLIS = 7 * 24 * 60 * 60 * 1000;

interface Past {
  readonly at: At;
  readonly container: ContainerRow;
  /** The key's newest version, whether clients see it or not. */
  readonly head: VersionRow | undefined;
}

/** When the key was changed last; undefined: never, or so long ago that nobody knows. */
function lastChange(commit: Commit, { at, head }: Past): Micros | undefined {
  if (head !== undefined) return lastChangeOf(head);
  const { containerId, key } = at;
  return commit.view.get('tombstone', { containerId, key })?.madeAt;
}

/** A new version that comes from elsewhere must be newer than what is, or was, here. Throws `precondition-failed`. */
export function checkPutMadeAt(commit: Commit, past: Past, cause: EventCause | undefined): void {
  if (cause?.madeAt === undefined) return;
  const last = lastChange(commit, past);
  if (isNoLater(cause.madeAt, last)) throw isOlder('object.put');
}

/** A deletion from elsewhere takes what is older; where nothing is, it has nothing to take, but counts. */
export function checkDeleteMadeAt(
  existing: VersionRow | undefined,
  cause: EventCause | undefined,
): void {
  if (cause?.madeAt === undefined || existing === undefined) return;
  if (isNoLater(cause.madeAt, lastChangeOf(existing))) throw isOlder('object.delete');
}

/** What a change made here must say about its time so that it stands after the last one: clocks of clusters differ. undefined: its commit's own stamp will do. */
export function originOfChange(
  commit: Commit,
  past: Past,
  cause: EventCause | undefined,
): Micros | undefined {
  if (cause?.madeAt !== undefined) return cause.madeAt;
  if (!isInStep(past.container)) return undefined;
  const last = lastChange(commit, past);
  return last === undefined || last < commit.time ? undefined : micros(last + TICK_MICROS);
}

/** Remembers a deletion, where order matters; `made` is absent when it is made here and now. Returns false where a later one is known, and where nothing need be remembered. */
export function bury(commit: Commit, past: Past, made: Micros | undefined): boolean {
  const { at, container, head } = past;
  if (!isInStep(container)) return false;
  const last = lastChange(commit, past);
  if (head === undefined && made !== undefined && isNoLater(made, last)) return false;
  const here = last === undefined || last < commit.time ? commit.time : last + TICK_MICROS;
  const madeAt = micros(Math.max(made ?? here, last ?? 0));
  const key = { containerId: at.containerId, key: at.key };
  const { containerId } = key;
  const old = commit.view.get('tombstone', key);
  if (old !== undefined) {
    commit.change({ type: 'delete', table: 'queue', key: { containerId, ...old.forget } });
  }
  const version = commit.time;
  const dueAt = commit.nowMillis + REMEMBERED_MILLIS;
  const forget = commit.enqueue(containerId, dueAt, { type: 'expire', ...key, version });
  commit.change({ type: 'put', table: 'tombstone', key, row: { version, madeAt, forget } });
  return true;
}

/** Whether the stamp is that of a tombstone, whose time is over. */
export function forgetTombstone(commit: Commit, at: At & { readonly version: Micros }): boolean {
  const { containerId, key, version } = at;
  if (commit.view.get('tombstone', { containerId, key })?.version !== version) return false;
  commit.change({ type: 'delete', table: 'tombstone', key: { containerId, key } });
  return true;
}

function isNoLater(made: Micros, last: Micros | undefined): boolean {
  // Stamps travel in ticks.
  return last !== undefined && inTicks(last) >= made;
}

function isOlder(op: 'object.put' | 'object.delete'): StoreError {
  return new StoreError('precondition-failed', op, 'a change that was made later stands', {
    detail: { condition: 'made-before' },
  });
}

/** What a shard owns of the ids: from its own start to the next shard's (decision 0035). */
import { toHex } from '../../../base/bytes.ts';
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { ShardId } from '../../../base/units.ts';
import { containerIdBytes, rowAreas } from '../row-key.ts';
import type { ShardState } from '../shard.ts';

/** Ids of 16 bytes in lower-case hex: they compare as their bytes do. */
export interface Extent {
  /** The first. */
  readonly start: string;
  /** The first behind it; undefined: there is none. */
  readonly end: string | undefined;
}

/** A shard that is being filled owns nothing yet. */
const nothing: Extent = { start: '', end: '' };

const extents = new WeakMap<readonly ShardState[], ReadonlyMap<ShardId, Extent>>();

/** By the map's lines; undefined when they do not have the shard. */
export function extentIn(shards: readonly ShardState[], id: ShardId): Extent | undefined {
  let known = extents.get(shards);
  if (known === undefined) {
    known = extentsOf(shards);
    extents.set(shards, known);
  }
  return known.get(id);
}

/** Lines of shards that own something, in the order of what they own. */
export function inOrder(shards: readonly ShardState[]): readonly ShardState[] {
  return shards
    .filter(({ takesFrom }) => takesFrom === undefined)
    .toSorted((a, b) => (a.start < b.start ? -1 : 1));
}

/** The line of the shard that owns the id. */
export function ownerIn(shards: readonly ShardState[], id: string): ShardState | undefined {
  return inOrder(shards).findLast(({ start }) => start <= id);
}

function extentsOf(shards: readonly ShardState[]): ReadonlyMap<ShardId, Extent> {
  const found = new Map<ShardId, Extent>(shards.map(({ id }) => [id, nothing]));
  const sorted = inOrder(shards);
  for (const [place, { id, start }] of sorted.entries()) {
    found.set(id, { start, end: sorted[place + 1]?.start });
  }
  return found;
}

export function owns({ start, end }: Extent, id: string): boolean {
  return start <= id && (end === undefined || id < end);
}

/** Whether all of `inner` is in `outer`. */
export function covers(outer: Extent, inner: Extent): boolean {
  const reaches = outer.end === undefined || (inner.end !== undefined && inner.end <= outer.end);
  return outer.start <= inner.start && reaches;
}

/** The id that a row belongs to, by its key; undefined for a row in area `local`. */
export function idOfKey(key: Uint8Array): string | undefined {
  if (key[0] !== rowAreas.container) return undefined;
  return toHex(key.subarray(1, 1 + containerIdBytes));
}

/** Nothing was done: it is another shard's since this one was split or merged. */
export function moved(): StoreError {
  return new StoreError('stale-epoch', 'shard', 'another shard has taken this over', {
    detail: { moved: true },
  });
}

export function hasMoved(error: unknown): error is StoreError {
  return isStoreError(error, 'stale-epoch') && error.detail['moved'] === true;
}

/**
 * Fragments that lie where earlier rings had them. Counted by what devices' indexes say now, not by what a
 * move believes to have done: on this count a former ring is given up.
 */
import type { ClaimRow } from '../core/model.ts';
import type { Home } from '../proxy/placement.ts';
import { stripesOf } from '../proxy/stripes.ts';
import { heldAt, idsOf } from '../work/redundancy.ts';

/**
 * What of a body keeps the former rings needed: fragments that still lie at a former home, and those
 * of a former home that does not answer while the home has not all of them.
 */
export async function countLeft({ stored }: ClaimRow, homes: readonly Home[]): Promise<number> {
  let left = 0;
  const stripes = stripesOf(stored);
  for (const home of homes) {
    if (home.others.length === 0) continue;
    const ids = idsOf(stored, home.index, stripes);
    const known = await heldAt(home, ids);
    const lacking = ids.filter((_, i) => known?.[i] !== true).length;
    for (const place of home.others) {
      const held = await heldAt(place, ids);
      left += held === undefined ? lacking : held.filter(Boolean).length;
    }
  }
  return left;
}

/**
 * Removes the fragments at former homes, once every home has all of its own: until then a body keeps
 * what it had, so that at no moment less may be lost than before or after the change. Returns how many
 * were removed.
 */
export async function clearFormer(
  { stored }: ClaimRow,
  homes: readonly Home[],
  mayClear: () => boolean,
): Promise<number> {
  const stripes = stripesOf(stored);
  for (const home of homes) {
    if (home.others.length === 0) continue;
    // What an index knows is synced.
    const known = await heldAt(home, idsOf(stored, home.index, stripes));
    if (known?.every(Boolean) !== true) return 0;
  }
  let cleared = 0;
  for (const home of homes) {
    for (const place of home.others) {
      const ids = idsOf(stored, home.index, stripes);
      const held = await heldAt(place, ids);
      for (const [i, id] of ids.entries()) {
        if (held?.[i] !== true) continue;
        if (!mayClear()) return cleared;
        await place.store?.removeOne(id);
        cleared++;
      }
    }
  }
  return cleared;
}

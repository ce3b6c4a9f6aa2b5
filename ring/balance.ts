/**
 * Brings a layout to its targets with few moves, in three steps that each leave it no worse:
 *
 * 1. `fill` gives every fragment without a device to one, drawn by what devices still lack;
 * 2. `settle` moves fragments of the partitions that break a tier's least or most;
 * 3. `level` takes fragments from devices above their quota to those below, directly where a
 *    partition allows it, else over a shortest chain of devices.
 *
 * Counts within least and most for a tree of tiers are the bases of a (bounded) laminar matroid, so
 * a chain of single exchanges exists whenever the quotas are not met: `level` ends exactly at them.
 */
import { invariant } from '../base/invariant.ts';
import { type Layout, vacant } from './layout.ts';
import { level } from './level.ts';
import { tieDraw, tieHash } from './tie-hash.ts';

export function balance(layout: Layout, quotas: Int32Array): void {
  fill(layout, quotas);
  settle(layout, quotas);
  level(layout, quotas);
}

/** Gives every vacant fragment a device. */
function fill(layout: Layout, quotas: Int32Array): void {
  const indexes = layout.rows.map((_, index) => index);
  for (let p = 0; p < layout.partitions; p++) {
    const open = indexes.filter((index) => layout.rows[index]?.[p] === vacant);
    if (open.length === 0) continue;
    layout.load(p);
    // Tiers are served in order of need, so a fixed order of fragments would leave some devices
    // with parity only, and reads would not spread.
    open.sort((a, b) => tieHash(p, a, 2) - tieHash(p, b, 2));
    for (const index of open) layout.place(index, chooseTaker(layout, quotas, 0));
  }
}

/** A device inside `tier` for one more fragment of the loaded partition; the tier has room for it. */
function chooseTaker(layout: Layout, quotas: Int32Array, tier: number): number {
  const { counts, totals, owed, targets, topology } = layout;
  let at = tier;
  for (;;) {
    const children = topology.tiers[at]?.children ?? [];
    if (children.length === 0) return placeOf(layout, at);
    const below = children.filter((child) => (counts[child] ?? 0) < (targets.least[child] ?? 0));
    const takers =
      below.length > 0
        ? below
        : children.filter((child) => (counts[child] ?? 0) < (targets.most[child] ?? 0));
    // What a tier lacks beyond what partitions owe it anyway; a little, so that none is impossible.
    const needs = takers.map((child) => {
      const need = (quotas[child] ?? 0) - (totals[child] ?? 0) - (owed[child] ?? 0);
      return Math.max(need, 1e-3);
    });
    let draw = tieDraw(layout.loaded, at, counts[0]) * needs.reduce((sum, need) => sum + need, 0);
    const drawn = needs.findIndex((need) => (draw -= need) < 0);
    const next = takers[drawn < 0 ? takers.length - 1 : drawn];
    invariant(next !== undefined, 'a tier with room has a child with room');
    at = next;
  }
}

/** A device inside `tier` that gives up its fragment of the loaded partition: the fullest that may. */
function chooseGiver(layout: Layout, quotas: Int32Array, tier: number): number {
  const { counts, targets, topology } = layout;
  let at = tier;
  for (;;) {
    const children = topology.tiers[at]?.children ?? [];
    if (children.length === 0) return placeOf(layout, at);
    const above = children.filter((child) => (counts[child] ?? 0) > (targets.most[child] ?? 0));
    const givers =
      above.length > 0
        ? above
        : children.filter((child) => (counts[child] ?? 0) > (targets.least[child] ?? 0));
    at = fullest(layout, quotas, givers);
  }
}

/** The tier furthest above its quota. */
function fullest(layout: Layout, quotas: Int32Array, tiers: readonly number[]): number {
  const surplus = (tier: number) => (layout.totals[tier] ?? 0) - (quotas[tier] ?? 0);
  const [first, ...others] = tiers;
  invariant(first !== undefined, 'a tier above its least has a child above its least');
  return others.reduce((best, tier) => {
    const more = surplus(tier) - surplus(best);
    const wins =
      more > 0 || (more === 0 && tieHash(layout.loaded, tier) > tieHash(layout.loaded, best));
    return wins ? tier : best;
  }, first);
}

function placeOf(layout: Layout, leaf: number): number {
  const place = layout.topology.placeOf[leaf];
  invariant(place !== undefined && place >= 0, 'a tier without children is a device');
  return place;
}

/** Moves fragments until every partition is within least and most everywhere, from the top down. */
function settle(layout: Layout, quotas: Int32Array): void {
  const { counts, targets, topology } = layout;
  for (let p = 0; p < layout.partitions; p++) {
    layout.load(p);
    for (const { children } of topology.tiers) {
      for (;;) {
        const over = children.find((child) => (counts[child] ?? 0) > (targets.most[child] ?? 0));
        const under = children.find((child) => (counts[child] ?? 0) < (targets.least[child] ?? 0));
        if (over === undefined && under === undefined) break;
        settleOnce(layout, quotas, { children, over, under });
      }
    }
  }
}

interface Breach {
  readonly children: readonly number[];
  readonly over: number | undefined;
  readonly under: number | undefined;
}

function settleOnce(layout: Layout, quotas: Int32Array, { children, over, under }: Breach): void {
  const { counts, targets } = layout;
  const able = (child: number) => (counts[child] ?? 0) > (targets.least[child] ?? 0);
  const giver = over ?? fullest(layout, quotas, children.filter(able));
  const index = layout.indexOf(chooseGiver(layout, quotas, giver));
  layout.vacate(index);
  const parent = layout.topology.parents[giver] ?? 0;
  layout.place(index, chooseTaker(layout, quotas, under ?? parent));
}

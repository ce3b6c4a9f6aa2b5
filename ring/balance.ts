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

/**
 * A device inside `tier` for one more fragment of the loaded partition; the tier has room for it.
 */
function chooseTaker(layout: Layout, quotas: Int32Array, tier: number): number {
  const { counts, targets, topology } = layout;
  let at = tier;
  for (;;) {
    const children = topology.tiers[at]?.children ?? [];
    if (children.length === 0) return placeOf(layout, at);
    // The first bound that some child is below: what it must have, what is even, what it may have.
    const bounds = [targets.least, targets.even, targets.most];
    const takers = bounds
      .map((bound) => children.filter((child) => (counts[child] ?? 0) < (bound[child] ?? 0)))
      .find((below) => below.length > 0);
    invariant(takers !== undefined, 'a tier with room has a child with room');
    at = drawNeedy(layout, quotas, takers);
  }
}

/** One of sister tiers, drawn by what each lacks. */
function drawNeedy(layout: Layout, quotas: Int32Array, tiers: readonly number[]): number {
  const { counts, totals, owed } = layout;
  // What a tier lacks beyond what partitions owe it anyway; a little, so that none is impossible.
  const needs = tiers.map((tier) => {
    return Math.max((quotas[tier] ?? 0) - (totals[tier] ?? 0) - (owed[tier] ?? 0), 1e-3);
  });
  const sum = needs.reduce((total, need) => total + need, 0);
  let draw = tieDraw(layout.loaded, tiers[0] ?? 0, counts[0]) * sum;
  const drawn = needs.findIndex((need) => {
    draw -= need;
    return draw < 0;
  });
  const tier = tiers[drawn < 0 ? tiers.length - 1 : drawn];
  invariant(tier !== undefined, 'a tier with room has a child with room');
  return tier;
}

/**
 * A device inside `tier` that gives up its fragment of the loaded partition: the fullest that may.
 */
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
        if (over !== undefined) relieve(layout, quotas, over);
        else if (under !== undefined) supply(layout, quotas, under);
        else break;
      }
    }
  }
}

/** Takes one fragment of the loaded partition out of a tier above its most. */
function relieve(layout: Layout, quotas: Int32Array, over: number): void {
  const { counts, totals, targets } = layout;
  const takers = climb(layout, over, {
    able: (tier) => (counts[tier] ?? 0) < (targets.most[tier] ?? 0),
    // A tier that holds too much as a whole lets the fragment go further.
    pass: (tier) =>
      (counts[tier] ?? 0) > (targets.least[tier] ?? 0) && (totals[tier] ?? 0) > (quotas[tier] ?? 0),
  });
  layout.vacate(layout.indexOf(chooseGiver(layout, quotas, over)));
  placeVacated(layout, chooseTaker(layout, quotas, drawNeedy(layout, quotas, takers)));
}

/** Brings one fragment of the loaded partition into a tier below its least. */
function supply(layout: Layout, quotas: Int32Array, under: number): void {
  const { counts, totals, targets } = layout;
  const givers = climb(layout, under, {
    able: (tier) => (counts[tier] ?? 0) > (targets.least[tier] ?? 0),
    // A tier that holds too little as a whole gets the fragment from further away.
    pass: (tier) =>
      (counts[tier] ?? 0) < (targets.most[tier] ?? 0) && (totals[tier] ?? 0) < (quotas[tier] ?? 0),
  });
  const giver = chooseGiver(layout, quotas, fullest(layout, quotas, givers));
  layout.vacate(layout.indexOf(giver));
  placeVacated(layout, chooseTaker(layout, quotas, under));
}

function placeVacated(layout: Layout, place: number): void {
  layout.place(layout.indexOf(vacant), place);
}

interface Climb {
  /** Whether a tier can be the other end of the move. */
  readonly able: (tier: number) => boolean;
  /** Whether the move may, and should, cross the border of a tier around its first end. */
  readonly pass: (tier: number) => boolean;
}

/**
 * The able sisters of `tier`, or of the furthest tier around it up to which every border may be
 * crossed. To settle a partition from near and level its surroundings later would move twice.
 */
function climb(layout: Layout, tier: number, { able, pass }: Climb): readonly number[] {
  const { parents, tiers } = layout.topology;
  let found: readonly number[] = [];
  for (let at = tier; at !== 0; at = parents[at] ?? 0) {
    if (at !== tier && !pass(at)) break;
    const sisters = (tiers[parents[at] ?? 0]?.children ?? []).filter((child) => child !== at);
    const ables = sisters.filter(able);
    if (ables.length > 0) found = ables;
  }
  invariant(found.length > 0, 'a tier out of its bounds has a sister that can even it out');
  return found;
}

/**
 * How many fragments of a partition each failure domain should hold.
 *
 * Spread comes first, because it decides what survives the loss of a zone or a node: no domain
 * holds more of a partition than the even share among its sisters, rounded up. Within that, weights
 * decide. Spread yields only where it would give a device more than twice what its weight asks for
 * (a first small device in a new zone must not receive a fragment of everything).
 */
import { invariant } from '../base/invariant.ts';
import { tieHash } from './tie-hash.ts';
import { levels, type Topology } from './topology.ts';

export interface Targets {
  /** By tier: fragments a partition on average, with a fraction. */
  readonly mean: Float64Array;
  /**
   * By tier: the fewest and the most fragments that any one partition may have there. They hold the
   * even share of any count that the tier above may have, and `mean`, both rounded; they are no
   * tighter, because every tightening would move fragments and save nothing from a loss.
   */
  readonly least: Int32Array;
  readonly most: Int32Array;
  /** By tier: `mean` rounded up. New fragments go where it is not reached, if they can. */
  readonly even: Int32Array;
}

/** How far above its weight's share a device may be filled for the sake of spread: twice. */
const maxFill = 2;

/** Rounding of sums of doubles is far below this, differences of weight that matter far above. */
const epsilon = 1e-9;

/** The caller has checked that at least `width` devices have weight. */
export function computeTargets(topology: Topology, width: number): Targets {
  const { tiers } = topology;
  const fair = fairShares(topology, width);
  const mean = new Float64Array(tiers.length);
  const least = new Int32Array(tiers.length);
  const most = new Int32Array(tiers.length);
  mean[0] = width;
  least[0] = width;
  most[0] = width;
  for (const [tier, { children }] of tiers.entries()) {
    const shares = children.map((child) => fair[child] ?? 0);
    const rooms = children.map((child) => tiers[child]?.room ?? 0);
    const means = splitMean(mean[tier] ?? 0, shares, rooms);
    const fewest = splitEvenly(least[tier] ?? 0, rooms);
    const highest = splitEvenly(most[tier] ?? 0, rooms);
    for (const [i, child] of children.entries()) {
      const value = means[i] ?? 0;
      mean[child] = value;
      least[child] = Math.min(Math.floor(value + epsilon), fewest[i]?.floor ?? 0);
      most[child] = Math.max(Math.ceil(value - epsilon), highest[i]?.ceil ?? 0);
    }
  }
  const even = Int32Array.from(mean, (value) => Math.ceil(value - epsilon));
  return { mean, least, most, even };
}

/** By tier: what weight alone asks for, with no device holding two fragments of a partition. */
function fairShares(topology: Topology, width: number): Float64Array {
  const { devices, tiers, paths } = topology;
  const weights = devices.map((device) => device.weight);
  const ones = devices.map((device) => (device.weight > 0 ? 1 : 0));
  const none = devices.map(() => 0);
  const shares = pour(width, { base: none, weights, limits: ones });
  const fair = new Float64Array(tiers.length);
  for (const [i, tier] of paths.entries()) {
    fair[tier] = (fair[tier] ?? 0) + (shares[Math.floor(i / levels)] ?? 0);
  }
  return fair;
}

/** Splits a tier's mean over its children; `shares` and `rooms` are the children's. */
function splitMean(
  total: number,
  shares: readonly number[],
  rooms: readonly number[],
): readonly number[] {
  const none = shares.map(() => 0);
  // Partitions have either of two whole counts here. The bound of the mean lies between theirs,
  // so that it does not jump when a small change of weight takes the mean over a whole number.
  const low = Math.floor(total + epsilon);
  const lowEven = splitEvenly(low, rooms);
  const highEven = splitEvenly(low + 1, rooms);
  const high = Math.max(0, total - low);
  const fill = rooms.map((room, i) => Math.min(room, maxFill * (shares[i] ?? 0)));
  const spread = fill.map((limit, i) => {
    const bound = lowEven[i]?.ceil ?? 0;
    const rise = (highEven[i]?.ceil ?? 0) - bound;
    return Math.min(limit, bound + high * rise);
  });
  // Each step only takes what the one before it could not place.
  let base: readonly number[] = none;
  for (const limits of [spread, fill, rooms]) {
    base = pour(total, { base, weights: shares, limits });
  }
  return base;
}

/**
 * Splits a whole number of fragments as evenly as rooms allow; the fractions both rounded down and
 * up.
 */
function splitEvenly(
  count: number,
  rooms: readonly number[],
): readonly { readonly floor: number; readonly ceil: number }[] {
  const base = rooms.map(() => 0);
  const weights = rooms.map((room) => (room > 0 ? 1 : 0));
  return pour(count, { base, weights, limits: rooms }).map((value) => ({
    floor: Math.floor(value + epsilon),
    ceil: Math.ceil(value - epsilon),
  }));
}

interface Vessels {
  readonly base: readonly number[];
  readonly weights: readonly number[];
  readonly limits: readonly number[];
}

/**
 * Raises every base in proportion to its weight, none above its limit, until the sum is `total` or
 * all are full. A vessel without weight stays as it is.
 */
function pour(total: number, { base, weights, limits }: Vessels): readonly number[] {
  const result = [...base];
  const open = new Set(weights.flatMap((weight, i) => (weight > 0 ? [i] : [])));
  for (;;) {
    const rest = total - result.reduce((sum, value) => sum + value, 0);
    if (rest <= epsilon * 1e-3 || open.size === 0) return result;
    // Scaled by the largest, so that neither huge nor tiny weights overflow or vanish.
    let largest = 0;
    for (const i of open) largest = Math.max(largest, weights[i] ?? 0);
    let sum = 0;
    for (const i of open) sum += (weights[i] ?? 0) / largest;
    const full = [...open].filter((i) => {
      const share = (rest * ((weights[i] ?? 0) / largest)) / sum;
      return (result[i] ?? 0) + share >= (limits[i] ?? 0);
    });
    for (const i of full) {
      result[i] = Math.max(result[i] ?? 0, limits[i] ?? 0);
      open.delete(i);
    }
    if (full.length > 0) continue;
    for (const i of open) {
      result[i] = (result[i] ?? 0) + (rest * ((weights[i] ?? 0) / largest)) / sum;
    }
    return result;
  }
}

/**
 * By tier: the whole number of fragments it should hold of all 2^partitionPower partitions. Means
 * are rounded up where `totals` (what it holds now) is already above: rounding moves nothing.
 */
export function computeQuotas(
  topology: Topology,
  targets: Targets,
  now: { readonly partitions: number; readonly width: number; readonly totals: Int32Array },
): Int32Array {
  const { partitions, totals } = now;
  const quotas = new Int32Array(topology.tiers.length);
  quotas[0] = partitions * now.width;
  for (const [tier, { children }] of topology.tiers.entries()) {
    if (children.length === 0) continue;
    splitQuota(quotas[tier] ?? 0, children, { quotas, targets, totals, partitions });
  }
  return quotas;
}

interface QuotaSplit {
  readonly quotas: Int32Array;
  readonly targets: Targets;
  readonly totals: Int32Array;
  readonly partitions: number;
}

/** Fills in the children's quotas: each its exact share rounded down or up, together `quota`. */
function splitQuota(quota: number, children: readonly number[], split: QuotaSplit): void {
  const { quotas, targets, totals, partitions } = split;
  let rest = quota;
  const ranked = children.map((child) => {
    const exact = partitions * (targets.mean[child] ?? 0);
    const floor = Math.max(Math.floor(exact + epsilon), partitions * (targets.least[child] ?? 0));
    quotas[child] = floor;
    rest -= floor;
    const remainder = exact - floor > epsilon ? exact - floor : 0;
    return { child, remainder, sticky: remainder > 0 && (totals[child] ?? 0) > floor ? 1 : 0 };
  });
  ranked.sort(
    (a, b) =>
      b.sticky - a.sticky || b.remainder - a.remainder || tieHash(a.child, 1) - tieHash(b.child, 1),
  );
  for (const { child } of ranked) {
    if (rest <= 0) break;
    if ((quotas[child] ?? 0) >= partitions * (targets.most[child] ?? 0)) continue;
    quotas[child] = (quotas[child] ?? 0) + 1;
    rest--;
  }
  invariant(rest === 0, 'quotas of children add up to the quota of their parent');
}

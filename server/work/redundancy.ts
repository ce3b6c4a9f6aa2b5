/**
 * Which fragments of a stored body are where they belong, and rebuilding those that are not.
 * Used by the reconstructor (to repair) and by the reconciler (to count).
 */
import type { Clock } from '../../base/clock.ts';
import { invariant } from '../../base/invariant.ts';
import { fragmentIndex } from '../../base/units.ts';
import { unitLength } from '../../storage/erasure/stripe.ts';
import type { FragmentHeader, FragmentId } from '../../storage/fragment/fragment.ts';
import type { ClaimRow } from '../core/model.ts';
import { codeOf, type Home, type Placement, type Policy } from '../proxy/placement.ts';
import { readForRepair } from '../proxy/read.ts';

export interface Redundancy {
  readonly policy: Policy;
  readonly homes: readonly Home[];
  readonly stripes: number;
  /** Fragment indexes with at least one fragment missing from a home that is there. */
  readonly missing: readonly number[];
  /** Fragment indexes whose home is away: nothing can be said of them, and nothing written. */
  readonly away: readonly number[];
  readonly fragmentsNeeded: number;
  readonly fragmentsPresent: number;
}

function idsOf(claim: ClaimRow, index: number, stripes: number): FragmentId[] {
  const { objectId } = claim.stored;
  return Array.from({ length: stripes }, (_, stripe) => ({
    objectId,
    stripe,
    index: fragmentIndex(index),
  }));
}

/** Asks every home which of the body's fragments its index knows. */
export async function inspectClaim(placement: Placement, claim: ClaimRow): Promise<Redundancy> {
  const { stored } = claim;
  const policy = placement.policy(stored.policy);
  const homes = placement.homes(policy, stored.partition);
  const stripes = Math.ceil(stored.size / stored.stripeBytes);
  const missing: number[] = [];
  const away: number[] = [];
  let present = 0;
  for (const home of homes) {
    if (home.store === undefined) {
      away.push(home.index);
      continue;
    }
    const known = await home.store.has(idsOf(claim, home.index, stripes));
    const count = known.filter(Boolean).length;
    present += count;
    if (count < stripes) missing.push(home.index);
  }
  const fragmentsNeeded = stripes * homes.length;
  return { policy, homes, stripes, missing, away, fragmentsNeeded, fragmentsPresent: present };
}

/** Rebuilds the missing fragments of homes that are there; durable when it resolves. Returns how many were written. */
export async function rebuildClaim(clock: Clock, claim: ClaimRow, at: Redundancy): Promise<number> {
  let rebuilt = 0;
  const { stored } = claim;
  for (let stripe = 0; stripe < at.stripes; stripe++) {
    const lost: Home[] = [];
    for (const index of at.missing) {
      const home = at.homes[index];
      invariant(home?.store !== undefined, 'a missing fragment has a home that is there');
      const id = { objectId: stored.objectId, stripe, index: fragmentIndex(index) };
      const [known] = await home.store.has([id]);
      if (known !== true) lost.push(home);
    }
    if (lost.length === 0) continue;
    rebuilt += await rebuildStripe(clock, claim, { ...at, stripe, lost });
  }
  await Promise.all(at.missing.map(async (index) => at.homes[index]?.store?.commit()));
  return rebuilt;
}

async function rebuildStripe(
  clock: Clock,
  claim: ClaimRow,
  work: Redundancy & { readonly stripe: number; readonly lost: readonly Home[] },
): Promise<number> {
  const { stored } = claim;
  const { codec, scheme } = work.policy;
  const stripeLength = Math.min(stored.stripeBytes, stored.size - work.stripe * stored.stripeBytes);
  const wanted = work.lost.map((home) => home.index);
  const units = await readForRepair(work.homes, {
    stored,
    stripe: work.stripe,
    codec,
    unitLength: unitLength(stripeLength, scheme.k),
    wanted,
  });
  const rebuilt = await codec.reconstruct(units, wanted);
  const writes = work.lost.map(async (home, position) => {
    const unit = rebuilt[position];
    invariant(unit !== undefined, 'every wanted unit is rebuilt');
    const header: FragmentHeader = {
      objectId: stored.objectId,
      stripe: work.stripe,
      index: fragmentIndex(home.index),
      k: scheme.k,
      m: scheme.m,
      ...codeOf(scheme),
      stripeLength,
      unitLength: unit.length,
      containerId: claim.containerId,
      key: claim.key,
      createdAt: clock.now(),
    };
    await home.store?.append([{ header, unit }]);
  });
  await Promise.all(writes);
  return writes.length;
}

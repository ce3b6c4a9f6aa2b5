/**
 * Which fragments of a stored body are where they belong, and bringing those there that are not: copied
 * from where they were before, or rebuilt from the others. Used by the reconstructor, by the rebalancer,
 * and by the reconciler (to count).
 */
import { isStoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { fragmentIndex } from '../../base/units.ts';
import { unitLength } from '../../storage/erasure/stripe.ts';
import type { FragmentHeader, FragmentId, FragmentRead } from '../../storage/fragment/fragment.ts';
import type { ClaimRow, StoredBody } from '../core/model.ts';
import { codeOf, type Home, type Place, type Placement, type Policy } from '../proxy/placement.ts';
import { readForRepair } from '../proxy/repair-read.ts';
import { stripeLengthOf, stripesOf } from '../proxy/stripes.ts';
import { readUnit } from '../proxy/unit.ts';

/** A home that is there and lacks fragments. */
interface Lack {
  readonly home: Home;
  readonly stripes: ReadonlySet<number>;
}

export interface Redundancy {
  readonly policy: Policy;
  readonly homes: readonly Home[];
  readonly stripes: number;
  readonly lacks: readonly Lack[];
  /** Fragment indexes with at least one fragment missing from a home that is there, and from wherever it was before. */
  readonly missing: readonly number[];
  /** Fragment indexes whose home is away: nothing can be said of them, and nothing written. */
  readonly away: readonly number[];
  readonly fragmentsNeeded: number;
  /** At home, or where they were before. */
  readonly fragmentsPresent: number;
  readonly fragmentsHome: number;
}

/** The ids of one index over all stripes. */
export function idsOf({ objectId }: StoredBody, index: number, stripes: number): FragmentId[] {
  return Array.from({ length: stripes }, (_, stripe) => ({
    objectId,
    stripe,
    index: fragmentIndex(index),
  }));
}

/** Which of these the place holds; undefined when it does not answer. */
export async function heldAt(
  { store }: Place,
  ids: readonly FragmentId[],
): Promise<readonly boolean[] | undefined> {
  try {
    return await store?.has(ids);
  } catch (error) {
    if (isStoreError(error)) return undefined;
    throw error;
  }
}

/** Asks every home, and the places of before, which of the body's fragments their indexes know. */
export async function inspectClaim(
  placement: Pick<Placement, 'policy' | 'homesOf'>,
  claim: ClaimRow,
): Promise<Redundancy> {
  const { stored } = claim;
  const policy = placement.policy(stored.policy);
  const homes = placement.homesOf(stored);
  const stripes = stripesOf(stored);
  const states = await Promise.all(homes.map((home) => inspectHome(stored, home, stripes)));
  const sum = (pick: (state: HomeState) => number): number =>
    states.reduce((total, state) => total + pick(state), 0);
  return {
    ...{ policy, homes, stripes },
    lacks: states.flatMap(({ home, lacking }) =>
      lacking === undefined || lacking.length === 0 ? [] : [{ home, stripes: new Set(lacking) }],
    ),
    missing: states.flatMap(({ home, lacking, elsewhere }) =>
      lacking !== undefined && elsewhere < lacking.length ? [home.index] : [],
    ),
    away: states.flatMap(({ home, lacking }) => (lacking === undefined ? [home.index] : [])),
    fragmentsNeeded: stripes * homes.length,
    fragmentsPresent: sum(({ there, elsewhere }) => there + elsewhere),
    fragmentsHome: sum(({ there }) => there),
  };
}

interface HomeState {
  readonly home: Home;
  /** Undefined: the home does not answer. */
  readonly lacking: readonly number[] | undefined;
  /** Fragments at home. */
  readonly there: number;
  /** Fragments that are not at home, but where they were before. */
  readonly elsewhere: number;
}

async function inspectHome(stored: StoredBody, home: Home, stripes: number): Promise<HomeState> {
  const ids = idsOf(stored, home.index, stripes);
  const known = await heldAt(home, ids);
  let open = ids.filter((_, stripe) => known?.[stripe] !== true);
  const lacking = known === undefined ? undefined : open.map(({ stripe }) => stripe);
  const there = stripes - open.length;
  for (const place of home.others) {
    if (open.length === 0) break;
    const held = await heldAt(place, open);
    open = open.filter((_, i) => held?.[i] !== true);
  }
  return { home, lacking, there, elsewhere: stripes - there - open.length };
}

export interface Restored {
  /** Fragments. */
  readonly copied: number;
  readonly rebuilt: number;
  readonly bytesRead: number;
  readonly bytesWritten: number;
}

export interface RestoreContext {
  readonly placement: Pick<Placement, 'search'>;
  /** Told of the bytes of each stripe; resolves when the next one may be begun. */
  readonly pace?: ((bytes: number) => Promise<void>) | undefined;
}

/** Brings home what homes that are there lack; durable when it resolves. Throws `unavailable` or `corrupt` when a stripe cannot be rebuilt. */
export async function restoreClaim(
  context: RestoreContext,
  claim: ClaimRow,
  at: Redundancy,
): Promise<Restored> {
  const sums = { copied: 0, rebuilt: 0, bytesRead: 0, bytesWritten: 0 };
  for (let stripe = 0; stripe < at.stripes; stripe++) {
    const lost = at.lacks.filter((lack) => lack.stripes.has(stripe)).map(({ home }) => home);
    if (lost.length === 0) continue;
    const before = sums.bytesRead + sums.bytesWritten;
    await restoreStripe(context, claim, { ...at, stripe, lost, sums });
    await context.pace?.(sums.bytesRead + sums.bytesWritten - before);
  }
  await Promise.all(at.lacks.map(async ({ home }) => home.store?.commit()));
  return sums;
}

type StripeWork = Redundancy & {
  readonly stripe: number;
  readonly lost: readonly Home[];
  readonly sums: { copied: number; rebuilt: number; bytesRead: number; bytesWritten: number };
};

async function restoreStripe(
  context: RestoreContext,
  claim: ClaimRow,
  work: StripeWork,
): Promise<void> {
  const copies = await Promise.all(
    work.lost.map((home) => readElsewhere(claim.stored, home, work)),
  );
  const gone: Home[] = [];
  for (const [place, home] of work.lost.entries()) {
    const copy = copies[place];
    if (copy === undefined) {
      gone.push(home);
      continue;
    }
    await home.store?.append([{ header: copy.header, unit: copy.bytes }]);
    work.sums.copied++;
    work.sums.bytesRead += copy.bytes.length;
    work.sums.bytesWritten += copy.bytes.length;
  }
  if (gone.length > 0) await rebuildStripe(context, claim, { ...work, lost: gone });
}

/** The fragment from where it was before its home was its home. */
async function readElsewhere(
  stored: StoredBody,
  home: Home,
  work: StripeWork,
): Promise<FragmentRead | undefined> {
  const [first, ...others] = home.others;
  if (first === undefined) return undefined;
  const id = { objectId: stored.objectId, stripe: work.stripe, index: fragmentIndex(home.index) };
  const unit = unitLength(stripeLengthOf(stored, work.stripe), work.policy.scheme.k);
  const outcome = await readUnit({ ...first, index: home.index, others }, { id, unitLength: unit });
  return outcome.ok ? outcome.read : undefined;
}

async function rebuildStripe(
  { placement }: RestoreContext,
  claim: ClaimRow,
  work: StripeWork,
): Promise<void> {
  const { stored } = claim;
  const { stripe, lost, sums } = work;
  const { codec, scheme } = work.policy;
  const stripeLength = stripeLengthOf(stored, stripe);
  const wanted = lost.map((home) => home.index);
  const length = unitLength(stripeLength, scheme.k);
  const search = placement.search.bind(placement);
  const want = { stored, stripe, codec, unitLength: length, wanted };
  const { units, header: sister } = await readForRepair(work.homes, want, search);
  const gone = wanted.filter((index) => units[index] === undefined);
  const rebuilt = gone.length === 0 ? [] : await codec.reconstruct([...units], gone);
  const writes = lost.map(async (home) => {
    const unit = units[home.index] ?? rebuilt[gone.indexOf(home.index)];
    invariant(unit !== undefined, 'every wanted unit is rebuilt');
    const header: FragmentHeader = {
      objectId: stored.objectId,
      stripe,
      index: fragmentIndex(home.index),
      k: scheme.k,
      m: scheme.m,
      ...codeOf(scheme),
      stripeLength,
      unitLength: unit.length,
      containerId: claim.containerId,
      key: claim.key,
      createdAt: sister.createdAt,
    };
    await home.store?.append([{ header, unit }]);
  });
  await Promise.all(writes);
  sums.rebuilt += writes.length;
  sums.bytesRead += length * units.filter((unit) => unit !== undefined).length;
  sums.bytesWritten += length * writes.length;
}

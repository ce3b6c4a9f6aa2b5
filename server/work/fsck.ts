/**
 * Counts what is there by other means than repair, audit and rebalancing go by: every fragment that a
 * claim needs is read and verified, byte by byte, and every fragment that lies on a device is looked up
 * among the claims. Changes nothing.
 */
import type { Placement } from '../proxy/placement.ts';
import { stripeLengthOf, stripesOf } from '../proxy/stripes.ts';
import { readUnit } from '../proxy/unit.ts';
import type { ShardMap } from '../proxy/rows.ts';
import { unitLength } from '../../storage/erasure/stripe.ts';
import { fragmentIndex } from '../../base/units.ts';
import { ClaimWalk, findClaim } from './claims.ts';
import type { ServingDevice } from './device-walk.ts';
import type { ClaimRow } from '../core/model.ts';

export interface FsckReport {
  /** Of the shards that this process serves. */
  readonly bodies: number;
  readonly fragmentsNeeded: number;
  /** At home, and whole. */
  readonly fragmentsGood: number;
  /** Not at home, but whole where a former ring had them. */
  readonly fragmentsElsewhere: number;
  readonly fragmentsBad: number;
  readonly fragmentsMissing: number;
  /** Of devices that do not answer: nothing can be said of them. */
  readonly fragmentsUnknown: number;
  /** Bodies that cannot be read from what was found. */
  readonly bodiesLost: number;
  /** On the devices of this machine. */
  readonly fragmentsHere: number;
  /** Of these, that no claim needs: left by uploads that were given up, or about to be removed. */
  readonly fragmentsUnclaimed: number;
}

export interface FsckOptions {
  readonly placement: Placement;
  /** Those whose work is this process's. */
  readonly own: ShardMap;
  readonly all: ShardMap;
  readonly devices: () => readonly ServingDevice[];
}

type Counts = { -readonly [K in keyof FsckReport]: number };

const pageClaims = 64;
const pageFragments = 1000;

export async function fsck(options: FsckOptions): Promise<FsckReport> {
  const counts: Counts = {
    ...{ bodies: 0, fragmentsNeeded: 0, fragmentsGood: 0, fragmentsElsewhere: 0, fragmentsBad: 0 },
    ...{ fragmentsMissing: 0, fragmentsUnknown: 0, bodiesLost: 0 },
    ...{ fragmentsHere: 0, fragmentsUnclaimed: 0 },
  };
  const walk = new ClaimWalk(options.own, pageClaims);
  for (let page = await walk.next(); page !== undefined; page = await walk.next()) {
    for (const { row } of page) await countBody(options, row, counts);
  }
  for (const { store } of options.devices()) await countDevice(options, store, counts);
  return counts;
}

async function countBody(
  { placement }: FsckOptions,
  { stored }: ClaimRow,
  counts: Counts,
): Promise<void> {
  const { scheme, codec } = placement.policy(stored.policy);
  const homes = placement.homesOf(stored);
  let isLost = false;
  for (let stripe = 0; stripe < stripesOf(stored); stripe++) {
    const length = unitLength(stripeLengthOf(stored, stripe), scheme.k);
    const found: number[] = [];
    for (const home of homes) {
      const id = { objectId: stored.objectId, stripe, index: fragmentIndex(home.index) };
      const want = { id, unitLength: length };
      const atHome = await readUnit({ ...home, others: [] }, want);
      const outcome = atHome.ok || home.others.length === 0 ? atHome : await readUnit(home, want);
      counts.fragmentsNeeded++;
      if (outcome.ok) found.push(home.index);
      if (atHome.ok) counts.fragmentsGood++;
      else if (outcome.ok) counts.fragmentsElsewhere++;
      else if (outcome.reason === 'corrupt') counts.fragmentsBad++;
      else if (outcome.reason === 'missing') counts.fragmentsMissing++;
      else counts.fragmentsUnknown++;
    }
    const data = Array.from({ length: scheme.k }, (_, index) => index);
    if (codec.plan(found, data) === undefined) isLost = true;
  }
  counts.bodies++;
  if (isLost) counts.bodiesLost++;
}

async function countDevice(
  { all }: FsckOptions,
  store: ServingDevice['store'],
  counts: Counts,
): Promise<void> {
  let last: { readonly objectId: string; readonly isClaimed: boolean } | undefined;
  let page = await store.scan(undefined, pageFragments);
  while (page.length > 0) {
    for (const { objectId } of page) {
      if (last?.objectId !== objectId) {
        last = { objectId, isClaimed: (await findClaim(all, objectId)) !== undefined };
      }
      counts.fragmentsHere++;
      if (!last.isClaimed) counts.fragmentsUnclaimed++;
    }
    page = await store.scan(page.at(-1), pageFragments);
  }
}

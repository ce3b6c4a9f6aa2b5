/** Reads what a repair needs: whole verified units of one stripe, wherever they lie. */
import { StoreError } from '../../base/errors.ts';
import { fragmentIndex } from '../../base/units.ts';
import type { Codec } from '../../storage/erasure/codec.ts';
import type { FragmentHeader, FragmentId } from '../../storage/fragment/fragment.ts';
import type { StoredBody } from '../core/model.ts';
import type { Home, Placement } from './placement.ts';
import { type NoUnit, readUnit } from './unit.ts';

/** What a repair reads for: units `wanted` of one stripe. */
export interface RepairRead {
  readonly stored: StoredBody;
  readonly stripe: number;
  readonly codec: Codec;
  readonly unitLength: number;
  /** Ascending fragment indexes. */
  readonly wanted: readonly number[];
}

export interface RepairUnits {
  /** By fragment index; undefined where none was read. */
  readonly units: readonly (Uint8Array | undefined)[];
  /** Of any of them: what it says of the body holds for all. */
  readonly header: FragmentHeader;
}

/**
 * Those units that the codec asks for to give the wanted ones. A unit that turns out bad is planned
 * around; where that leaves too few, every device is asked, also for the wanted ones themselves. Throws `unavailable` or `corrupt` when
 * too few can be had.
 */
export async function readForRepair(
  homes: readonly Home[],
  want: RepairRead,
  search: Placement['search'],
): Promise<RepairUnits> {
  const units: (Uint8Array | undefined)[] = homes.map(() => undefined);
  const failed = new Map<number, NoUnit>();
  let header: FragmentHeader | undefined;
  let usable = homes.filter((home) => !want.wanted.includes(home.index) && isThere(home));
  let isSearched = false;
  for (;;) {
    const plan = want.codec.plan(
      usable.map((home) => home.index),
      want.wanted,
    );
    // A wanted one that was found somewhere is what it is wanted for.
    const needed = new Set([...(plan ?? []), ...want.wanted]);
    const unread = usable.filter(({ index }) => needed.has(index) && units[index] === undefined);
    if (plan !== undefined && unread.length === 0 && header !== undefined) return { units, header };
    if (plan === undefined) {
      if (isSearched) throw tooFewForRepair(want, usable.length, homes, failed);
      isSearched = true;
      usable = [...usable, ...(await searched(homes, { want, usable, search }))];
      usable.sort((a, b) => a.index - b.index);
      continue;
    }
    const outcomes = await Promise.all(
      unread.map((home) => readUnit(home, { id: idOf(want, home), unitLength: want.unitLength })),
    );
    for (const [place, outcome] of outcomes.entries()) {
      const home = unread[place];
      if (home === undefined) continue;
      if (outcome.ok) {
        units[home.index] = outcome.read.bytes;
        header ??= outcome.read.header;
      } else {
        failed.set(home.index, outcome.reason);
        usable = usable.filter((other) => other !== home);
      }
    }
  }
}

function isThere({ store, others }: Home): boolean {
  return store !== undefined || others.some((place) => place.store !== undefined);
}

function idOf({ stored, stripe }: RepairRead, { index }: Home): FragmentId {
  return { objectId: stored.objectId, stripe, index: fragmentIndex(index) };
}

/** Other places of units that are not usable where they belong. */
async function searched(
  homes: readonly Home[],
  by: {
    readonly want: RepairRead;
    readonly usable: readonly Home[];
    readonly search: Placement['search'];
  },
): Promise<readonly Home[]> {
  const lost = homes.filter((home) => !by.usable.includes(home));
  const places = await by.search(lost.map((home) => idOf(by.want, home)));
  return lost.flatMap(({ index }, i) => {
    const place = places[i];
    return place === undefined ? [] : [{ ...place, index, others: [] }];
  });
}

function tooFewForRepair(
  want: RepairRead,
  good: number,
  homes: readonly Home[],
  failed: ReadonlyMap<number, NoUnit>,
): StoreError {
  const isAway =
    homes.some((home) => !isThere(home)) || [...failed.values()].some((one) => one === 'away');
  return new StoreError(
    isAway ? 'unavailable' : 'corrupt',
    'body.repair',
    `stripe ${want.stripe} of ${want.stored.objectId} has ${good} good fragments, too few to rebuild ${want.wanted.join(', ')}`,
  );
}

/** Reads one unit of a stripe wherever it may lie: at its home, and where it was before. */
import { isStoreError, toStoreError } from '../../base/errors.ts';
import type { FragmentId, FragmentRead } from '../../storage/fragment/fragment.ts';
import type { Home, Place } from './placement.ts';

export interface UnitWant {
  readonly id: FragmentId;
  /** Of the whole unit; one of another length counts as bad. */
  readonly unitLength: number;
  /** Undefined: all of it. */
  readonly range?: { readonly offset: number; readonly length: number } | undefined;
}

/** Why there is no unit: a device that may have it does not answer; all that were found are bad; nobody has it. */
export type NoUnit = 'away' | 'corrupt' | 'missing';

export type UnitOutcome =
  | { readonly ok: true; readonly read: FragmentRead }
  | { readonly ok: false; readonly reason: NoUnit };

/** `onCorrupt` is told of each place where the unit is bad. Verified bytes, or why there are none. */
export async function readUnit(
  home: Home,
  want: UnitWant,
  onCorrupt: (place: Place) => void = () => undefined,
): Promise<UnitOutcome> {
  const met = new Set<NoUnit>();
  // At home once more after all others: it may have come there meanwhile.
  const places = home.others.length === 0 ? [home] : [home, ...home.others, home];
  for (const place of places) {
    const found = await readAt(place, want);
    if (typeof found !== 'string') return { ok: true, read: found };
    if (found === 'corrupt') onCorrupt(place);
    met.add(found);
  }
  const reason = met.has('away') ? 'away' : met.has('corrupt') ? 'corrupt' : 'missing';
  return { ok: false, reason };
}

async function readAt({ store }: Place, want: UnitWant): Promise<FragmentRead | NoUnit> {
  if (store === undefined) return 'away';
  try {
    const read = await store.read(want.id, want.range);
    if (read === undefined) return 'missing';
    return read.header.unitLength === want.unitLength ? read : 'corrupt';
  } catch (error) {
    if (!isStoreError(error)) throw toStoreError(error, 'body.read');
    return error.kind === 'corrupt' ? 'corrupt' : 'away';
  }
}

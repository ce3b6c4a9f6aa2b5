/** What writes that are under way will add to a container in pieces that has a quota, noted at its first piece (decision 0026). */
import { liveReservations, RESERVED_MILLIS, type ReservedRow } from '../../account/reservation.ts';
import type { Commands } from '../../commands.ts';
import type { Id } from '../../model.ts';
import { quotaOf, type Sums } from '../../quota/quota.ts';
import type { Commit } from '../commit.ts';

type Args<N extends keyof Commands> = Commands[N]['args'];

export function reserveInContainer(
  commit: Commit,
  args: Args<'container.reserve'>,
): Commands['container.reserve']['result'] {
  const { containerId, id, bytes, objects } = args;
  const { settings } = commit.container(containerId);
  const others = othersThan(commit, containerId, id);
  const until = commit.nowMillis + RESERVED_MILLIS;
  const own = { bytes: Math.max(0, bytes), objects: Math.max(0, objects), until };
  put(commit, containerId, { ...Object.fromEntries(others), [id]: own });
  const sums = others.reduce<Sums>(
    (sum, [, one]) => ({ bytes: sum.bytes + one.bytes, objects: sum.objects + one.objects }),
    { bytes: 0, objects: 0 },
  );
  return { quota: quotaOf(settings), others: sums };
}

export function releaseInContainer(commit: Commit, args: Args<'container.release'>): null {
  const { containerId, id } = args;
  if (commit.view.get('reserved', { containerId })?.reserved[id] === undefined) return null;
  put(commit, containerId, Object.fromEntries(othersThan(commit, containerId, id)));
  return null;
}

function othersThan(
  commit: Commit,
  containerId: Id,
  id: Id,
): readonly [Id, ReservedRow['reserved'][Id]][] {
  const row = commit.view.get('reserved', { containerId });
  return liveReservations(row?.reserved, commit.nowMillis).filter(([other]) => other !== id);
}

function put(commit: Commit, containerId: Id, reserved: ReservedRow['reserved']): void {
  const key = { containerId };
  const isEmpty = Object.keys(reserved).length === 0;
  if (isEmpty) commit.change({ type: 'delete', table: 'reserved', key });
  else commit.change({ type: 'put', table: 'reserved', key, row: { reserved } });
}

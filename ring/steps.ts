/**
 * A change of a ring goes in steps: each takes over some partitions of the ring that is to be reached,
 * the others stay. So few partitions have two sets of homes at a time, and a change that is given up, or
 * overtaken by another, leaves a whole ring at any moment.
 */
import { invariant } from '../base/invariant.ts';
import { fragmentIndex, partition, type DeviceId } from '../base/units.ts';
import type { Ring, RingDevice, RingMove } from './ring.ts';

/** The fragments that have other homes in `after`. Both have one width and one partition power. */
export function movesBetween(before: Ring, after: Ring): readonly RingMove[] {
  checkSameShape(before, after);
  const moves: RingMove[] = [];
  for (const [index, row] of after.assignment.entries()) {
    const old = before.assignment[index];
    for (const [p, place] of row.entries()) {
      const from = before.devices[old?.[p] ?? -1]?.id;
      const to = after.devices[place]?.id;
      invariant(from !== undefined && to !== undefined, 'every fragment has a home in both rings');
      if (from === to) continue;
      moves.push({ partition: partition(p), index: fragmentIndex(index), from, to });
    }
  }
  return moves;
}

/** Whether they name the same homes, and the same devices with the same weights. */
export function isReached(ring: Ring, goal: Ring): boolean {
  return (
    JSON.stringify(ring.devices) === JSON.stringify(goal.devices) &&
    movesBetween(ring, goal).length === 0
  );
}

/**
 * The next ring on the way from `ring` to `goal`, under the next version: the first partitions, by number,
 * whose homes differ, until that are `mostMoves` fragments (a partition goes whole, and at least one
 * goes). Where nothing is left to move it is `goal` under that version.
 */
export function nextStep(ring: Ring, goal: Ring, mostMoves: number): Ring {
  const version = ring.version + 1;
  const taken = firstPartitions(movesBetween(ring, goal), mostMoves);
  if (taken === 'all') return { ...goal, version };
  const devices = unitedDevices(ring, goal);
  const placeOf = new Map<DeviceId, number>(devices.map(({ id }, place) => [id, place]));
  const translate = ({ devices: own }: Ring): readonly number[] =>
    own.map(({ id }) => placeOf.get(id) ?? -1);
  const fromRing = translate(ring);
  const fromGoal = translate(goal);
  const assignment = ring.assignment.map((row, index) =>
    row.map((place, p) => {
      const next = goal.assignment[index]?.[p] ?? -1;
      return (taken.has(p) ? fromGoal[next] : fromRing[place]) ?? -1;
    }),
  );
  return { ...ring, version, devices, assignment };
}

function firstPartitions(moves: readonly RingMove[], most: number): ReadonlySet<number> | 'all' {
  const counts = new Map<number, number>();
  for (const { partition: p } of moves) counts.set(p, (counts.get(p) ?? 0) + 1);
  const taken = new Set<number>();
  let moved = 0;
  for (const p of [...counts.keys()].sort((a, b) => a - b)) {
    moved += counts.get(p) ?? 0;
    if (taken.size > 0 && moved > most) return taken;
    taken.add(p);
  }
  return 'all';
}

/** As the goal weighs them; those that it leaves out weigh nothing any more, and stay until the last step. */
function unitedDevices(ring: Ring, goal: Ring): readonly RingDevice[] {
  const wanted = new Set(goal.devices.map(({ id }) => id));
  const leaving = ring.devices
    .filter(({ id }) => !wanted.has(id))
    .map((device) => ({ ...device, weight: 0 }));
  return [...goal.devices, ...leaving].sort((a, b) => a.id - b.id);
}

function checkSameShape(a: Ring, b: Ring): void {
  invariant(
    a.width === b.width && a.partitionPower === b.partitionPower,
    'a ring keeps its width and its partitions for good',
  );
}

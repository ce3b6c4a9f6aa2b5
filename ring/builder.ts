import { StoreError } from '../base/errors.ts';
import type { DeviceId } from '../base/units.ts';
import { balance } from './balance.ts';
import { Layout, vacant } from './layout.ts';
import type { Ring, RingDevice, RingMove } from './ring.ts';
import { movesBetween } from './steps.ts';
import { computeQuotas, computeTargets } from './targets.ts';
import { buildTopology } from './topology.ts';

/** k + m of the widest scheme. */
export const maxWidth = 22;
export const maxPartitionPower = 20;

export interface RingPlan {
  readonly devices: readonly RingDevice[];
  /** Fragments a partition: k + m. */
  readonly width: number;
  readonly partitionPower: number;
}

export interface Rebalanced {
  readonly ring: Ring;
  readonly moves: readonly RingMove[];
}

/**
 * Version 1 of a ring. Equal plans give equal rings, in whatever order the devices are listed.
 * Throws StoreError `invalid-argument` when fewer devices have weight than the width asks for.
 */
export function buildRing({ devices, width, partitionPower }: RingPlan): Ring {
  checkWithin('width', width, maxWidth);
  checkWithin('partition power', partitionPower, maxPartitionPower);
  const rows = Array.from({ length: width }, () => {
    return new Uint16Array(2 ** partitionPower).fill(vacant);
  });
  return assign(devices, rows, { version: 1, partitionPower });
}

/**
 * The ring's next version, on these devices: all that is to be in it, not only what changed.
 * Fragments move only where a device was removed or drained, or where weights or spread ask for
 * it. A fragment keeps its index. Throws like `buildRing`; the old ring is not changed.
 */
export function rebalance(ring: Ring, devices: readonly RingDevice[]): Rebalanced {
  // Bound to positions that change with the list: translate through the ids.
  const { devices: sorted } = buildTopology(devices);
  const placeById = new Map<DeviceId, number>(
    sorted.flatMap(({ id, weight }, place) => (weight > 0 ? [[id, place]] : [])),
  );
  const translation = ring.devices.map(({ id }) => placeById.get(id) ?? vacant);
  const rows = ring.assignment.map((row) => row.map((place) => translation[place] ?? vacant));
  const { partitionPower } = ring;
  const next = assign(devices, rows, { version: ring.version + 1, partitionPower });
  return { ring: next, moves: movesBetween(ring, next) };
}

/** Completes `rows`, which it owns from now on. */
function assign(
  devices: readonly RingDevice[],
  rows: readonly Uint16Array[],
  { version, partitionPower }: Pick<Ring, 'version' | 'partitionPower'>,
): Ring {
  const width = rows.length;
  const topology = buildTopology(devices);
  const room = topology.tiers[0]?.room ?? 0;
  if (room < width) {
    throw new StoreError(
      'invalid-argument',
      'ring.build',
      `${width} fragments need ${width} devices with weight; there are ${room}`,
      { detail: { width, devices: room } },
    );
  }
  const targets = computeTargets(topology, width);
  const layout = new Layout(topology, targets, rows);
  const { partitions, totals } = layout;
  balance(layout, computeQuotas(topology, targets, { partitions, width, totals }));
  return { version, partitionPower, width, devices: topology.devices, assignment: rows };
}

function checkWithin(name: string, value: number, most: number): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  const sentence = `the ${name} of a ring is a whole number from 1 to ${most}, not ${value}`;
  throw new StoreError('invalid-argument', 'ring.build', sentence);
}

/** What an operator reads of a change before it is made, and while it goes on. */
import { movesBetween } from '../../ring/steps.ts';
import type { DomainLevel, Tolerances } from '../../ring/tolerance.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import type { Policy } from '../proxy/placement.ts';
import { desiredDevices } from './desired.ts';
import type { ChangePlan, DevicePlan, PolicyPlan } from './plan.ts';
import type { Rebalancer } from './rebalancer.ts';

const levels: readonly DomainLevel[] = ['device', 'node', 'zone', 'region'];

export function describePlan({ policies, refusals }: ChangePlan): string {
  const parts = policies.map(describePolicy);
  if (refusals.length > 0) parts.push(`Refused: ${refusals.join('\n')}`);
  return parts.join('\n\n');
}

function describePolicy(plan: PolicyPlan): string {
  const { policy, scheme, moves, fragments, devices, before, after } = plan;
  const name = policy === scheme ? policy : `${policy} (${scheme})`;
  return [
    `policy ${name}: ${moves} of ${fragments} fragments move (${percent(moves, fragments)})`,
    `  survives the loss of any ${toleranceText(before)} now`,
    `  survives the loss of any ${toleranceText(after)} afterwards, and never less than the lesser of both on the way`,
    ...table([['device', 'weight', 'before', 'after', 'arriving', 'leaving'], ...rowsOf(devices)]),
  ].join('\n');
}

function toleranceText(tolerances: Tolerances): string {
  return levels
    .map((level) => `${tolerances[level]} ${level}${tolerances[level] === 1 ? '' : 's'}`)
    .join(', or ');
}

function rowsOf(devices: readonly DevicePlan[]): readonly (readonly string[])[] {
  return devices.map(({ device, path, weight, before, after, arriving, leaving }) => [
    `${device} (${path})`,
    ...[weight, before, after, arriving, leaving].map(String),
  ]);
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  }
  return rows.map((row) =>
    `  ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join('  ')}`.trimEnd(),
  );
}

export function describeProgress(
  policies: readonly Policy[],
  map: ClusterMap,
  { sums }: Pick<Rebalancer, 'sums'>,
): string {
  const lines = policies.map(({ name, ring, former, goal, line }) => {
    const isWaiting = desiredDevices(goal ?? ring, map) !== undefined;
    const left = goal === undefined ? 0 : movesBetween(ring, goal).length;
    const state =
      former.length === 0 && goal === undefined
        ? `settled${isWaiting ? ', waiting for the next change' : ''}`
        : `changing: ${left} fragments of partitions are to move in further steps, ${former.length} former rings are read${line.isClosing === true ? ', the last count is under way' : ''}`;
    return `policy ${name}, ring version ${ring.version}: ${state}`;
  });
  for (const { id, path, isLeaving } of map.devices) {
    if (isLeaving === true) lines.push(`device ${id} (${path}) leaves when nothing needs it`);
  }
  const { moved, rebuilt, cleared, bytes } = sums;
  lines.push(
    `This process since its start: ${moved} fragments moved, ${rebuilt} rebuilt, ${cleared} removed at former homes, ${bytes} bytes read and written for it`,
  );
  return lines.join('\n');
}

function percent(part: number, whole: number): string {
  return `${((100 * part) / Math.max(1, whole)).toFixed(1)} %`;
}

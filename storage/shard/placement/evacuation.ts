/** How a shard's replicas leave devices that are to hold nothing any more, with never fewer copies than before. Pure. */
import type { DeviceId } from '../../../base/units.ts';
import type { ClusterMap } from '../coordinator.ts';
import { chooseReplacement } from './replacement.ts';
import type { ShardState } from '../shard.ts';

/** `join`: one more replica, copied from the primary. `hand-over`: another becomes primary. `leave`: the replica goes. */
export type EvacuationStep =
  | { readonly type: 'join'; readonly from: DeviceId; readonly device: DeviceId }
  | { readonly type: 'hand-over' | 'leave'; readonly from: DeviceId };

export interface EvacuationView {
  readonly map: ClusterMap;
  readonly state: ShardState;
  readonly inSync: ReadonlySet<DeviceId>;
  readonly primary: DeviceId;
  /** Replicas that the shard should have. */
  readonly wanted: number;
  readonly healthy: (device: DeviceId) => boolean;
}

/** Undefined when nothing is to be done, or can be done now: a replica that is missing comes first. */
export function nextEvacuation(view: EvacuationView): EvacuationStep | undefined {
  const { map, state, inSync, primary, wanted, healthy } = view;
  const weights = new Map(map.devices.map(({ id, weight }) => [id, weight]));
  const drained = state.replicas.filter((id) => (weights.get(id) ?? 0) === 0);
  // The primary last: it copies for the others.
  const from = drained.find((id) => id !== primary) ?? drained[0];
  if (!state.replicas.every((id) => inSync.has(id))) return undefined;
  if (from === undefined) {
    // One that came for a merge that came to nothing.
    const isSurplus = state.replicas.length > wanted && state.joins === undefined;
    const last = state.replicas.findLast((id) => id !== primary);
    return isSurplus && last !== undefined ? { type: 'leave', from: last } : undefined;
  }
  if (state.replicas.length <= wanted) {
    const device = chooseReplacement(map, state, from, healthy);
    return device === undefined ? undefined : { type: 'join', from, device };
  }
  return { type: from === primary ? 'hand-over' : 'leave', from };
}

/** The replicas after it, the first to stand for primary first. */
export function replicasAfter(
  replicas: readonly DeviceId[],
  step: EvacuationStep,
): readonly DeviceId[] {
  const staying = replicas.filter((id) => id !== step.from);
  switch (step.type) {
    case 'join':
      return [...staying, step.device, step.from];
    case 'hand-over':
      return [...staying, step.from];
    case 'leave':
      return staying;
  }
}

/** Rules of a shard's in-sync set, and what is answered where they do not hold. */
import { StoreError } from '../../../base/errors.ts';
import { type ShardId, epoch as toEpoch } from '../../../base/units.ts';
import type { ShardState } from '../shard.ts';

/** Fewer replicas in sync than this acknowledge nothing. */
export function minInSync(state: ShardState): number {
  return Math.min(2, state.replicas.length);
}

/** The state in which nobody serves the shard, and any in-sync replica may. */
export function releasedState({ session: _session, ...state }: ShardState): ShardState {
  return { ...state, epoch: toEpoch(state.epoch + 1) };
}

/** Another machine may serve the shard now. Nothing was done. */
export function notServing(shard: ShardId): StoreError {
  return new StoreError('stale-epoch', 'shard', 'this node may not serve the shard now', {
    detail: { shard },
  });
}

export function unavailable(
  message: string,
  detail: StoreError['detail'],
  cause?: StoreError,
): StoreError {
  return new StoreError('unavailable', 'shard.execute', message, { detail, cause });
}

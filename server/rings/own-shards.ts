import { isStoreError } from '../../base/errors.ts';
import type { ShardId } from '../../base/units.ts';
import type { ShardGroup } from '../../storage/shard/group.ts';
import type { ShardPrimary } from '../../storage/shard/primary/primary.ts';
import type { Shard } from '../../storage/shard/shard.ts';

/** A shard whose background work is this process's, for as long as one primary serves it. */
export interface OwnShard {
  readonly id: ShardId;
  /** As it is served here, never forwarded. */
  readonly shard: Shard;
  /** Whether it still is: nobody else may have taken the shard over then. */
  isHeld(): boolean;
  /** Resolves when every commit that was decided before can be read. */
  settle(): Promise<void>;
}

export function ownShards(group: ShardGroup): readonly OwnShard[] {
  return group.served().flatMap((served) => {
    const { id, primary } = served;
    // What a shard holds that owns nothing yet is counted where it is still owned.
    if (primary === undefined || primary.state.takesFrom !== undefined) return [];
    const isHeld = (): boolean => served.primary === primary && holds(primary);
    return [{ id, shard: served, isHeld, settle: () => primary.settleAll() }];
  });
}

function holds(primary: ShardPrimary): boolean {
  try {
    primary.checkLease();
    return primary.stopped === undefined;
  } catch (error) {
    if (isStoreError(error)) return false;
    throw error;
  }
}

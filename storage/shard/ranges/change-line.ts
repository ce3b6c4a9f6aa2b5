import { epoch as toEpoch } from '../../../base/units.ts';
import type { Coordinator } from '../coordinator.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import type { ShardState } from '../shard.ts';

/** Writes what `change` makes of a shard's line to the map, under the next epoch. Errors: as `ShardPrimary.reshape`. */
export async function changeLine(
  primary: ShardPrimary,
  coordinator: Coordinator,
  change: (line: ShardState) => ShardState,
): Promise<void> {
  await primary.reshape(async (line) => {
    const next = { ...change(line), epoch: toEpoch(line.epoch + 1) };
    await coordinator.updateShard(next.id, next);
    return next;
  });
}

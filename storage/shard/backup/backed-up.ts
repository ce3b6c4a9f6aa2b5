/** What a primary holds now is to be in its shard's backup, before something comes to depend on it that survives when all replicas are lost. */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { Sequence } from '../../../base/units.ts';
import type { ShardPrimary } from '../primary/primary.ts';

/** What outlives the loss of all replicas of shards served here. Undefined where nothing does. */
export interface Backups {
  /** Whether all commits of the primary come into its backup as they are made. */
  follows(primary: ShardPrimary): boolean;
  /** Whether those up to `last` are stored there; where not, that is done next. */
  has(primary: ShardPrimary, last: Sequence): boolean;
}

/** It is waited for so long, and looked for so often. */
const backupMillis = 60_000;
const lookMillis = 100;

export class BackupWait {
  readonly #of: {
    readonly backups: Backups | undefined;
    readonly clock: Clock;
    readonly op: string;
  };
  /** The last commit that is to be there, and until when it is waited for. */
  #wanted: { readonly last: Sequence; readonly until: number } | undefined;

  constructor(of: {
    readonly backups: Backups | undefined;
    readonly clock: Clock;
    readonly op: string;
  }) {
    this.#of = of;
  }

  /** Whether all that the primary held at the first call is there by now; looks again after a moment. Throws `unavailable` when it does not come. */
  async isOver(primary: ShardPrimary): Promise<boolean> {
    const { backups, clock, op } = this.#of;
    if (backups === undefined) return true;
    const now = clock.monotonic();
    this.#wanted ??= { last: primary.settled, until: now + backupMillis };
    if (backups.has(primary, this.#wanted.last)) return true;
    if (now >= this.#wanted.until) {
      throw new StoreError('unavailable', op, 'the backup does not come to what was copied');
    }
    await clock.sleep(lookMillis);
    return false;
  }
}

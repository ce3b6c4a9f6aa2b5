/**
 * What lies under one id and is too large for one shard is divided within its shard first, by whoever understands rows (decision 0036):
 * then the shard can be split between both ids.
 */
import type { ShardPrimary } from '../primary/primary.ts';

export interface Division {
  readonly primary: ShardPrimary;
  readonly id: string;
  /** The other id, of the same shard. */
  readonly into: string;
  /** How long commands waited at most. */
  readonly heldMillis: number;
  /** Does the next piece of work; true when nothing is left to do. Any rejection leaves it as far as it is. */
  step(): Promise<boolean>;
}

export interface Divider {
  /** What was begun in the shard and is not over: until then the shard must not be split. */
  begun(primary: ShardPrimary): Promise<Division | undefined>;
  /** Begins to divide what lies under the id. Throws `conflict` when it cannot be parted. */
  begin(primary: ShardPrimary, id: string): Promise<Division>;
  /** Whether it is large enough to be worth it. */
  isWorthwhile(primary: ShardPrimary, id: string): boolean;
}

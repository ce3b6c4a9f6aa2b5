/**
 * Merges shards whose primary is here into those before them. What is to be merged stands in the map (`joins`), so that
 * whoever serves the shard next goes on with it. Both primaries must be in one process: the shard
 * that is to go is handed to the machine of the other one first.
 */
import type { Clock } from '../../../base/clock.ts';
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { DeviceId, ShardId } from '../../../base/units.ts';
import { type ClusterMap, type Coordinator, holderLives, shardIn } from '../coordinator.ts';
import type { ShardGroup } from '../group.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import type { ShardState, StateMachine } from '../shard.ts';
import { changeLine } from './change-line.ts';
import type { Backups } from '../backup/backed-up.ts';
import { Merge, shardBefore } from './merge.ts';

export interface MergerOptions {
  readonly group: ShardGroup;
  readonly coordinator: Coordinator;
  readonly stateMachine: StateMachine;
  readonly backups?: Backups | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface MergeRequest {
  readonly shard: ShardId;
}

interface Order extends MergeRequest {
  readonly done: () => void;
  readonly failed: (error: StoreError) => void;
}

export type MergerJob =
  | { readonly type: 'mark'; readonly order: Order }
  | { readonly type: 'gather'; readonly source: ShardPrimary; readonly target: ShardState }
  | { readonly type: 'step'; readonly merge: Merge }
  | { readonly type: 'give-up'; readonly source: ShardPrimary };

/** A shard is handed on at most so often: each time its commands wait for a new primary. */
const gatherMillis = 10_000;
/** What has not come about for so long is given up. */
const patienceMillis = 600_000;

export class ShardMerger {
  readonly #options: MergerOptions;
  /** Those that are not in the map yet, and those that are. */
  readonly #orders: Order[] = [];
  #marked: Order[] = [];
  #merge: Merge | undefined;
  /** Since when a shard is seen here that is to be merged, and when it was last handed on. */
  readonly #since = new Map<ShardId, number>();
  readonly #gatheredAt = new Map<ShardId, number>();

  constructor(options: MergerOptions) {
    this.#options = options;
  }

  /** Resolves when the shard is no more; rejects when it stays: it may be asked for again. */
  request(request: MergeRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#orders.push({ ...request, done: resolve, failed: reject });
    });
  }

  next(): MergerJob | undefined {
    this.#answer();
    if (this.#merge !== undefined) return { type: 'step', merge: this.#merge };
    const order = this.#orders.shift();
    if (order !== undefined) return { type: 'mark', order };
    const map = this.#options.coordinator.current();
    for (const line of map.shards) {
      const job = line.joins === undefined ? undefined : this.#jobFor(map, line, line.joins);
      if (job !== undefined) return job;
    }
    return undefined;
  }

  /** Tells those who asked what the map says of it. */
  #answer(): void {
    const map = this.#options.coordinator.current();
    this.#marked = this.#marked.filter((order) => {
      const line = shardIn(map, order.shard);
      if (line?.joins !== undefined) return true;
      if (line === undefined) order.done();
      else order.failed(new StoreError('unavailable', 'shard.merge', 'it was given up'));
      return false;
    });
    for (const id of this.#since.keys()) {
      if (shardIn(map, id)?.joins === undefined) this.#since.delete(id);
    }
  }

  #jobFor(map: ClusterMap, line: ShardState, into: ShardId): MergerJob | undefined {
    const { group, clock } = this.#options;
    const source = this.#primaryOf(line.id);
    if (source === undefined) return undefined;
    const now = clock.monotonic();
    const since = this.#since.get(line.id) ?? now;
    this.#since.set(line.id, since);
    const target = shardIn(map, into);
    const isLate = now - since >= patienceMillis;
    if (target === undefined || isLate || whyNot(map, line.id, into) !== undefined) {
      return { type: 'give-up', source };
    }
    const other = group.find(into)?.primary;
    if (other === undefined) {
      const isDue = now - (this.#gatheredAt.get(line.id) ?? -gatherMillis) >= gatherMillis;
      return isDue && holderLives(map, target) ? { type: 'gather', source, target } : undefined;
    }
    // What former changes left there is deleted first.
    if (source.state.untrimmed === true || other.state.untrimmed === true) return undefined;
    if (this.#options.backups?.follows(other) === false) return undefined;
    this.#merge = new Merge({ ...this.#options, source, target: other });
    return { type: 'step', merge: this.#merge };
  }

  #primaryOf(id: ShardId): ShardPrimary | undefined {
    return this.#options.group.find(id)?.primary;
  }

  async run(job: MergerJob): Promise<void> {
    switch (job.type) {
      case 'mark':
        return this.#mark(job.order);
      case 'gather':
        return this.#gather(job.source, job.target);
      case 'give-up':
        return this.#setJoins(job.source, undefined);
      case 'step':
        return this.#step(job.merge);
    }
  }

  async #mark(order: Order): Promise<void> {
    try {
      const map = this.#options.coordinator.current();
      const source = this.#primaryOf(order.shard);
      if (source === undefined) {
        throw new StoreError('unavailable', 'shard.merge', 'the shard is not served here');
      }
      const into = shardBefore(map.shards, order.shard);
      const reason = into === undefined ? 'none lies before it' : whyNot(map, order.shard, into);
      if (reason !== undefined) throw new StoreError('conflict', 'shard.merge', reason);
      if (shardIn(map, order.shard)?.joins !== undefined) {
        throw new StoreError('conflict', 'shard.merge', 'it is being merged already');
      }
      await this.#setJoins(source, into);
      this.#marked.push(order);
    } catch (error) {
      if (isStoreError(error)) order.failed(error);
      throw error;
    }
  }

  #setJoins(source: ShardPrimary, joins: ShardId | undefined): Promise<void> {
    return changeLine(source, this.#options.coordinator, ({ joins: _former, ...line }) => {
      return joins === undefined ? line : { ...line, joins };
    });
  }

  /** The next primary of the source is to be on the machine of the target's. */
  async #gather(source: ShardPrimary, target: ShardState): Promise<void> {
    const { clock, coordinator } = this.#options;
    this.#gatheredAt.set(source.state.id, clock.monotonic());
    const { devices } = coordinator.current();
    const nodeOf = (id: DeviceId): string | undefined => devices.find((one) => one.id === id)?.node;
    const home = nodeOf(target.primary);
    const { replicas } = source.state;
    const near = replicas.filter((id) => nodeOf(id) === home);
    const heir = near.find((id) => source.inSyncDevices.includes(id));
    if (heir !== undefined) {
      await source.changeReplicas([heir, ...replicas.filter((id) => id !== heir)]);
      await source.release();
    } else if (near.length === 0) {
      // Repair copies it; what is one too many then goes with the shard.
      await source.changeReplicas([...replicas, target.primary]);
    }
  }

  async #step(merge: Merge): Promise<void> {
    const { source, target } = merge;
    try {
      if (!(await merge.step())) return;
      this.#merge = undefined;
      merge.told();
      this.#answer();
    } catch (error) {
      this.#merge = undefined;
      merge.abandon();
      const areWell = source.stopped === undefined && target.stopped === undefined;
      // Where a primary was lost its successor goes on.
      if (areWell) await this.#setJoins(source, undefined);
      throw error;
    }
  }
}

/** Why one shard cannot go over into another; undefined: it can. */
function whyNot(map: ClusterMap, id: ShardId, into: ShardId): string | undefined {
  const { sessions = [], shards } = map;
  const older = sessions.find(({ followsMerges }) => followsMerges !== true);
  if (older !== undefined) return `node ${older.node} runs a release that knows no merging`;
  if (shardBefore(shards, id) !== into) return 'another shard lies between the two';
  if (shardIn(map, into)?.joins !== undefined) return 'the one before it is being merged itself';
  const other = shards.find(({ id: own, joins }) => own !== id && (joins === into || joins === id));
  if (other !== undefined) return `shard ${other.id} is being merged into one of them`;
  const young = shards.find(({ takesFrom }) => takesFrom === id || takesFrom === into);
  return young === undefined ? undefined : 'one of them is being split';
}

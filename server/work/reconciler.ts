import type { Worker } from '../../storage/work/worker.ts';
import type { Placement } from '../proxy/placement.ts';
import type { ShardMap } from '../proxy/rows.ts';
import { type Claim, ClaimWalk } from './claims.ts';
import { executeAt } from './queue.ts';
import { inspectClaim } from './redundancy.ts';

/** What one whole walk over all claims found. */
export interface RedundancyReport {
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly bodies: number;
  readonly degradedBodies: number;
  readonly fragmentsNeeded: number;
  readonly fragmentsPresent: number;
  /** Of these, where they belong. */
  readonly fragmentsHome: number;
}

const none = {
  ...{ bodies: 0, degradedBodies: 0 },
  ...{ fragmentsNeeded: 0, fragmentsPresent: 0, fragmentsHome: 0 },
};

/**
 * Compares every claim with the devices' indexes and queues what is missing for repair. It walks
 * when asked to (a device came back, was replaced, failed) and now and then by itself; its counts are the truth that
 * `torc status` tells.
 */
export class Reconciler implements Worker<readonly Claim[]> {
  readonly name = 'reconciler';
  readonly #shards: ShardMap;
  readonly #placement: Placement;
  readonly #now: () => number;
  readonly #onFinished: (report: RedundancyReport) => void;
  #walk: ClaimWalk | undefined;
  #wanted = false;
  #startedAt = 0;
  #counts = { ...none };
  #report: RedundancyReport | undefined;

  constructor(options: {
    shards: ShardMap;
    placement: Placement;
    now: () => number;
    onFinished: (report: RedundancyReport) => void;
  }) {
    this.#shards = options.shards;
    this.#placement = options.placement;
    this.#now = options.now;
    this.#onFinished = options.onFinished;
  }

  /** Starts a new walk, after the one under way if there is one. */
  request(): void {
    this.#wanted = true;
  }

  get isWalking(): boolean {
    return this.#walk !== undefined || this.#wanted;
  }

  /** The last whole walk; undefined before the first. */
  get report(): RedundancyReport | undefined {
    return this.#report;
  }

  async next(): Promise<readonly Claim[] | undefined> {
    if (this.#walk === undefined) {
      if (!this.#wanted) return undefined;
      this.#wanted = false;
      this.#startedAt = this.#now();
      this.#walk = new ClaimWalk(this.#shards, 64);
      this.#counts = { ...none };
    }
    const page = await this.#walk.next();
    if (page !== undefined) return page;
    const { isWhole } = this.#walk;
    this.#walk = undefined;
    if (!isWhole) {
      this.#wanted = true;
      return [];
    }
    this.#report = { startedAt: this.#startedAt, finishedAt: this.#now(), ...this.#counts };
    this.#onFinished(this.#report);
    return undefined;
  }

  async run(page: readonly Claim[]): Promise<void> {
    for (const claim of page) {
      const found = await inspectClaim(this.#placement, claim.row);
      this.#counts.bodies++;
      this.#counts.fragmentsNeeded += found.fragmentsNeeded;
      this.#counts.fragmentsPresent += found.fragmentsPresent;
      this.#counts.fragmentsHome += found.fragmentsHome;
      if (found.fragmentsPresent === found.fragmentsNeeded) continue;
      this.#counts.degradedBodies++;
      if (found.missing.length === 0) continue;
      const { containerId } = claim.row;
      const { objectId } = claim.row.stored;
      await executeAt(claim.shard, { type: 'repair.enqueue', containerId, objectId });
    }
  }
}

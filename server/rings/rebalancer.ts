/**
 * Moves fragments to the homes that a new ring gives them, and counts what is left at the old ones.
 *
 * Each process goes over the bodies of the shards that it serves, so the work is shared by all nodes. A
 * walk over a shard that met nothing to move is that shard's count: it says that nothing of the shard needs the
 * former rings. It holds for good once the policy is closing, for then the shard takes no body that a
 * former ring placed (core/decide/commit.ts), whoever serves it. What a walk knows is lost with the
 * process; the next one walks again.
 */
import type { Clock } from '../../base/clock.ts';
import { isStoreError, type StoreError } from '../../base/errors.ts';
import type { ShardId } from '../../base/units.ts';
import { covers, type Extent } from '../../storage/shard/ranges/extent.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { Placement, Policy } from '../proxy/placement.ts';
import { type Claim, ClaimWalk } from '../work/claims.ts';
import { inspectClaim, restoreClaim } from '../work/redundancy.ts';
import { clearFormer, countLeft } from './leftovers.ts';
import type { OwnShard } from './own-shards.ts';
import type { Pacer } from './pacer.ts';

/** Of each policy that changes, by name: the state of its change that was seen. */
export type ChangeStates = ReadonlyMap<string, string>;

export interface RebalancerOptions {
  readonly placement: Placement;
  readonly own: () => readonly OwnShard[];
  /** What a shard owns now. */
  readonly idsOf: (id: ShardId) => Extent | undefined;
  readonly clock: Clock;
  readonly pacer: Pacer;
  /** A shard where something is left that cannot be moved now is walked again after this. */
  readonly retryMillis: number;
}

/** Since the start. */
export interface MoveSums {
  /** Fragments copied to their homes. */
  readonly moved: number;
  readonly rebuilt: number;
  /** Removed at former homes. */
  readonly cleared: number;
  /** Read and written for all this. */
  readonly bytes: number;
}

interface Walk {
  readonly own: OwnShard;
  readonly claims: ClaimWalk;
  readonly seen: ChangeStates;
  /** What the shard owned when it began. */
  readonly ids: Extent | undefined;
  /** What it met at former homes. */
  left: number;
  /** Something of it is there still. */
  isStuck: boolean;
  failure: StoreError | undefined;
}

/** In which states nothing of these ids was left. What a shard takes over later was not looked at. */
interface Count {
  readonly states: ChangeStates;
  readonly ids: Extent;
}

const pageClaims = 64;
/** Bodies that are moved side by side, so that small ones share syncs. */
const strands = 2;

/** Undefined when all bodies are where the policy's one ring has them. */
export function changeStateOf({ ring, former, line }: Policy): string | undefined {
  if (former.length === 0) return undefined;
  return line.isClosing === true ? `${ring.version} closing` : String(ring.version);
}

export class Rebalancer implements Worker<readonly Claim[]> {
  readonly name = 'rebalancer';
  readonly #options: RebalancerOptions;
  readonly #counted = new Map<ShardId, Count>();
  readonly #retryAt = new Map<ShardId, number>();
  #walk: Walk | undefined;
  readonly #sums: { -readonly [K in keyof MoveSums]: number } = {
    ...{ moved: 0, rebuilt: 0, cleared: 0, bytes: 0 },
  };

  constructor(options: RebalancerOptions) {
    this.#options = options;
  }

  get sums(): MoveSums {
    return this.#sums;
  }

  /** The states in which shards were found to need no former ring. */
  get counted(): ReadonlyMap<ShardId, ChangeStates> {
    const valid = [...this.#counted.keys()].flatMap((id): [ShardId, ChangeStates][] => {
      const states = this.#countOf(id);
      return states === undefined ? [] : [[id, states]];
    });
    return new Map(valid);
  }

  #countOf(id: ShardId): ChangeStates | undefined {
    const count = this.#counted.get(id);
    const ids = this.#options.idsOf(id);
    if (count === undefined || ids === undefined) return undefined;
    return covers(count.ids, ids) ? count.states : undefined;
  }

  #wanted(): ChangeStates {
    const states = new Map<string, string>();
    for (const policy of this.#options.placement.all()) {
      const state = changeStateOf(policy);
      if (state !== undefined) states.set(policy.name, state);
    }
    return states;
  }

  async next(): Promise<readonly Claim[] | undefined> {
    for (;;) {
      const wanted = this.#wanted();
      if (wanted.size === 0) {
        this.#walk = undefined;
        this.#counted.clear();
        this.#retryAt.clear();
        return undefined;
      }
      const walk = this.#walk;
      if (walk === undefined) {
        if (!(await this.#begin(wanted))) return undefined;
        continue;
      }
      if (!isSame(walk.seen, wanted) || !walk.own.isHeld()) {
        this.#walk = undefined;
        continue;
      }
      const page = await walk.claims.next();
      if (page !== undefined) return page;
      this.#end(walk);
    }
  }

  async #begin(seen: ChangeStates): Promise<boolean> {
    const now = this.#options.clock.monotonic();
    const own = this.#options.own().find((one) => {
      const { id } = one;
      const counted = this.#countOf(id);
      const isDone = counted !== undefined && isSame(counted, seen);
      // A process that is cut off may have a primary still, without a lease.
      return one.isHeld() && !isDone && (this.#retryAt.get(id) ?? 0) <= now;
    });
    if (own === undefined) return false;
    const ids = this.#options.idsOf(own.id);
    // The walk misses no body whose commit was decided before the states above were seen.
    await own.settle();
    const claims = new ClaimWalk({ route: () => own.shard, all: () => [own.shard] }, pageClaims);
    this.#walk = { own, claims, seen, ids, left: 0, isStuck: false, failure: undefined };
    return true;
  }

  #end(walk: Walk): void {
    const { own, seen: states, ids } = walk;
    const { id } = own;
    this.#walk = undefined;
    if (walk.left === 0 && ids !== undefined && own.isHeld())
      this.#counted.set(id, { states, ids });
    if (!walk.isStuck) return;
    const { clock, retryMillis } = this.#options;
    this.#retryAt.set(id, clock.monotonic() + retryMillis);
    if (walk.failure !== undefined) throw walk.failure;
  }

  async run(page: readonly Claim[]): Promise<void> {
    const walk = this.#walk;
    if (walk === undefined) return;
    let next = 0;
    const strand = async (): Promise<void> => {
      const pace = this.#options.pacer.strand();
      for (let claim = page[next++]; claim !== undefined; claim = page[next++]) {
        await this.#settle(walk, claim, pace);
      }
    };
    await Promise.all(Array.from({ length: strands }, strand));
  }

  async #settle(walk: Walk, claim: Claim, pace: (bytes: number) => Promise<void>): Promise<void> {
    const { placement } = this.#options;
    const { row } = claim;
    if (!walk.seen.has(row.stored.policy)) return;
    const homes = placement.homesOf(row.stored);
    if (homes.every(({ others }) => others.length === 0)) return;
    const left = await countLeft(row, homes);
    if (left === 0) return;
    walk.left += left;
    try {
      const found = await inspectClaim(placement, row);
      const restored = await restoreClaim({ placement, pace }, row, found);
      // What is a former home now may be a home again by the next ring.
      const mayClear = (): boolean => walk.own.isHeld() && isSame(walk.seen, this.#wanted());
      const cleared = await clearFormer(row, found.homes, mayClear);
      this.#sums.moved += restored.copied;
      this.#sums.rebuilt += restored.rebuilt;
      this.#sums.bytes += restored.bytesRead + restored.bytesWritten;
      this.#sums.cleared += cleared;
      if (cleared < left) walk.isStuck = true;
    } catch (error) {
      if (!isStoreError(error)) throw error;
      walk.isStuck = true;
      walk.failure = error;
    }
  }
}

function isSame(a: ChangeStates, b: ChangeStates): boolean {
  return a.size === b.size && [...a].every(([name, state]) => b.get(name) === state);
}

/**
 * Takes changes of rings through their steps. What it goes by is in the cluster map, so any process may go
 * on where another stopped; the one that serves the first shard does.
 *
 * 1. The map's devices differ from a policy's ring: the ring that fits them becomes the goal.
 * 2. The next step towards the goal is the ring from now on, the one before it a former one.
 * 3. Every shard counts nothing left at former homes, and no process writes by a former ring: it closes.
 * 4. Every shard has counted once more since: the former rings are given up.
 *
 * Then the next step, until the goal is reached. A device that is to leave goes when nothing names it.
 */
import type { Clock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import { rebalance } from '../../ring/builder.ts';
import type { Ring } from '../../ring/ring.ts';
import { encodeRing } from '../../ring/ring-file.ts';
import { isReached, movesBetween, nextStep } from '../../ring/steps.ts';
import type { ClusterMap, Coordinator, PolicyState } from '../../storage/shard/coordinator.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { Policy } from '../proxy/placement.ts';
import { desiredDevices, isBare } from './desired.ts';
import { lineWith } from './policy-line.ts';
import { type ChangeStates, changeStateOf } from './rebalancer.ts';

/** How far one process is with the changes. */
export interface ChangeProgress {
  readonly counted: ReadonlyMap<ShardId, ChangeStates>;
  /** By policy: the oldest ring version by which a body is being written. */
  readonly oldestWritten: ReadonlyMap<string, number>;
}

export interface StewardOptions {
  readonly coordinator: Coordinator;
  readonly policies: () => readonly Policy[];
  /** Whether this process is the one. */
  readonly leads: () => boolean;
  readonly serves: (device: DeviceId) => boolean;
  /** Of every process that lives; throws `unavailable` when one cannot be asked. */
  readonly progress: () => Promise<readonly ChangeProgress[]>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Goals are reached in so many steps, unless partitions are too coarse. */
const stepsPerChange = 8;
/** A write by a former ring that takes longer is refused at its end. */
const writePatienceMillis = 3_600_000;
/** Rings whose homes are read at one time; a further change waits. */
const formerMax = 3;

type Job = () => Promise<void>;
type NextLine = Parameters<typeof lineWith>[1];

export class RingSteward implements Worker<Job> {
  readonly name = 'ring-steward';
  readonly #options: StewardOptions;
  /** Since when only long writes hold a policy's former rings, by policy and version. */
  readonly #waitingSince = new Map<string, number>();

  constructor(options: StewardOptions) {
    this.#options = options;
  }

  async next(): Promise<Job | undefined> {
    if (!this.#options.leads()) return undefined;
    const map = this.#options.coordinator.current();
    const policies = this.#options.policies();
    // Until what is known here of all policies is what the map says, nothing is concluded.
    if (policies.some(({ name, line }) => lineIn(map, name) !== line)) return undefined;
    for (const policy of policies) {
      const job = this.#newGoal(policy, map) ?? (await this.#advance(policy, map));
      if (job !== undefined) return job;
    }
    return this.#departure(policies, map);
  }

  run(job: Job): Promise<void> {
    return job();
  }

  #newGoal({ ring, goal, line }: Policy, map: ClusterMap): Job | undefined {
    const devices = desiredDevices(goal ?? ring, map);
    if (devices === undefined) return undefined;
    return async () => {
      const { ring: wanted } = rebalance(ring, devices);
      const moves = movesBetween(ring, wanted).length;
      const stepMoves = Math.max(1, Math.ceil(moves / stepsPerChange));
      await this.#write(line, { ...line, goal: { ring: textOf(wanted), stepMoves } });
      const fields = { event: 'ring.goal', policy: line.name, version: ring.version, moves };
      this.#options.logger.info(fields, 'A ring is to change.');
    };
  }

  async #advance(policy: Policy, map: ClusterMap): Promise<Job | undefined> {
    const { line, ring, former } = policy;
    const isAtGoal = policy.goal === undefined || isReached(ring, policy.goal);
    if (former.length > 0 && (await this.#isCounted(policy, map))) {
      if (line.isClosing !== true) return () => this.#close(line);
      return () => this.#giveUpFormer(policy);
    }
    if (isAtGoal) return policy.goal === undefined ? undefined : () => this.#endChange(line);
    const mayStep = former.length === 0 || (this.#isOvertaken(policy) && former.length < formerMax);
    return mayStep ? () => this.#step(policy) : undefined;
  }

  /** A home of the ring is to be none any more: a step that cannot be finished for its sake need not be. */
  #isOvertaken({ ring, goal }: Policy): boolean {
    return goal !== undefined && dropped(ring, goal).length > 0;
  }

  /** Where devices are lost everything goes at once: what is rebuilt first is for the rebalancer to say. */
  #mostMoves({ ring, goal, former, line }: Policy): number {
    if (goal === undefined || former.length > 0) return Number.POSITIVE_INFINITY;
    const isLost = dropped(ring, goal).some((id) => !this.#options.serves(id));
    return isLost ? Number.POSITIVE_INFINITY : (line.goal?.stepMoves ?? 1);
  }

  async #isCounted(policy: Policy, { shards }: ClusterMap): Promise<boolean> {
    const state = changeStateOf(policy);
    const all = await this.#options.progress();
    const isShardCounted = (id: ShardId): boolean =>
      all.some(({ counted }) => counted.get(id)?.get(policy.name) === state);
    if (!shards.every(({ id }) => isShardCounted(id))) return false;
    // Shards may have been split or joined since they were asked of.
    if (this.#options.coordinator.current().shards !== shards && !this.#hasSameShards(shards)) {
      return false;
    }
    const oldest = Math.min(...all.map((one) => one.oldestWritten.get(policy.name) ?? Infinity));
    return policy.line.isClosing === true || this.#mayClose(policy, oldest);
  }

  #hasSameShards(shards: ClusterMap['shards']): boolean {
    const now = this.#options.coordinator.current().shards;
    const key = (list: ClusterMap['shards']): string =>
      list.map(({ id, start }) => `${id} ${start}`).join();
    return key(now) === key(shards);
  }

  #mayClose({ name, ring }: Policy, oldestWritten: number): boolean {
    const key = `${name} ${ring.version}`;
    if (oldestWritten >= ring.version) {
      this.#waitingSince.delete(key);
      return true;
    }
    const now = this.#options.clock.monotonic();
    const since = this.#waitingSince.get(key);
    if (since === undefined) this.#waitingSince.set(key, now);
    return since !== undefined && now - since >= writePatienceMillis;
  }

  async #step(policy: Policy): Promise<void> {
    const { name, ring, goal, line } = policy;
    if (goal === undefined) return;
    const next = nextStep(ring, goal, this.#mostMoves(policy));
    const former = [line.ring, ...(line.former ?? [])];
    await this.#write(line, { ...line, isClosing: undefined, ring: textOf(next), former });
    const moves = movesBetween(ring, next).length;
    const fields = { event: 'ring.step', policy: name, version: next.version, moves };
    this.#options.logger.info(fields, 'A ring has changed; what it places elsewhere moves.');
  }

  async #close(line: PolicyState): Promise<void> {
    await this.#write(line, { ...line, isClosing: true });
  }

  /** The next step follows in one change of the map, so that both are seen together. */
  async #giveUpFormer({ name, ring, line }: Policy): Promise<void> {
    await this.#write(line, { ...line, isClosing: undefined, former: undefined });
    const fields = { event: 'ring.settled', policy: name, version: ring.version };
    this.#options.logger.info(fields, 'Nothing is left where former rings had it.');
  }

  async #endChange(line: PolicyState): Promise<void> {
    await this.#write(line, { ...line, goal: undefined });
  }

  #departure(policies: readonly Policy[], map: ClusterMap): Job | undefined {
    const rings = policies.flatMap(({ ring, former, goal }) => [
      ...[ring, ...former],
      ...(goal === undefined ? [] : [goal]),
    ]);
    const gone = map.devices.find(
      ({ id, isLeaving }) => isLeaving === true && isBare(id, rings, map),
    );
    if (gone === undefined) return undefined;
    return async () => {
      await this.#options.coordinator.removeDevice(gone.id, gone.uuid);
      const fields = { event: 'device.left', device: gone.id, path: gone.path };
      this.#options.logger.info(fields, 'A device has left the cluster.');
    };
  }

  async #write(expected: PolicyState, next: NextLine): Promise<void> {
    try {
      await this.#options.coordinator.updatePolicy(expected, lineWith(expected, next));
    } catch (error) {
      // Somebody else changed it: what is to be done now shows in the map.
      if (!isStoreError(error, 'conflict')) throw error;
    }
  }
}

function lineIn({ policies }: ClusterMap, name: string): PolicyState | undefined {
  return policies.find((policy) => policy.name === name);
}

/** Devices that have weight in the one and none in the other. */
function dropped(ring: Ring, goal: Ring): readonly DeviceId[] {
  const weights = new Map(goal.devices.map(({ id, weight }) => [id, weight]));
  return ring.devices
    .filter(({ id, weight }) => weight > 0 && (weights.get(id) ?? 0) === 0)
    .map(({ id }) => id);
}

function textOf(ring: Ring): string {
  return Buffer.from(encodeRing(ring)).toString('base64');
}

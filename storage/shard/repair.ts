/**
 * Brings the replicas of this process's shards back: those that left the in-sync set are rebuilt from
 * their primary, those whose device stays away or is drained are placed on another one, those that the
 * map no longer names are removed. How one replica is rebuilt is in primary/copy.ts.
 */
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceId } from '../../base/units.ts';
import type { Worker } from '../work/worker.ts';
import { type Coordinator, lastShardOf, shardIn } from './coordinator.ts';
import type { ShardGroup } from './group.ts';
import type { ReplicaPeer } from './peer.ts';
import { type EvacuationStep, nextEvacuation, replicasAfter } from './placement/evacuation.ts';
import { ReplicaCopy } from './primary/copy.ts';
import type { ShardPrimary } from './primary/primary.ts';
import type { ServedShard } from './primary/served-shard.ts';
import { chooseReplacement } from './placement/replacement.ts';
import type { LocalReplica } from './replica/replica.ts';
import type { ShardState } from './shard.ts';

/** `rebuild`: named by the map, not in sync. `replace`: `from` has been away too long. `remove`: another took its place. */
export type RepairJob =
  | { readonly type: 'rebuild' | 'remove'; readonly shard: ServedShard; readonly device: DeviceId }
  | {
      readonly type: 'replace';
      readonly shard: ServedShard;
      readonly from: DeviceId;
      readonly device: DeviceId;
    }
  | { readonly type: 'evacuate'; readonly shard: ServedShard; readonly step: EvacuationStep }
  /** Of a shard that is no more. */
  | { readonly type: 'forget'; readonly replica: LocalReplica };

export interface ShardRepairOptions {
  readonly group: ShardGroup;
  readonly coordinator: Coordinator;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A device that is away for so long loses its replicas to others. Default 10 minutes: longer than a restart. */
  readonly awayMillis?: number;
  /** The same for a shard that has too few replicas in sync to take writes. Default 5 seconds. */
  readonly urgentMillis?: number;
  /** How many replicas shards should have. Undefined: as many as they have. */
  readonly wanted?: () => number;
}

export class ShardRepair implements Worker<RepairJob> {
  readonly name = 'shard-repair';
  readonly #options: ShardRepairOptions;
  readonly #awayMillis: number;
  readonly #urgentMillis: number;
  /** Since when a device is missed, in monotonic milliseconds. A restart begins the count anew. */
  readonly #awaySince = new Map<DeviceId, number>();
  #turn = 0;

  constructor(options: ShardRepairOptions) {
    this.#options = options;
    this.#awayMillis = options.awayMillis ?? 600_000;
    this.#urgentMillis = Math.min(options.urgentMillis ?? 5_000, this.#awayMillis);
  }

  async next(): Promise<RepairJob | undefined> {
    this.#noteAway();
    const jobs = this.#options.group.served().flatMap((shard) => this.#jobs(shard));
    jobs.push(...this.#forgotten());
    // One that fails again and again must not keep the others waiting.
    return jobs[this.#turn++ % Math.max(1, jobs.length)];
  }

  #noteAway(): void {
    const { group, clock } = this.#options;
    const wanted = new Set(group.own().flatMap(({ id }) => group.state(id).replicas));
    for (const device of wanted) {
      if (group.serves(device)) this.#awaySince.delete(device);
      else if (!this.#awaySince.has(device)) this.#awaySince.set(device, clock.monotonic());
    }
    for (const device of this.#awaySince.keys()) {
      if (!wanted.has(device)) this.#awaySince.delete(device);
    }
  }

  #jobs(shard: ServedShard): RepairJob[] {
    const { primary } = shard;
    const state = this.#options.group.state(shard.id);
    const leftovers = this.#leftovers(shard, state);
    // Without a primary here there is nobody to copy from.
    if (primary === undefined) return leftovers;
    const inSync = new Set(primary.inSyncDevices);
    const missed = state.replicas.filter((device) => !inSync.has(device));
    const jobs = missed.flatMap((device) => this.#jobFor(shard, primary, device) ?? []);
    return [...jobs, ...this.#evacuation(shard, primary), ...leftovers];
  }

  #evacuation(shard: ServedShard, { state, local, inSyncDevices }: ShardPrimary): RepairJob[] {
    const { group, coordinator, wanted } = this.#options;
    const step = nextEvacuation({
      ...{ state, map: coordinator.current(), inSync: new Set(inSyncDevices) },
      primary: local.device,
      wanted: wanted?.() ?? state.replicas.length,
      healthy: (device) => group.replica(device, shard.id) !== undefined,
    });
    return step === undefined ? [] : [{ type: 'evacuate', shard, step }];
  }

  #jobFor(shard: ServedShard, primary: ShardPrimary, from: DeviceId): RepairJob | undefined {
    const { group, coordinator } = this.#options;
    if (group.replica(from, shard.id) !== undefined)
      return { type: 'rebuild', shard, device: from };
    // Nobody waits for a device that is not to come back.
    const line = coordinator.current().devices.find(({ id }) => id === from);
    const isAwaited = primary.writable && line?.isLeaving !== true;
    const patience = isAwaited ? this.#awayMillis : this.#urgentMillis;
    if (!this.#stayedAway(from, patience)) return undefined;
    const isSurplus = primary.state.replicas.length > (this.#options.wanted?.() ?? Infinity);
    if (isSurplus) return { type: 'evacuate', shard, step: { type: 'leave', from } };
    const present = (device: DeviceId): boolean => group.replica(device, shard.id) !== undefined;
    const device = chooseReplacement(coordinator.current(), primary.state, from, present);
    return device === undefined ? undefined : { type: 'replace', shard, from, device };
  }

  #stayedAway(device: DeviceId, patience: number): boolean {
    const since = this.#awaySince.get(device);
    return since !== undefined && this.#options.clock.monotonic() - since >= patience;
  }

  #leftovers(shard: ServedShard, state: ShardState): RepairJob[] {
    const given = this.#options.group.devices().filter((device) => {
      const condition = device.replicas.get(shard.id)?.state.condition ?? 'absent';
      return condition !== 'absent' && !state.replicas.includes(device.id);
    });
    return given.map((device) => ({ type: 'remove', shard, device: device.id }));
  }

  /** Numbers are given in order and never twice: what had one once and is not in the map is gone for good. */
  #forgotten(): RepairJob[] {
    const map = this.#options.coordinator.current();
    const last = lastShardOf(map);
    const replicas = this.#options.group.devices().flatMap((one) => [...one.replicas.values()]);
    return replicas
      .filter(
        ({ shard, state }) => shard <= last && state.condition !== 'absent' && !shardIn(map, shard),
      )
      .map((replica) => ({ type: 'forget', replica }));
  }

  async run(job: RepairJob): Promise<void> {
    if (job.type === 'forget') {
      await job.replica.remove(job.replica.state.epoch);
      return;
    }
    const { shard } = job;
    if (job.type === 'remove') {
      await this.#remove(shard, job.device);
      return;
    }
    const { primary } = shard;
    if (primary === undefined) throw unavailable('the shard is not served here any more');
    if (job.type === 'evacuate') {
      await this.#evacuate(primary, job.step);
      return;
    }
    const { device } = job;
    if (job.type === 'replace') {
      const { replicas } = primary.state;
      await primary.changeReplicas(replicas.map((home) => (home === job.from ? device : home)));
    }
    const peer = this.#options.group.replica(device, shard.id);
    if (peer === undefined) throw unavailable('the device is not there any more');
    // Also what a change of the map that did not happen leaves: only named replicas are rebuilt.
    if (!primary.state.replicas.includes(device) || primary.inSyncDevices.includes(device)) return;
    await this.#rebuild(primary, peer);
    const fields = { event: 'shard.replica-rebuilt', shard: shard.id, device };
    this.#options.logger.info(fields, "A replica is back in the shard's in-sync set.");
  }

  /** What comes next shows in the map: a replica that has joined is copied as any other that is missing. */
  async #evacuate(primary: ShardPrimary, step: EvacuationStep): Promise<void> {
    // It may have become primary since.
    if (step.type === 'leave' && step.from === primary.local.device) return;
    await primary.changeReplicas(replicasAfter(primary.state.replicas, step));
    if (step.type === 'hand-over') await primary.release();
  }

  /** The map may have changed since `next`, and may change again: a primary that is newer than what is known here has told the replica so. */
  async #remove(shard: ServedShard, device: DeviceId): Promise<void> {
    const { group } = this.#options;
    const { replicas, epoch } = group.state(shard.id);
    if (!replicas.includes(device)) await group.device(device)?.replica(shard.id).remove(epoch);
  }

  async #rebuild(primary: ShardPrimary, peer: ReplicaPeer): Promise<void> {
    const { logger } = this.#options;
    const copy = new ReplicaCopy({ primary, peer, index: primary.local.index, logger });
    try {
      let joined = false;
      while (!joined) joined = await copy.step();
    } catch (error) {
      copy.abandon();
      throw error;
    }
  }
}

function unavailable(message: string): StoreError {
  return new StoreError('unavailable', 'shard.repair', message);
}

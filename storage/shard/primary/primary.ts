/**
 * A shard's primary: orders commits, ships them, acknowledges.
 *
 * Invariants:
 * - A commit is acknowledged, and its rows become readable, only when every replica of the in-sync
 *   set in the coordinator's map has it synced. A replica leaves the set through the coordinator
 *   first, under a new epoch.
 * - A replica joins the set only when it holds everything acknowledged so far and acknowledgements
 *   already wait for it.
 * - What is answered from the state here (a refusal, a command that changes nothing) is answered only
 *   while the lease is held: nobody else has taken the shard over then.
 * - After `stop` nothing is acknowledged any more.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError, isStoreError, toStoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { HybridClock } from '../../../base/timestamp.ts';
import {
  type DeviceId,
  type Micros,
  type Sequence,
  epoch as toEpoch,
  sequence as toSequence,
} from '../../../base/units.ts';
import { answerWithin } from './answer.ts';
import { minInSync, notServing, releasedState, unavailable } from './in-sync.ts';
import { Commits } from './commits.ts';
import type { Coordinator, Lease } from '../coordinator.ts';
import type { EncodedRecord } from '../log/record.ts';
import { Member } from './member.ts';
import { Patience } from './patience.ts';
import { moved } from '../ranges/extent.ts';
import { Range } from '../ranges/range.ts';
import { Shipping } from './shipping.ts';
import type { ReplicaPeer } from '../peer.ts';
import type { LocalReplica } from '../replica/replica.ts';
import type { ShardSettings } from '../settings.ts';
import type { Decision, RowWrite, ShardState, StateMachine, Writes } from '../shard.ts';

export interface PrimaryOptions {
  readonly state: ShardState;
  readonly local: LocalReplica;
  /** The other in-sync replicas, level with the local one. */
  readonly peers: readonly ReplicaPeer[];
  readonly stateMachine: StateMachine;
  readonly coordinator: Coordinator;
  /** Undefined on a single machine: nobody else could take over. */
  readonly lease: Lease | undefined;
  /** Whether a device that does not answer here may be serving others: its machine lives. */
  readonly mayServe: (device: DeviceId) => boolean;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: ShardSettings;
  /** The primary has stopped by itself: another replica (not `excluded`) has to take over. */
  readonly onLost: (error: StoreError, excluded: DeviceId | undefined) => void;
}

export class ShardPrimary {
  readonly local: LocalReplica;
  /** What of the keyspace it may decide and answer. */
  readonly range: Range;
  readonly #options: PrimaryOptions;
  readonly #hybrid: HybridClock;
  readonly #commits: Commits;
  readonly #own: Member;
  #state: ShardState;
  #members: Member[];
  readonly #shipping: Shipping;
  /** Synced by every member that acknowledgements wait for. */
  #durable: Sequence;
  readonly #patience: Patience;
  #cancelRetry: (() => void) | undefined;
  #stopped: StoreError | undefined;
  #isLeaving = false;
  #changes: Promise<void> = Promise.resolve();

  constructor(options: PrimaryOptions) {
    this.#options = options;
    this.#state = options.state;
    this.local = options.local;
    const { sequence, time } = options.local.state;
    this.#hybrid = new HybridClock(options.clock);
    this.#hybrid.observe(time);
    this.#commits = new Commits(options.state.id, options.local, sequence);
    this.#durable = sequence;
    this.#own = new Member(options.local, 'in-sync', sequence);
    const others = options.peers.map((peer) => new Member(peer, 'in-sync', sequence));
    this.#members = [this.#own, ...others];
    const { clock, settings, stateMachine, coordinator } = options;
    this.range = new Range({
      ...{ id: options.state.id, coordinator, stateMachine },
      state: () => this.#state,
      heldMax: settings.commitsInFlightMax,
    });
    this.#patience = new Patience({
      ...{ clock, patienceMillis: settings.patienceMillis },
      members: () => this.#members,
      onSlow: (member) =>
        this.#memberFailed(member, unavailable('a replica did not answer in time', { slow: true })),
    });
    this.#shipping = new Shipping({
      settings,
      members: () => this.#members,
      epoch: () => this.#state.epoch,
      onSynced: () => this.advance(),
      onFailed: (member, error) => this.#memberFailed(member, error),
      onSent: () => this.#patience.start(),
    });
    options.local.defer(true);
  }

  get state(): ShardState {
    return this.#state;
  }

  get stopped(): StoreError | undefined {
    return this.#stopped;
  }

  /** The last commit that is durable and readable. */
  get settled(): Sequence {
    return this.#commits.settled;
  }

  /** Peers that hold every acknowledged commit, the local replica first. */
  get inSyncPeers(): readonly ReplicaPeer[] {
    return this.#inSync().map((member) => member.peer);
  }

  #inSync(): Member[] {
    return this.#members.filter((member) => member.role === 'in-sync' && !member.failed);
  }

  /** Devices whose replicas hold every acknowledged commit and answer. */
  get inSyncDevices(): readonly DeviceId[] {
    return this.#inSync().map((member) => member.peer.device);
  }

  get writable(): boolean {
    return this.#inSync().length >= minInSync(this.#state);
  }

  async execute(command: unknown): Promise<unknown> {
    if (this.range.isHeld) await this.range.opened();
    this.range.admit(this.#options.stateMachine.idOf(command));
    this.#admit();
    const commits = this.#commits;
    commits.checkRoom(this.#options.settings);
    const time = this.#hybrid.next();
    const { epoch } = this.#state;
    const stamp = { epoch, sequence: toSequence(commits.last + 1), time };
    let record: EncodedRecord | undefined;
    let decided: Decision;
    try {
      decided = this.#options.stateMachine.decide(command, this.range.view(commits), stamp);
      if (decided.writes.length > 0) record = commits.add(decided.writes, { epoch, time });
    } catch (error) {
      // A row that cannot be read says nothing about the command: this replica must go.
      if (isStoreError(error, 'corrupt')) throw this.damaged(error);
      // The refusal may rest on commits that are not durable yet.
      await commits.waitForAll();
      this.checkLease();
      throw error;
    }
    if (record === undefined) {
      await commits.waitForAll();
      this.checkLease();
      return decided.result;
    }
    await this.#commit(record, decided.writes);
    return decided.result;
  }

  #commit(record: EncodedRecord, writes: readonly RowWrite[]): Promise<void> {
    const done = this.#commits.wait(record);
    this.range.dirty?.note(record.entries);
    this.range.mirror?.add(record, writes);
    this.#shipping.add(record);
    return done;
  }

  /** Writes that no command asks for: rows that go over to another shard, or id. Their commit is later than `after`. */
  async write(wanted: Writes, after?: Micros): Promise<void> {
    this.#admit();
    if (after !== undefined) this.#hybrid.observe(after);
    const { epoch } = this.#state;
    const writes = typeof wanted === 'function' ? wanted(this.range.view(this.#commits)) : wanted;
    if (writes.length === 0) return;
    await this.#commit(this.#commits.add(writes, { epoch, time: this.#hybrid.next() }), writes);
  }

  /** Later than every commit so far. */
  get now(): Micros {
    return this.#hybrid.next();
  }

  /** Throws `stale-epoch` when another may have taken the shard over: nothing that was read here counts then. */
  checkLease(): void {
    const { lease } = this.#options;
    if (lease === undefined) return;
    const isOver = this.#isLeaving || this.#stopped !== undefined;
    if (isOver || !lease.held()) throw notServing(this.#state.id);
  }

  #admit(): void {
    this.checkLease();
    if (this.#stopped !== undefined) throw this.#stopped;
    if (!this.writable) {
      throw unavailable('too few replicas of the shard are in sync', {
        inSync: this.#inSync().length,
      });
    }
  }

  /** The local index returned a row that is not what was written: this replica must be wiped, another takes over. */
  damaged(cause: StoreError): StoreError {
    const error = new StoreError('unavailable', 'shard.execute', "the primary's index is damaged", {
      cause,
    });
    this.local.markDamaged();
    this.lose(error, this.local.device);
    return error;
  }

  /** Makes readable, and acknowledges, what all that count have synced. */
  advance(): void {
    if (this.#stopped !== undefined) return;
    let durable = this.range.mirror?.limit ?? Number.POSITIVE_INFINITY;
    for (const member of this.#members) {
      if (member.role !== 'learner' && member.synced < durable) durable = member.synced;
    }
    if (durable <= this.#durable || !Number.isFinite(durable)) return;
    const upTo = toSequence(durable);
    this.#durable = upTo;
    this.#shipping.settle(upTo);
    this.local.applyUpTo(upTo);
    // Readable from here on: by key at once, and whoever scans the index has it flushed before.
    this.local.flushLazily().then(
      () => {
        if (this.#stopped === undefined) this.#commits.settle(upTo);
      },
      (error: unknown) => this.lose(toStoreError(error, 'shard.apply'), this.local.device),
    );
    this.#shipping.go();
  }

  #memberFailed(member: Member, error: StoreError): void {
    if (this.#stopped !== undefined || member.failed) return;
    member.fail(error);
    if (member === this.#own) {
      this.lose(error, this.local.device);
    } else if (member.role === 'in-sync') {
      const [{ id: shard }, { device }] = [this.#state, member.peer];
      const fields = { event: 'shard.replica-failed', shard, device, reason: error.message };
      this.#options.logger.warn(fields, "A replica leaves the shard's in-sync set.");
      void this.#exclusively(() => this.#shrink());
    } else {
      this.#members = this.#members.filter((other) => other !== member);
      this.advance();
    }
  }

  /** A device is known to have failed, though nothing was sent to it: its replica leaves at once. */
  deviceFailed(device: DeviceId, error: StoreError): void {
    const member = this.#members.find((one) => one.peer.device === device);
    if (member !== undefined) this.#memberFailed(member, error);
  }

  /** Another may have taken the shard over, or is to: on a device other than `excluded`. */
  lose(error: StoreError, excluded?: DeviceId): void {
    if (this.#stopped !== undefined) return;
    this.stop(error);
    this.#options.onLost(error, excluded);
  }

  /** From now on nothing is acknowledged; commits in flight answer `unavailable`. */
  stop(cause: StoreError): void {
    if (this.#stopped !== undefined) return;
    const error = unavailable('the shard has no primary at the moment', {}, cause);
    this.#stopped = error;
    this.#patience.end();
    this.#cancelRetry?.();
    this.#shipping.stop();
    for (const member of this.#members) member.fail(error);
    this.#commits.abandon(error);
    this.local.defer(false);
  }

  /** Changes of the set come one after the other; a failure is the task's own to report. */
  #exclusively<Result>(task: () => Promise<Result>): Promise<Result> {
    const run = this.#changes.then(task);
    this.#changes = run.then(
      () => undefined,
      () => undefined,
    );
    return run;
  }

  /**
   * The in-sync set to be: without failed members. Between machines never fewer than can take a write:
   * those that failed for this machine may be well for another, which then takes over.
   */
  #targetSet(): Member[] {
    const living = this.#inSync();
    if (this.#options.lease === undefined || living.length >= minInSync(this.#state)) return living;
    return this.#members.filter(
      ({ role, peer }) => role === 'in-sync' && this.#state.replicas.includes(peer.device),
    );
  }

  /** Takes failed replicas out of the in-sync set. */
  async #shrink(): Promise<void> {
    const failed = this.#members.filter((member) => member.role === 'in-sync' && member.failed);
    if (failed.length === 0 || this.#stopped !== undefined) return;
    // Below the least, clients are told at once that the outcome is unknown.
    if (!this.writable) {
      this.#commits.abandon(unavailable('too few replicas of the shard are in sync', {}));
    }
    const target = this.#targetSet();
    if (failed.every((member) => target.includes(member))) {
      this.#stepDownLater();
      return;
    }
    if (!(await this.#changeSet(target))) {
      this.#retryShrink();
      return;
    }
    this.#keepOnly(target);
    await this.#begin();
    this.advance();
  }

  /** In-sync members that the map does not name any more go. */
  #keepOnly(set: readonly Member[]): void {
    const stays = (member: Member): boolean => member.role !== 'in-sync' || set.includes(member);
    this.#members = this.#members.filter(stays);
  }

  /** Without enough replicas that answer here, another machine that may reach more of them is let try. */
  #stepDownLater(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(this.#options.settings.patienceMillis, () => {
      if (this.#stopped !== undefined || this.writable) return;
      const hidden = this.#members.some(
        ({ role, failed, peer }) =>
          role === 'in-sync' && failed && this.#options.mayServe(peer.device),
      );
      if (hidden) void this.release();
      else this.#stepDownLater();
    });
  }

  /**
   * Gives the shard up, for any in-sync replica to take over: nothing more is begun, and what is in flight
   * is settled first, as far as it can be. Never rejects.
   */
  async release(): Promise<void> {
    if (this.#isLeaving || this.#stopped !== undefined) return;
    this.#isLeaving = true;
    if (this.writable) await this.#commits.waitForAll().catch(() => undefined);
    await this.#exclusively(async () => {
      if (this.#stopped !== undefined) return;
      const released = releasedState({
        ...this.#state,
        inSync: this.#targetSet().map((member) => member.peer.device),
      });
      await this.#options.coordinator.updateShard(released.id, released).catch(() => undefined);
    });
    this.lose(unavailable('the shard is given up', { released: true }));
  }

  /** Writes the new in-sync set to the map, under the next epoch. False: the map may hold either. */
  async #changeSet(inSync: readonly Member[], replicas = this.#state.replicas): Promise<boolean> {
    const next: ShardState = {
      ...{ ...this.#state, replicas },
      epoch: toEpoch(this.#state.epoch + 1),
      inSync: inSync.map((member) => member.peer.device),
    };
    try {
      await this.#options.coordinator.updateShard(next.id, next);
    } catch (cause) {
      if (isStoreError(cause, 'stale-epoch')) this.lose(cause);
      return false;
    }
    if (this.#stopped !== undefined) return false;
    this.#state = next;
    return true;
  }

  #retryShrink(): void {
    if (this.#stopped !== undefined) return;
    this.#commits.abandon(unavailable('the cluster map cannot be written', {}));
    this.#cancelRetry = this.#options.clock.after(this.#options.settings.patienceMillis, () => {
      void this.#exclusively(() => this.#shrink());
    });
  }

  /** Tells the members of the new epoch, behind everything ordered under the old one. */
  async #begin(): Promise<void> {
    this.#shipping.goAll();
    const start = toSequence(this.#commits.last + 1);
    const { epoch } = this.#state;
    const tell = (member: Member): Promise<void> =>
      member.peer.begin(epoch, start).catch((error: unknown) => {
        this.#memberFailed(member, toStoreError(error, 'shard.begin'));
      });
    for (const member of this.#members) {
      if (member.held) member.call(() => void tell(member));
    }
    const others = this.#members.filter((member) => !member.held && member.failed === undefined);
    await Promise.all(others.map(tell));
  }

  /** Changes the map's lines of this and other shards by `change`, which gives this one's (undefined: it is no more). `taken`: it counts here now. When it fails, the next primary finds out what came of it. */
  async reshape(
    change: (state: ShardState) => Promise<ShardState | undefined>,
    taken: () => void = () => undefined,
  ): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#stopped !== undefined) throw this.#stopped;
      const next = await change(this.#state).catch((cause: unknown) => {
        const error = toStoreError(cause, 'shard.reshape');
        if (error.kind !== 'conflict') this.lose(error);
        throw error;
      });
      taken();
      if (next === undefined) {
        // What was decided here counts where it went.
        this.#commits.settle(this.#commits.last);
        return this.stop(moved());
      }
      this.#state = next;
      await this.#begin();
    });
  }

  /** Replaces the devices of the shard's replicas under a new epoch; those that are named no more leave the in-sync set. */
  async changeReplicas(replicas: readonly DeviceId[]): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#stopped !== undefined) throw this.#stopped;
      const target = this.#targetSet().filter(({ peer }) => replicas.includes(peer.device));
      if (!(await this.#changeSet(target, replicas))) return;
      this.#keepOnly(target);
      await this.#begin();
    });
  }

  /** From now on `peer` is sent every commit. Its `synced` is where it comes in. With `held` it is sent nothing before `Member.release`. */
  addLearner(peer: ReplicaPeer, held: boolean): Member {
    if (this.#stopped !== undefined) throw this.#stopped;
    this.#shipping.goAll();
    const member = new Member(peer, 'learner', this.#commits.last);
    if (held) member.hold();
    this.#members = [...this.#members, member];
    return member;
  }

  /** Resolves when every commit decided so far is in the local index: a copy that begins then lacks nothing that a new learner is not sent. */
  settleAll(): Promise<void> {
    if (this.#stopped !== undefined) return Promise.reject(this.#stopped);
    return this.#commits.waitForAll();
  }

  /** A learner's answer to one call, or `unavailable` when it takes too long. */
  answer<Result>(call: Promise<Result>): Promise<Result> {
    const { clock, settings } = this.#options;
    return answerWithin(clock, settings.answerMillis, call);
  }

  removeLearner(member: Member): void {
    if (member.role === 'in-sync') return;
    this.#members = this.#members.filter((one) => one !== member);
    this.advance();
  }

  /** The learner has everything up to `base` (what it was added at): it joins the in-sync set. */
  async promote(member: Member, base: Sequence): Promise<void> {
    await this.#exclusively(async () => {
      if (this.#stopped !== undefined) throw this.#stopped;
      if (member.failed) throw member.failed;
      await this.answer(member.peer.level(this.#state.epoch, base, this.local.state.history));
      member.role = 'joining';
      // What is decided goes out even while one who has failed, and leaves the set only after this, lets nothing settle.
      this.#shipping.goAll();
      this.#patience.start();
      await member.whenSynced(this.#commits.last);
      if (this.#stopped !== undefined) throw this.#stopped;
      if (!(await this.#changeSet([...this.#inSync(), member]))) {
        // The map may already name it: nothing may be acknowledged without it until a newer map says otherwise.
        const error = unavailable('the replica could not join the in-sync set', {});
        this.lose(error);
        throw error;
      }
      member.role = 'in-sync';
      this.#keepOnly(this.#inSync());
      await this.#begin();
      this.advance();
    });
  }
}

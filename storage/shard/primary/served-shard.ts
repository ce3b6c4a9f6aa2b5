/**
 * A shard as this process serves it: stands for primary when nobody else may serve it and a replica
 * that is in sync is here, and hands it on when that one is lost.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError, isStoreError, toStoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { type DeviceId, type ShardId, deviceId } from '../../../base/units.ts';
import { type Coordinator, holderLives, type Lease, shardIn } from '../coordinator.ts';
import type { ShardDevice } from '../device.ts';
import { moved } from '../ranges/extent.ts';
import type { RemoteMachines } from '../remote.ts';
import type { LocalReplica } from '../replica/replica.ts';
import type { ShardSettings } from '../settings.ts';
import type {
  ListPage,
  ListQuery,
  Row,
  ScanRange,
  Shard,
  ShardState,
  StateMachine,
} from '../shard.ts';
import { type ElectionTools, type Established, establish } from './establish.ts';
import { notServing, releasedState } from './in-sync.ts';
import { ShardPrimary } from './primary.ts';
import { getRow, getRowWithBody, listShard, scanShard } from './serving.ts';

export interface ServedShardOptions {
  readonly id: ShardId;
  /** The devices of this process; may change while the shard is served. */
  readonly devices: ReadonlyMap<DeviceId, ShardDevice>;
  /** Undefined on a single machine. */
  readonly remote: RemoteMachines | undefined;
  readonly stateMachine: StateMachine;
  readonly coordinator: Coordinator;
  /** The right to serve that this process has now; undefined on a single machine, which serves for as long as it runs. */
  readonly lease: () => Lease | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: ShardSettings;
}

/** Between machines that could all take a shard over, each waits a little longer than the one before it. */
const turnMillis = 250;
/** How often another machine, whose replica knows more, is let go first. */
const politeTurns = 3;
/** Who has given a shard up lets others try for so long. */
const yieldMillis = 3000;

export class ServedShard implements Shard {
  readonly id: ShardId;
  readonly #options: ServedShardOptions;
  #primary: ShardPrimary | undefined;
  #establishing: Promise<void> | undefined;
  #failure: StoreError | undefined;
  #cancelRetry: (() => void) | undefined;
  #turns = 0;
  #notBefore = 0;
  #closed = false;

  constructor(options: ServedShardOptions) {
    this.id = options.id;
    this.#options = options;
  }

  /** The primary that serves now; undefined while there is none here. */
  get primary(): ShardPrimary | undefined {
    return this.#primary;
  }

  /** Why there is no primary. */
  get failure(): StoreError | undefined {
    return this.#primary === undefined ? this.#failure : undefined;
  }

  /** Throws `stale-epoch` (`moved`) when the shard is no more. */
  get state(): ShardState {
    const state = shardIn(this.#options.coordinator.current(), this.id);
    if (state === undefined) throw moved();
    return state;
  }

  get #isShared(): boolean {
    return this.#options.remote !== undefined;
  }

  /** Stands for primary if that is this process's to do; never rejects: without one the shard answers `unavailable` and tries again later. */
  open(): Promise<void> {
    if (this.#primary !== undefined || this.#closed) return Promise.resolve();
    if (this.#establishing === undefined && !this.#isToStand()) return Promise.resolve();
    this.#establishing ??= this.#establish(new Set()).finally(() => {
      this.#establishing = undefined;
    });
    return this.#establishing;
  }

  /** The map has changed: another may have taken the shard over, or may have ceased to serve it. */
  mapChanged(): void {
    if (this.#closed) return;
    const primary = this.#primary;
    if (primary === undefined) {
      this.#standSoon();
      return;
    }
    const { state } = this;
    if (state.epoch <= primary.state.epoch) return;
    const isOwn =
      state.session === this.#options.lease()?.session && state.primary === primary.local.device;
    if (!isOwn) primary.lose(notServing(this.id));
  }

  /** The lease under which the primary serves is over. */
  leaseLost(): void {
    this.#primary?.lose(notServing(this.id));
  }

  /** Whether this process has to stand now; what must come before, or instead, is seen to. */
  #isToStand(): boolean {
    if (!this.#isShared) return true;
    if (!this.#mayStand()) {
      // The lease may come back with its next renewal; everything else shows in the map.
      if (this.#options.lease()?.held() === false) this.#standAfter(yieldMillis);
      return false;
    }
    if (this.#localCandidates(new Set()).length > 0) return true;
    this.#releaseForOthers();
    return false;
  }

  #mayStand(): boolean {
    if (!this.#isShared) return true;
    const lease = this.#options.lease();
    if (lease?.held() !== true) return false;
    const { state } = this;
    const isHeld = holderLives(this.#options.coordinator.current(), state);
    return !isHeld || state.session === lease.session;
  }

  /** Replicas in sync that are here and work, in the order of the map. */
  #localCandidates(excluded: ReadonlySet<DeviceId>): DeviceId[] {
    const { replicas, inSync } = this.state;
    return replicas.filter(
      (device) => inSync.includes(device) && this.#localOn(device, excluded) !== undefined,
    );
  }

  #localOn(device: DeviceId, excluded: ReadonlySet<DeviceId>): LocalReplica | undefined {
    const found = excluded.has(device) ? undefined : this.#options.devices.get(device);
    return found?.failure === undefined ? found?.replica(this.id) : undefined;
  }

  /** Stands when it is this machine's turn: the first living replica in the order of the map at once, the others later. */
  #standSoon(): void {
    if (this.#closed || this.#primary !== undefined || this.#cancelRetry !== undefined) return;
    if (this.#establishing !== undefined || !this.#isToStand()) return;
    const [own] = this.#localCandidates(new Set());
    if (own === undefined) return;
    const { replicas, inSync } = this.state;
    const before = replicas
      .slice(0, replicas.indexOf(own))
      .filter((device) => inSync.includes(device) && this.#options.remote?.lives(device) === true);
    const { clock } = this.#options;
    const wait = Math.max(before.length * turnMillis, this.#notBefore - clock.monotonic(), 0);
    this.#standAfter(wait);
  }

  #standAfter(millis: number): void {
    if (millis === 0) {
      void this.open();
      return;
    }
    this.#cancelRetry?.();
    this.#cancelRetry = this.#options.clock.after(millis, () => {
      this.#cancelRetry = undefined;
      void this.open();
    });
  }

  /** This process holds the shard by the map and has no replica left to serve it with. */
  #releaseForOthers(): void {
    const { lease, coordinator, settings } = this.#options;
    const { state } = this;
    if (state.session === undefined || state.session !== lease()?.session) return;
    const released = releasedState(state);
    coordinator.updateShard(this.id, released).catch((error: unknown) => {
      this.#failure = toStoreError(error, 'shard.release');
      this.#standAfter(settings.patienceMillis);
    });
  }

  async #establish(excluded: Set<DeviceId>): Promise<void> {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
    const tools = this.#tools(excluded);
    // Each attempt leaves at least one more device out.
    while (!this.#closed) {
      try {
        const { lease } = this.#options;
        const held = lease();
        await this.#take(await establish(this.state, { ...tools, session: held?.session }), held);
        return;
      } catch (cause) {
        const error = toStoreError(cause, 'shard.open');
        const device = error.detail['device'];
        if (typeof device === 'number' && !excluded.has(deviceId(device))) {
          excluded.add(deviceId(device));
          continue;
        }
        this.#failure = error;
        this.#retryLater(error);
        return;
      }
    }
  }

  #tools(excluded: ReadonlySet<DeviceId>): Omit<ElectionTools, 'session'> {
    const { coordinator, remote, clock, settings } = this.#options;
    return {
      coordinator,
      localOn: (device) => this.#localOn(device, excluded),
      peerOn: (device) => (excluded.has(device) ? undefined : remote?.replica(device, this.id)),
      mayServe: (device) => remote?.lives(device) ?? false,
      insists: this.#turns >= politeTurns,
      clock,
      // An election stands in the way of every request: it has as much patience as they.
      answerMillis: 2 * settings.patienceMillis,
    };
  }

  async #take({ state, local, peers }: Established, lease: Lease | undefined): Promise<void> {
    const { stateMachine, coordinator, remote, clock, logger, settings } = this.#options;
    await local.flush();
    if (this.#closed) return;
    this.#turns = 0;
    const primary = new ShardPrimary({
      ...{ state, local, peers, stateMachine, coordinator, lease, clock, logger, settings },
      mayServe: (device) => remote?.lives(device) ?? false,
      onLost: (error, device) => this.#lost(error, device),
    });
    this.#primary = primary;
    // What has happened while it was being established.
    this.mapChanged();
  }

  #retryLater(error: StoreError): void {
    const { logger, settings } = this.#options;
    const isPolite = error.kind === 'conflict' || error.kind === 'stale-epoch';
    if (!this.#isShared || !isPolite) {
      const fields = { event: 'shard.unavailable', shard: this.id, reason: error.message };
      logger.warn(fields, 'A shard has no primary; it is tried again.');
    }
    if (error.detail['better'] !== undefined) this.#turns++;
    const polite = 2 * turnMillis;
    this.#standAfter(this.#isShared && isPolite ? polite : settings.patienceMillis);
  }

  #lost(error: StoreError, device: DeviceId | undefined): void {
    this.#primary = undefined;
    if (this.#closed) return;
    const { logger, clock } = this.#options;
    const fields = { event: 'shard.primary-lost', shard: this.id, reason: error.message };
    logger.warn(fields, "A shard's primary is lost; another replica takes over.");
    const excluded = new Set(device === undefined ? [] : [device]);
    if (this.#isShared) {
      if (error.detail['released'] === true) this.#notBefore = clock.monotonic() + yieldMillis;
      if (this.#localCandidates(excluded).length === 0) {
        this.#releaseForOthers();
        return;
      }
      if (!this.#isToStand()) return;
      if (this.#notBefore > clock.monotonic()) {
        this.#standSoon();
        return;
      }
    }
    this.#establishing = this.#establish(excluded).finally(() => {
      this.#establishing = undefined;
    });
  }

  /** A device has failed: its replica leaves the in-sync set, or hands the shard over. */
  deviceFailed(device: DeviceId, error: StoreError): void {
    this.#primary?.deviceFailed(device, error);
  }

  /** The primary, after waiting for a change of primary that is under way. */
  async #serving(): Promise<ShardPrimary> {
    if (this.#primary === undefined) await this.#establishing;
    if (this.#primary !== undefined) return this.#primary;
    if (this.#isShared) throw notServing(this.id);
    if (shardIn(this.#options.coordinator.current(), this.id) === undefined) throw moved();
    throw new StoreError('unavailable', 'shard', 'the shard has no primary', {
      cause: this.#failure,
      detail: { shard: this.id },
    });
  }

  async execute(command: unknown): Promise<unknown> {
    const primary = await this.#serving();
    return primary.execute(command);
  }

  /** Reads from the primary; when its index proves damaged, from the next one, as long as there are replicas. */
  async #read<Result>(read: (primary: ShardPrimary) => Promise<Result>): Promise<Result> {
    for (let left = this.state.replicas.length; ; left--) {
      const primary = await this.#serving();
      try {
        return await read(primary);
      } catch (error) {
        if (!isStoreError(error, 'corrupt') || left <= 1) throw error;
        primary.damaged(error);
      }
    }
  }

  get(key: Uint8Array): Promise<Row | undefined> {
    return this.#read(async (primary) => getRow(primary, key));
  }

  getWithBody(key: Uint8Array): Promise<{ row: Row; body: Uint8Array | undefined } | undefined> {
    return this.#read((primary) => getRowWithBody(primary, key, this.#options.logger));
  }

  scan(range: ScanRange): Promise<readonly Row[]> {
    return this.#read((primary) => scanShard(primary, range));
  }

  list(query: ListQuery): Promise<ListPage> {
    return this.#read((primary) => listShard(primary, query));
  }

  /** Between machines the shard is handed on first, so that nobody has to wait for the lease to end. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancelRetry?.();
    await this.#establishing;
    const primary = this.#primary;
    this.#primary = undefined;
    if (this.#isShared) await primary?.release();
    await primary?.settleAll().catch(() => undefined);
    primary?.stop(new StoreError('cancelled', 'shard.close', 'the shard is being closed'));
  }
}

/** The background workers of one cell: made, started, stopped, asked for their state. */
import type { Clock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import { fragmentIndex } from '../../base/units.ts';
import type { Coordinator } from '../../storage/shard/coordinator.ts';
import { LogCompaction } from '../../storage/shard/compaction.ts';
import type { ShardGroup } from '../../storage/shard/group.ts';
import { Decline } from '../../storage/shard/ranges/decline.ts';
import { extentIn } from '../../storage/shard/ranges/extent.ts';
import { Growth } from '../../storage/shard/ranges/growth.ts';
import type { MergeRequest } from '../../storage/shard/ranges/merger.ts';
import { ShardSplitter, type SplitRequest } from '../../storage/shard/ranges/splitter.ts';
import { ShardRepair } from '../../storage/shard/repair.ts';
import { BodyScrub } from '../../storage/shard/scrub.ts';
import type { StateMachine } from '../../storage/shard/shard.ts';
import {
  type Pace,
  type Worker,
  WorkerLoop,
  type WorkerStatus,
} from '../../storage/work/worker.ts';
import type { LifecycleContext } from '../core/lifecycle/due.ts';
import type { DueLane } from '../core/lifecycle/due-key.ts';
import type { StorageClass } from '../core/storage-classes.ts';
import type { ClusterBodies } from '../proxy/bodies.ts';
import type { Placement } from '../proxy/placement.ts';
import type { Damage } from '../proxy/read.ts';
import type { ClusterRows, ShardMap } from '../proxy/rows.ts';
import { Auditor } from '../work/auditor.ts';
import { BackupKeeper } from '../work/backup/backup-keeper.ts';
import { CompactionWorker } from '../work/compaction.ts';
import { DeviceWalk } from '../work/device-walk.ts';
import { Expirer } from '../work/expirer.ts';
import { type DueSource, dueSource } from '../work/lifecycle/due-jobs.ts';
import { LifecycleKeeper } from '../work/lifecycle/keeper.ts';
import { Mover } from '../work/lifecycle/mover.ts';
import { Pourer } from '../work/pieces/pourer.ts';
import { QueueReader } from '../work/queue.ts';
import { Reaper } from '../work/reaper.ts';
import { Reconciler, type RedundancyReport } from '../work/reconciler.ts';
import { Reconstructor } from '../work/reconstructor.ts';
import { Sweeper, type SweeperSettings } from '../work/sweeper.ts';
import { ownShards } from '../rings/own-shards.ts';
import { type PaceSettings, Pacer } from '../rings/pacer.ts';
import { Rebalancer } from '../rings/rebalancer.ts';
import { type ChangeProgress, RingSteward } from '../rings/steward.ts';
import { indexSize } from './index-size.ts';
import type { OpenDevice } from './open-device.ts';
import { replicasFor } from './policies.ts';
import { watchServedDevices } from './served-devices.ts';

export interface WorkSettings {
  readonly pauseMillis: number;
  readonly idleMillis: number;
  /** From the end of one scrub of all devices to the next. */
  readonly auditRoundMillis: number;
  readonly sweepRoundMillis: number;
  /** From the end of one comparison of all claims with all devices to the next, when nothing is missing. */
  readonly reconcileRoundMillis: number;
  /** The same while something is missing. */
  readonly recheckMillis: number;
  readonly sweeper: SweeperSettings;
  /** Of work that moves many bytes, beside clients. */
  readonly pace: PaceSettings;
  /** How old a commit may become before it is in its shard's backup; undefined: there are none. */
  readonly backupMillis?: number | undefined;
  /** As PourerOptions. */
  readonly pouredRows?: number;
  /** A device that is away for so long loses its shards' replicas to others. Default: ShardRepair's. */
  readonly replicaAwayMillis?: number;
}

export interface CellWorkersOptions {
  readonly group: ShardGroup;
  readonly stateMachine: StateMachine;
  readonly rows: ClusterRows;
  readonly bodies: ClusterBodies;
  readonly placement: Placement;
  readonly coordinator: Coordinator;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: WorkSettings;
  readonly lifecycle: LifecycleContext & { readonly classes: readonly StorageClass[] };
  readonly devices: () => readonly OpenDevice[];
  /** The shards whose work is this process's. */
  readonly work: ShardMap;
  /** Whether clients of other nodes may be writing a body. */
  readonly isOpenElsewhere: (objectId: string) => Promise<boolean>;
  /** Whether other machines do their part of the work. */
  readonly isShared: boolean;
  /** How far the others are with changes of rings; throws `unavailable`. */
  readonly changesElsewhere: () => Promise<readonly ChangeProgress[]>;
  /** Grows with what clients do. */
  readonly activity: () => number;
}

export class CellWorkers {
  readonly reconstructor: Reconstructor;
  readonly reconciler: Reconciler;
  readonly sweeper: Sweeper;
  readonly auditor: Auditor;
  readonly scrub: BodyScrub;
  readonly #splitter: ShardSplitter;
  readonly keeper: LifecycleKeeper;
  readonly mover: Mover;
  /** Undefined: no backups are written. */
  readonly backupKeeper: BackupKeeper | undefined;
  readonly rebalancer: Rebalancer;
  readonly #bodies: ClusterBodies;
  readonly loops: WorkerLoop[];
  readonly #pace: Pace;
  #isStarted = false;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #coordinator: Coordinator;
  readonly #settings: WorkSettings;
  #cancelWalk = (): void => undefined;
  #endWatch = (): void => undefined;
  #nextWalkAt = Number.POSITIVE_INFINITY;

  constructor(options: CellWorkersOptions) {
    const { group, work, rows, bodies, placement, clock, logger, settings } = options;
    this.#clock = clock;
    this.#logger = logger;
    this.#coordinator = options.coordinator;
    this.#settings = settings;
    const reader = (...types: ConstructorParameters<typeof QueueReader>[2]): QueueReader =>
      new QueueReader(work, clock, types);
    const walk = (roundMillis: number): DeviceWalk =>
      new DeviceWalk({
        devices: () => options.devices().map(({ id, fragments }) => ({ id, store: fragments })),
        clock,
        pageFragments: 32,
        roundMillis,
      });
    this.reconstructor = new Reconstructor({
      reader: reader('repair'),
      shards: group,
      placement,
    });
    this.reconciler = new Reconciler({
      shards: work,
      placement,
      now: () => clock.now(),
      onFinished: (report) => {
        this.#walked(report, options).catch((error: unknown) => this.#note(error));
      },
    });
    this.sweeper = new Sweeper({
      walk: walk(settings.sweepRoundMillis),
      shards: group,
      isOpen: async (id) => bodies.isOpen(id) || options.isOpenElsewhere(id),
      clock,
      settings: settings.sweeper,
    });
    this.auditor = new Auditor(walk(settings.auditRoundMillis), group, () => {
      // The report of before is no longer true.
      this.#again(this.#recheckMillis(settings));
    });
    const context = options.lifecycle;
    const due = (lane: DueLane): DueSource => dueSource({ shards: work, rows, clock }, lane);
    this.keeper = new LifecycleKeeper({ due: due('check'), rows, clock, context });
    this.mover = new Mover({ due: due('move'), rows, bodies, clock, classes: context.classes });
    this.scrub = new BodyScrub({ group, clock, logger, roundMillis: settings.auditRoundMillis });
    this.#bodies = bodies;
    this.rebalancer = rebalancerOf(options);
    this.backupKeeper = backupKeeperOf(options);
    this.#splitter = splitterOf(options, this.backupKeeper);
    this.#pace = { pauseMillis: settings.pauseMillis, idleMillis: settings.idleMillis };
    this.loops = [
      new Reaper(reader('release', 'release-parts'), bodies, rows),
      new Expirer(reader('expire'), rows, clock),
      this.keeper,
      this.mover,
      this.reconstructor,
      this.reconciler,
      this.sweeper,
      this.auditor,
      this.rebalancer,
      stewardOf(options, () => this.changes()),
      repairOf(options),
      this.scrub,
      this.#splitter,
      new LogCompaction({ devices: () => options.devices().map((one) => one.shards), logger }),
      new CompactionWorker(() => options.devices().map((device) => device.fragments)),
    ].map((worker) => this.#loop(worker));
    this.backupKeeper?.onWork(this.add(this.backupKeeper));
  }

  #loop(worker: Worker): WorkerLoop {
    const pace = this.#pace;
    return new WorkerLoop(worker, { clock: this.#clock, logger: this.#logger, pace });
  }

  /** One more, made of what stands above the cell. The returned function wakes it. */
  add(worker: Worker): () => void {
    const loop = this.#loop(worker);
    this.loops.push(loop);
    if (this.#isStarted) loop.start();
    return () => loop.wake();
  }

  /** After a whole walk over all claims: tells what was counted, and walks again until nothing is missing. */
  async #walked(report: RedundancyReport, options: CellWorkersOptions): Promise<void> {
    const { coordinator, settings } = options;
    const { devices, shards } = coordinator.current();
    const fragmentsFull = report.fragmentsPresent === report.fragmentsNeeded;
    const shardsFull = shards.every((shard) => shard.inSync.length === shard.replicas.length);
    const isFull = fragmentsFull && shardsFull;
    this.#logger.info(
      { event: isFull ? 'redundancy.full' : 'redundancy.degraded', ...report, shardsFull },
      isFull ? 'Full redundancy: every fragment and replica is there.' : 'Redundancy is not full.',
    );
    if (!isFull) {
      this.#again(this.#recheckMillis(settings));
      return;
    }
    this.#again(settings.reconcileRoundMillis);
    // What is full here says nothing of the shards that others serve.
    if (options.isShared) return;
    for (const device of devices) {
      if (device.status !== 'replacing') continue;
      await coordinator.updateDevice(device.id, device.uuid, { ...device, status: 'up' });
      this.#logger.info({ event: 'device.rebuilt', device: device.id }, 'A device is rebuilt.');
    }
  }

  /** Walking takes at most a tenth of the time, however many bodies there are. */
  #recheckMillis(settings: WorkSettings): number {
    const { startedAt = 0, finishedAt = 0 } = this.reconciler.report ?? {};
    return Math.max(settings.recheckMillis, 9 * (finishedAt - startedAt));
  }

  /** Walks again after so long, unless a walk comes sooner anyhow. */
  #again(millis: number): void {
    const at = this.#clock.monotonic() + millis;
    if (at >= this.#nextWalkAt) return;
    this.#cancelWalk();
    this.#nextWalkAt = at;
    this.#cancelWalk = this.#clock.after(millis, () => {
      this.#nextWalkAt = Number.POSITIVE_INFINITY;
      this.reconciler.request();
    });
  }

  /** How far this process is with changes of rings. */
  changes(): ChangeProgress {
    const { rings, policies } = this.#bodies;
    const oldest = policies.map(({ name }) => [name, rings.oldest(name)] as const);
    return { counted: this.rebalancer.counted, oldestWritten: new Map(oldest) };
  }

  /** A reader met a missing or bad fragment. */
  damageFound(damage: Damage): void {
    const { objectId, stripe, index, place, reason } = damage;
    const id = { objectId, stripe, index: fragmentIndex(index) };
    // A bad fragment no longer counts as present: then repair rebuilds it.
    const dropped =
      reason === 'corrupt' && place.store !== undefined
        ? place.store.removeOne(id)
        : Promise.resolve();
    dropped.then(() => this.auditor.enqueue(objectId)).catch((error: unknown) => this.#note(error));
  }

  /** As ShardSplitter.request, at once. */
  split(request: SplitRequest): Promise<void> {
    const asked = this.#splitter.request(request);
    this.#wakeSplitter();
    return asked;
  }

  /** As ShardSplitter.merge, at once. */
  merge(request: MergeRequest): Promise<void> {
    const asked = this.#splitter.merge(request);
    this.#wakeSplitter();
    return asked;
  }

  #wakeSplitter(): void {
    for (const loop of this.loops) if (loop.status.name === this.#splitter.name) loop.wake();
  }

  /** Every byte is read and verified now, not when the next round is due. */
  requestAudit(): void {
    this.auditor.request();
    this.scrub.request();
  }

  repairSoon(objectId: string): void {
    this.auditor.enqueue(objectId).catch((error: unknown) => this.#note(error));
  }

  #note(error: unknown): void {
    const message = isStoreError(error) ? error.message : String(error);
    this.#logger.warn({ event: 'repair.not-queued', reason: message }, 'A repair was not queued.');
  }

  start(): void {
    // The first walk tells what is missing after whatever happened while the process was down.
    this.reconciler.request();
    // So does one after a device has come or gone, of whichever machine: fragments of the shards here are on all.
    this.#endWatch = watchServedDevices(this.#coordinator, () =>
      this.#again(this.#recheckMillis(this.#settings)),
    );
    this.#isStarted = true;
    for (const loop of this.loops) loop.start();
  }

  async stop(): Promise<void> {
    this.#endWatch();
    this.#cancelWalk();
    await Promise.all(this.loops.map((loop) => loop.stop()));
  }

  status(): readonly WorkerStatus[] {
    return this.loops.map((loop) => loop.status);
  }
}

function repairOf({
  group,
  coordinator,
  clock,
  logger,
  settings,
}: CellWorkersOptions): ShardRepair {
  const wanted = (): number => replicasFor(coordinator.current().policies);
  const { replicaAwayMillis: awayMillis } = settings;
  const patience = awayMillis === undefined ? {} : { awayMillis };
  return new ShardRepair({ group, coordinator, clock, logger, wanted, ...patience });
}

function backupKeeperOf(options: CellWorkersOptions): BackupKeeper | undefined {
  const { group, bodies, placement, coordinator, clock, random, logger, settings } = options;
  const { backupMillis: intervalMillis } = settings;
  if (intervalMillis === undefined) return undefined;
  return new BackupKeeper({
    ...{ group, bodies, clock, random, logger, intervalMillis },
    clusterId: () => coordinator.current().clusterId,
    policies: () => placement.all(),
    defaultPolicy: () => coordinator.current().defaultPolicy,
  });
}

function splitterOf(options: CellWorkersOptions, backups: BackupKeeper | undefined): ShardSplitter {
  const { group, coordinator, stateMachine, clock, random, logger } = options;
  const looking = { group, coordinator, clock, sizeOf: indexSize };
  const tools = { group, coordinator, stateMachine, clock, logger };
  const { pouredRows } = options.settings;
  const divider = new Pourer({ clock, random, pouredRows });
  return new ShardSplitter({
    ...{ ...tools, backups, divider },
    growth: new Growth({ ...looking, divider }),
    decline: new Decline(looking),
  });
}

function rebalancerOf(options: CellWorkersOptions): Rebalancer {
  const { group, coordinator, placement, clock, settings, activity } = options;
  return new Rebalancer({
    ...{ placement, clock, own: () => ownShards(group) },
    idsOf: (id) => extentIn(coordinator.current().shards, id),
    pacer: new Pacer(clock, activity, settings.pace),
    retryMillis: settings.recheckMillis,
  });
}

function stewardOf(options: CellWorkersOptions, own: () => ChangeProgress): RingSteward {
  const { group, placement, coordinator, clock, logger } = options;
  return new RingSteward({
    ...{ coordinator, clock, logger },
    policies: () => placement.all(),
    leads: () => group.served()[0]?.primary !== undefined,
    serves: (id) => group.serves(id),
    progress: async () => [own(), ...(await options.changesElsewhere())],
  });
}

/** One machine with six simulated devices: the real cell and core over disks that crash, forget, lie and fill up. */
import { createHash } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import type { Disk } from '../../base/disk.ts';
import { StoreError } from '../../base/errors.ts';
import type { LogFields, Logger } from '../../base/log.ts';
import { createClusterMap } from '../../server/cell/bootstrap.ts';
import { initialPolicies } from '../../server/cell/policies.ts';
import { type Cell, type CellSettings, openCell } from '../../server/cell/cell.ts';
import { type DeviceFolder, initialiseFolder } from '../../server/cell/open-device.ts';
import { EmbeddedCoordinator } from '../../server/coordinator/embedded.ts';
import type { Core } from '../../server/core/api.ts';
import { createCore } from '../../server/core/core.ts';
import type { SimClock } from './clock.ts';
import { SimDisk } from './disk.ts';
import { dropSyncs, type SyncCall } from './dropped-syncs.ts';
import { SimIndexStore } from './index-store.ts';
import { SeededRandom } from './random.ts';

export const deviceCount = 6;
/** A storage class of another policy than the default one. */
export const coldClass = 'COLD';
const roomyBytes = 2 ** 30;

const workSettings = {
  pauseMillis: 2,
  idleMillis: 400,
  auditRoundMillis: 5_000,
  reconcileRoundMillis: 30_000,
  recheckMillis: 2_000,
  pouredRows: 2,
  sweepRoundMillis: 4_000,
  pace: { busyShare: 0.5 },
  sweeper: { graceMillis: 65_000, confirmMillis: 5_000, maxSuspects: 1000 },
};

/** Everything small, so that a short run meets many stripes, volumes, segments and rounds of work. */
const cellSettings: CellSettings = {
  device: {
    volumeBytes: 64 * 1024,
    reserveBytes: 16 * 1024,
    checkpointBytes: 32 * 1024,
    logSegmentBytes: 64 * 1024,
  },
  write: {
    stripeBytes: 4096,
    stripesInFlight: 3,
    patienceMinMillis: 100,
    patienceMaxMillis: 400,
    syncEveryBytes: 8192,
  },
  read: { readAheadStripes: 2, stripesInFlight: 4, hedgeMinMillis: 20, hedgeMaxMillis: 100 },
  work: workSettings,
  lifecycleDayMillis: 1_000,
  releaseGraceMillis: 3_000,
};

export type CrashLoss = 'none' | 'all' | 'some' | 'tear';

/** One process from its start to its death; its timers and log lines end with it. */
class Life implements Clock, Logger {
  readonly #clock: SimClock;
  readonly #note: (level: string, fields: LogFields & { event: string }, text: string) => void;
  readonly ended: Promise<void>;
  #end: () => void = () => undefined;
  #alive = true;

  constructor(clock: SimClock, note: Life['note']) {
    this.#clock = clock;
    this.#note = note;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
  }

  get alive(): boolean {
    return this.#alive;
  }

  end(): void {
    this.#alive = false;
    this.#end();
  }

  note(level: string, fields: LogFields & { event: string }, text: string): void {
    if (this.#alive) this.#note(level, fields, text);
  }
  debug(): void {}
  info(): void {}
  warn(fields: LogFields & { event: string }, text: string): void {
    this.note('warn', fields, text);
  }
  error(fields: LogFields & { event: string }, text: string): void {
    this.note('error', fields, text);
  }

  now(): number {
    return this.#clock.now();
  }
  monotonic(): number {
    return this.#clock.monotonic();
  }
  after(millis: number, task: () => void): () => void {
    return this.#clock.after(millis, () => {
      if (this.#alive) task();
    });
  }
  turn(): Promise<void> {
    return new Promise((resolve) => {
      void this.#clock.turn().then(() => {
        if (this.#alive) resolve();
      });
    });
  }
  sleep(millis: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const aborted = (): void => {
        cancel();
        reject(new StoreError('cancelled', 'clock.sleep', 'the wait was cancelled'));
      };
      const cancel = this.after(millis, () => {
        signal?.removeEventListener('abort', aborted);
        resolve();
      });
      if (signal?.aborted) aborted();
      else signal?.addEventListener('abort', aborted, { once: true });
    });
  }
}

/** What clients talk to while the process lives. */
export interface Running {
  readonly cell: Cell;
  readonly core: Core;
  /** Resolves when this process dies or stops. */
  readonly ended: Promise<void>;
}

export interface WorldOptions {
  readonly clock: SimClock;
  readonly seed: number;
  /** Syncs that lie: the mutation that some seed must notice. */
  readonly dropped?: ((call: SyncCall) => boolean) | undefined;
  /** Shards keep backups among the fragments. */
  readonly hasBackups?: boolean;
}

export class World {
  readonly clock: SimClock;
  /** By which objects expire. */
  readonly wall: SimClock;
  readonly disks: SimDisk[];
  running: Running | undefined;
  /** Log lines of level error: a run with any fails. */
  readonly errors: string[] = [];
  readonly #indexes: readonly SimIndexStore[];
  readonly #dropped: WorldOptions['dropped'];
  readonly #backupMillis: number | undefined;
  readonly #random: SeededRandom;
  readonly #latency: SeededRandom;
  /** Extra milliseconds an operation on this device may take. */
  readonly #slowness: number[] = Array.from({ length: deviceCount }, () => 0);
  readonly #trace = createHash('sha256');
  readonly #verbose = process.env['SIM_TRACE'] !== undefined;
  #life: Life | undefined;
  /** The first process has begun to make the cluster. */
  #isFormed = false;

  constructor({ clock, seed, dropped, hasBackups }: WorldOptions) {
    this.clock = clock;
    this.wall = clock;
    this.#dropped = dropped;
    this.#backupMillis = hasBackups === true ? 1_500 : undefined;
    this.#random = new SeededRandom(seed * 4 + 1);
    this.#latency = new SeededRandom(seed * 4 + 2);
    this.#indexes = Array.from({ length: deviceCount }, () => new SimIndexStore());
    this.disks = Array.from({ length: deviceCount }, (_, place) => this.#newDisk(place));
  }

  #newDisk(place: number): SimDisk {
    return new SimDisk({
      clock: this.clock,
      capacityBytes: roomyBytes,
      latencyMillis: (operation) =>
        operation.type === 'space'
          ? 0
          : this.#latency.fraction() * (2 + (this.#slowness[place] ?? 0)),
    });
  }

  /** Another disk, empty, stands in this one's place; only while no process runs. */
  replaceDisk(place: number): void {
    this.trace(`device ${place} is another, empty one`);
    this.disks[place] = this.#newDisk(place);
    this.#indexes[place]?.wipe();
  }

  /** Adds a line to the trace that two runs of one seed must share. */
  trace(line: string): void {
    const text = `${this.clock.monotonic().toFixed(3)} ${line}\n`;
    this.#trace.update(text);
    if (this.#verbose) process.stderr.write(text);
  }

  traceHash(): string {
    return this.#trace.digest('hex');
  }

  #folder(place: number): DeviceFolder {
    const disk = this.disks[place];
    const index = this.#indexes[place];
    if (disk === undefined || index === undefined) throw new Error('no such device');
    const session: Disk = disk.session();
    return {
      path: `/device-${place}`,
      disk: this.#dropped === undefined ? session : dropSyncs(session, this.#dropped),
      openIndex: () => Promise.resolve(index.open()),
      destroyIndex: () => Promise.resolve(index.wipe()),
      makeFolder: () => Promise.resolve(),
    };
  }

  /** Starts a process without the devices in `without`; undefined when it died while starting. */
  async boot(without: readonly number[] = []): Promise<Running | undefined> {
    const life = new Life(this.clock, (level, fields, text) => {
      this.trace(`log ${level} ${JSON.stringify(fields)} ${text}`);
      if (level === 'error') this.errors.push(`${JSON.stringify(fields)} ${text}`);
    });
    this.#life = life;
    this.trace(`boot without ${without.join(' ')}`);
    const folders = Array.from({ length: deviceCount }, (_, place) => place)
      .filter((place) => !without.includes(place))
      .map((place) => this.#folder(place));
    const opening = this.#open(life, folders);
    // The life may end first; then nobody awaits the opening.
    opening.catch(() => undefined);
    const running = await Promise.race([opening, life.ended]);
    if (running === undefined || !life.alive) return undefined;
    this.running = running;
    this.trace(`booted, away ${JSON.stringify(running.cell.away().map((one) => one.reason))}`);
    return running;
  }

  async #open(life: Life, folders: readonly DeviceFolder[]): Promise<Running> {
    const random = new SeededRandom(Math.floor(this.#random.fraction() * 2 ** 31));
    const disks = folders.map((folder) => folder.disk);
    const coordinator =
      (await EmbeddedCoordinator.open(disks)) ?? (await this.#initialise(random, folders));
    const [clock, logger] = [life, life];
    const cell = await openCell({
      ...{ coordinator, folders, clock, random, logger },
      settings: { ...cellSettings, work: { ...workSettings, backupMillis: this.#backupMillis } },
      storageClasses: [{ name: coldClass, policy: 'replica:3', isArchive: false }],
    });
    const { rows, bodies, storageClasses } = cell;
    const limits = { inlineBytes: 256, minPartBytes: 0 };
    const core = createCore({ rows, bodies, clock, random, logger, limits, storageClasses });
    cell.workers.start();
    cell.workers.reconciler.request();
    return { cell, core, ended: life.ended };
  }

  async #initialise(
    random: SeededRandom,
    folders: readonly DeviceFolder[],
  ): Promise<EmbeddedCoordinator> {
    // A dead process finds no map either; it must not begin anew.
    if (this.#isFormed) throw new Error('every device has forgotten the cluster map');
    this.#isFormed = true;
    const devicePaths = folders.map((folder) => folder.path);
    const policies = initialPolicies({ type: 'standard', scheme: 'ec:4+2' }, devicePaths.length);
    const map = createClusterMap({ random, devicePaths, policies });
    const { clusterId } = map;
    for (const [place, device] of map.devices.entries()) {
      const folder = folders[place];
      if (folder === undefined) continue;
      await initialiseFolder(folder, { clusterId, device, now: this.clock.now() });
    }
    return EmbeddedCoordinator.create(
      map,
      folders.map((folder) => folder.disk),
    );
  }

  /** kill -9 (`none`) or a power loss. */
  async crash(lose: CrashLoss): Promise<void> {
    this.trace(`crash ${lose}`);
    this.#life?.end();
    for (const [place, disk] of this.disks.entries()) {
      const index = this.#indexes[place];
      disk.crash(this.#random, { lose });
      if (lose === 'none') await index?.killed();
      else await index?.powerLost(this.#random);
    }
  }

  /** Stops as SIGTERM does. */
  async stop(): Promise<void> {
    this.trace('stop');
    await this.running?.cell.close();
    this.#life?.end();
    for (const [place, disk] of this.disks.entries()) {
      disk.crash(this.#random, { lose: 'none' });
      await this.#indexes[place]?.killed();
    }
  }

  slow(place: number, millis: number): void {
    this.#slowness[place] = millis;
  }

  /** All logs and indexes are lost, whatever else the devices hold; only while no process runs. */
  async loseMetadata(): Promise<void> {
    this.trace('all logs and indexes are lost');
    for (const [place, disk] of this.disks.entries()) {
      this.#indexes[place]?.wipe();
      const names = await disk.list('log');
      for (const name of names) await disk.remove(`log/${name}`);
      if (names.length > 0) await disk.syncDirectory('log');
    }
  }

  /** The index folder is lost, as when LevelDB cannot open it; only while no process runs. */
  loseIndex(place: number): void {
    this.trace(`device ${place} loses its index`);
    this.#indexes[place]?.wipe();
  }

  /** From now on the medium answers no read; `heal` ends it. */
  failReads(place: number): void {
    this.trace(`device ${place} fails reads`);
    this.disks[place]?.fail('reads');
  }

  /** Ends what `slow`, `limitRoom` and `failReads` began. */
  healDevices(): void {
    for (const [place, disk] of this.disks.entries()) {
      this.slow(place, 0);
      this.limitRoom(place, undefined);
      disk.fail('nothing');
    }
  }

  /** Leaves room for `bytes` more; undefined: plenty. */
  limitRoom(place: number, bytes: number | undefined): void {
    const disk = this.disks[place];
    if (disk === undefined) return;
    const used = disk.medium.usedBytes(new Set());
    disk.capacityBytes = bytes === undefined ? roomyBytes : used + bytes;
    if (bytes !== undefined) this.trace(`room on device ${place}: ${bytes}`);
  }

  /** Flips one random bit of a random file in one of these folders, if there is one. */
  flip(place: number, random: SeededRandom, folders: readonly string[]): void {
    const disk = this.disks[place];
    const folder = random.pick(folders);
    const names = disk?.medium.list(folder) ?? [];
    if (disk === undefined || names.length === 0) return;
    const path = `${folder}/${random.pick(names)}`;
    const file = disk.medium.lookup(path);
    const size = file === undefined ? 0 : disk.medium.size(file);
    if (size === 0) return;
    const position = random.below(size);
    disk.flip(path, position, random.below(8));
    this.trace(`flip device ${place} ${path} ${position}`);
  }
}

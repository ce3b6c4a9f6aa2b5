/** A simulated cluster: machines with devices, proxies, a network and an engine between them. */
import { createHash } from 'node:crypto';
import { toHex } from '../../../base/bytes.ts';
import { deviceId } from '../../../base/units.ts';
import { type Cell, type CellSettings, openCell } from '../../../server/cell/cell.ts';
import { type DeviceFolder, initialiseFolder } from '../../../server/cell/open-device.ts';
import { formCluster } from '../../../server/cluster/form.ts';
import { MapCoordinator } from '../../../server/coordinator/map-coordinator.ts';
import { writeNewMap } from '../../../server/coordinator/new-map.ts';
import { createCore } from '../../../server/core/core.ts';
import type { ClusterMap, Coordinator, DeviceState } from '../../../storage/shard/coordinator.ts';
import type { Reachable } from '../clients.ts';
import type { SimClock } from '../clock.ts';
import { SimDisk } from '../disk.ts';
import { SimIndexStore } from '../index-store.ts';
import { SeededRandom } from '../random.ts';
import { alwaysReached, SimEngine } from './engine.ts';
import { SimNet } from './net.ts';
import { diskOf, type MachineTime, Process } from './process.ts';

const clusterId = 'c1'.repeat(16);
const port = 7000;

/** Everything small, so that a short run meets many stripes, volumes, segments and rounds of work. */
const cellSettings: CellSettings = {
  device: {
    volumeBytes: 64 * 1024,
    reserveBytes: 16 * 1024,
    checkpointBytes: 32 * 1024,
    logSegmentBytes: 64 * 1024,
  },
  write: {
    stripeBytes: 8192,
    stripesInFlight: 3,
    patienceMinMillis: 100,
    patienceMaxMillis: 400,
    syncEveryBytes: 16_384,
  },
  read: { readAheadStripes: 2, stripesInFlight: 4, hedgeMinMillis: 20, hedgeMaxMillis: 100 },
  work: {
    pauseMillis: 10,
    idleMillis: 1_500,
    auditRoundMillis: 20_000,
    reconcileRoundMillis: 60_000,
    recheckMillis: 3_000,
    pouredRows: 2,
    sweepRoundMillis: 30_000,
    pace: { busyShare: 0.5 },
    sweeper: { graceMillis: 65_000, confirmMillis: 5_000, maxSuspects: 1000 },
    replicaAwayMillis: 20_000,
  },
  lifecycleDayMillis: 1_000,
  releaseGraceMillis: 3_000,
};

export interface Running extends Reachable {
  readonly machine: Machine;
  readonly process: Process;
  readonly cell: Cell;
}

interface Device {
  readonly path: string;
  readonly disk: SimDisk;
  readonly index: SimIndexStore;
  slowMillis: number;
}

/** What stays when its process ends. */
export interface Machine {
  readonly name: string;
  readonly zone: string;
  readonly devices: Device[];
  readonly time: MachineTime & { wallOffset: number };
  running: Running | undefined;
  /** The process that is starting or running. */
  process: Process | undefined;
}

export type Loss = 'none' | 'all' | 'some' | 'tear';

export interface ClusterOptions {
  readonly clock: SimClock;
  readonly seed: number;
  readonly nodes: number;
  readonly proxies: number;
  readonly devicesPerNode: number;
  readonly zones: number;
  readonly policy: string;
  readonly readShare: number;
  /** Shards keep backups among the fragments. */
  readonly hasBackups: boolean;
  /** How old a commit may become before it is in its shard's backup. */
  readonly backupMillis?: number;
  /** Changes what a process is made of: for mutations. */
  readonly mutate?: ((coordinator: Coordinator) => Coordinator) | undefined;
}

export class ClusterWorld {
  readonly clock: SimClock;
  readonly net: SimNet;
  readonly engine: SimEngine;
  readonly machines: readonly Machine[];
  /** Of all operations the share that only read; may change. */
  readShare: number;
  /** Log lines of level error: a run with any fails. */
  readonly errors: string[] = [];
  readonly #options: ClusterOptions;
  readonly #random: SeededRandom;
  readonly #latency: SeededRandom;
  readonly #trace = createHash('sha256');
  readonly #verbose = process.env['SIM_TRACE'] !== undefined;

  constructor(options: ClusterOptions) {
    const { clock, seed } = options;
    this.#options = options;
    this.clock = clock;
    this.readShare = options.readShare;
    this.#random = new SeededRandom(seed * 8 + 1);
    this.net = new SimNet({ clock, random: new SeededRandom(seed * 8 + 2) });
    this.engine = new SimEngine(clock, new SeededRandom(seed * 8 + 3));
    this.#latency = new SeededRandom(seed * 8 + 4);
    const skew = new SeededRandom(seed * 8 + 5);
    const make = (name: string, place: number, count: number): Machine => ({
      name,
      zone: `z${place % options.zones}`,
      devices: Array.from({ length: count }, (_, device) =>
        this.#makeDevice(`/${name}/d${device + 1}`),
      ),
      time: {
        rate: 0.96 + skew.fraction() * 0.08,
        wallOffset: Math.floor((skew.fraction() - 0.5) * 4000),
      },
      running: undefined,
      process: undefined,
    });
    const nodes = Array.from({ length: options.nodes }, (_, place) =>
      make(`n${place + 1}`, place, options.devicesPerNode),
    );
    const proxies = Array.from({ length: options.proxies }, (_, place) =>
      make(`p${place + 1}`, place, 0),
    );
    this.machines = [...nodes, ...proxies];
  }

  #makeDevice(path: string): Device {
    const device: Device = {
      path,
      index: new SimIndexStore(),
      slowMillis: 0,
      disk: new SimDisk({
        clock: this.clock,
        capacityBytes: 2 ** 30,
        latencyMillis: (operation) =>
          operation.type === 'space' ? 0 : this.#latency.fraction() * (2 + device.slowMillis),
      }),
    };
    return device;
  }

  get nodes(): readonly Machine[] {
    return this.machines.filter((machine) => machine.devices.length > 0);
  }

  get proxies(): readonly Machine[] {
    return this.machines.filter((machine) => machine.devices.length === 0);
  }

  /** An empty folder more, which the map may make a device of; returns its path. */
  addDevice(name: string): string {
    const machine = this.machines.find((one) => one.name === name);
    const path = `/${name}/d${(machine?.devices.length ?? 0) + 1}`;
    machine?.devices.push(this.#makeDevice(path));
    return path;
  }

  /** Tells of every change of the map, as the engine has it. */
  async watch(listener: (map: ClusterMap) => void): Promise<void> {
    const coordinator = await this.#openCoordinator();
    listener(coordinator.current());
    coordinator.watch(listener);
  }

  trace(line: string): void {
    const text = `${this.clock.monotonic().toFixed(3)} ${line}\n`;
    this.#trace.update(text);
    if (this.#verbose) process.stderr.write(text);
  }

  traceHash(): string {
    return this.#trace.digest('hex');
  }

  /** A formed cluster; nothing runs yet. */
  async form(): Promise<void> {
    const devices = this.machines.flatMap((machine) =>
      machine.devices.map((device) => ({ machine, device })),
    );
    const states = devices.map(
      ({ machine, device }, place): DeviceState => ({
        ...{ id: deviceId(place + 1), uuid: toHex(this.#random.bytes(16)), path: device.path },
        ...{ region: 'r1', zone: machine.zone, node: machine.name, weight: 0, status: 'new' },
      }),
    );
    const engine = this.engine.client(alwaysReached);
    await writeNewMap(engine, {
      ...{ format: 1, clusterId, version: 1, policies: [], defaultPolicy: '', shards: [] },
      devices: states,
      nodes: this.machines.map(({ name, zone }) => ({
        ...{ name, zone, region: 'r1', address: `${name}:${port}` },
      })),
    });
    for (const [place, { device }] of devices.entries()) {
      const state = states[place];
      if (state === undefined) continue;
      const now = this.clock.now();
      await initialiseFolder(this.#folder(device, undefined), { clusterId, device: state, now });
    }
    const coordinator = await this.#openCoordinator();
    const { policy } = this.#options;
    await formCluster(coordinator, [
      { name: policy, aliases: [], scheme: policy, isDeprecated: false, isDefault: true },
    ]);
    await coordinator.close();
  }

  async #openCoordinator(of?: Process): Promise<MapCoordinator> {
    const engine = this.engine.client(of === undefined ? alwaysReached : of.reach(this.net));
    const logger = of ?? { debug() {}, info() {}, warn() {}, error() {} };
    const coordinator = await MapCoordinator.open({ engine, clock: of ?? this.clock, logger });
    if (coordinator === undefined) throw new Error('there is no cluster');
    return coordinator;
  }

  #folder(device: Device, of: Process | undefined): DeviceFolder {
    const { path, index } = device;
    const session = device.disk.session();
    return {
      path,
      disk: of === undefined ? session : diskOf(of, session),
      openIndex: () => Promise.resolve(index.open()),
      destroyIndex: () => Promise.resolve(index.wipe()),
      makeFolder: () => Promise.resolve(),
    };
  }

  /** Starts a machine's process; undefined when it died before it was up. */
  async boot(machine: Machine): Promise<Running | undefined> {
    if (machine.process !== undefined) throw new Error(`${machine.name} runs already`);
    const started = new Process(
      this.clock,
      this.net.host(machine.name),
      machine.time,
      (level, fields, text) => {
        this.trace(`${machine.name} ${level} ${JSON.stringify(fields)} ${text}`);
        if (level === 'error')
          this.errors.push(`${machine.name} ${JSON.stringify(fields)} ${text}`);
      },
    );
    machine.process = started;
    this.trace(`${machine.name} boots`);
    const opening = this.#open(machine, started);
    opening.catch(() => undefined);
    const running = await Promise.race([opening, started.ended]);
    if (running === undefined || !started.alive) return undefined;
    machine.running = running;
    this.trace(`${machine.name} is up`);
    return running;
  }

  #settings(): CellSettings {
    if (!this.#options.hasBackups) return cellSettings;
    const { backupMillis = 4_000 } = this.#options;
    return { ...cellSettings, work: { ...cellSettings.work, backupMillis } };
  }

  /** Tries again while the engine does not answer. */
  async #open(machine: Machine, started: Process): Promise<Running> {
    const random = new SeededRandom(Math.floor(this.#random.fraction() * 2 ** 31));
    const [clock, logger] = [started, started];
    const instance = toHex(random.bytes(8));
    for (;;) {
      try {
        const opened = await this.#openCoordinator(started);
        const coordinator = this.#options.mutate?.(opened) ?? opened;
        const cell = await openCell({
          ...{ coordinator, clock, random, logger, settings: this.#settings() },
          folders: machine.devices.map((device) => this.#folder(device, started)),
          folderAt: (path) => {
            const device = machine.devices.find((one) => one.path === path);
            if (device === undefined) throw new Error(`${machine.name} has no folder ${path}`);
            return this.#folder(device, started);
          },
          member: {
            net: started.host,
            self: { cluster: clusterId, node: machine.name, instance, release: 'sim' },
            listen: { host: machine.name, port },
            address: `${machine.name}:${port}`,
          },
        });
        const { rows, bodies } = cell;
        const limits = { inlineBytes: 256, minPartBytes: 0 };
        const core = createCore({ rows, bodies, clock, random, logger, limits });
        cell.workers.start();
        return { machine, process: started, cell, core, ended: started.ended };
      } catch (error) {
        this.trace(`${machine.name} cannot start: ${String(error)}`);
        await started.sleep(500);
      }
    }
  }

  /** kill -9 (`none`) or a power loss. */
  async crash(machine: Machine, lose: Loss): Promise<void> {
    this.trace(`${machine.name} crashes, loses ${lose}`);
    machine.process?.end();
    machine.process = undefined;
    machine.running = undefined;
    for (const { disk, index } of machine.devices) {
      disk.crash(this.#random, { lose });
      if (lose === 'none') await index.killed();
      else await index.powerLost(this.#random);
    }
  }

  /** All logs and indexes are lost, whatever else the devices hold; only while no process runs. */
  async loseMetadata(): Promise<void> {
    this.trace('all logs and indexes are lost');
    for (const { disk, index } of this.machines.flatMap(({ devices }) => devices)) {
      index.wipe();
      const names = await disk.list('log');
      for (const name of names) await disk.remove(`log/${name}`);
      if (names.length > 0) await disk.syncDirectory('log');
    }
  }

  /** Stops as SIGTERM does. */
  async stop(machine: Machine): Promise<void> {
    const { running } = machine;
    if (running === undefined) return;
    this.trace(`${machine.name} stops`);
    machine.running = undefined;
    await Promise.race([running.cell.close(), running.ended]);
    if (machine.process === running.process) await this.crash(machine, 'none');
  }
}

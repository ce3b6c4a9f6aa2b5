/** One seed: clients of a cluster whose machines and network fail; then all is healed and compared. */
import type { Coordinator } from '../../../storage/shard/coordinator.ts';
import { silentLogger } from '../../../base/log.ts';
import { type RebuildReport, rebuildShards } from '../../../server/work/backup/rebuild.ts';
import { createCodec } from '../../../storage/erasure/create-codec.ts';
import { parseScheme } from '../../../ring/policy.ts';
import { address, Clients, context, keys, Violation } from '../clients.ts';
import { SimClock } from '../clock.ts';
import { describeHistory, linearizable } from '../history.ts';
import { SeededRandom } from '../random.ts';
import { ownerIn } from '../../../storage/shard/ranges/extent.ts';
import { checkPieces } from '../shards/pieces.ts';
import { checkSums, Reshaping } from '../shards/reshaping.ts';
import { engineHost } from './engine.ts';
import { heal } from './healing.ts';
import { RingChanges } from './ring-changes.ts';
import { ClusterWorld, type Loss, type Machine } from './world.ts';

export interface ScenarioOptions {
  readonly seed: number;
  readonly mutate?: ((coordinator: Coordinator) => Coordinator) | undefined;
  /** What half of the faults are; undefined: as the seed says. */
  readonly favourite?: FaultKind | undefined;
  /** Whether devices come and go; undefined: in every third seed. */
  readonly changesRings?: boolean | undefined;
}

export interface ScenarioResult {
  readonly traceHash: string;
  readonly counts: Clients['counts'];
  readonly undecided: number;
  readonly faults: number;
  /** Changes of devices that were begun. */
  readonly changes: number;
}

const clientCount = 5;
const faultyMillis = 40_000;

/** Machines, and a policy that goes on with one of them away. */
const shapes: readonly (readonly [number, string])[] = [
  [3, 'replica:3'],
  [3, 'replica:3'],
  [3, 'replica:3'],
  [4, 'ec:2+2'],
  [5, 'ec:2+2'],
  [6, 'ec:4+2'],
  [7, 'ec:4+2'],
];

const faultKinds = [
  'crash',
  'stop',
  'pause',
  'isolate',
  'pair',
  'engine',
  'behind',
  'quorum',
  'jump',
  'slow',
  'freeze',
] as const;
export type FaultKind = (typeof faultKinds)[number];

class Scenario {
  readonly #world: ClusterWorld;
  readonly #clients: Clients;
  readonly #random: SeededRandom;
  #faults = 0;
  #undecided = 0;
  #containerId = '';
  readonly #pauseMillis: number;
  /** Half of a run's faults are of this kind: what one kind does again and again is seldom met by chance. */
  readonly #favourite: FaultKind;
  /** In some runs shards are split and merged all the time. */
  readonly #reshaping: Reshaping | undefined;

  readonly #rings: RingChanges | undefined;
  readonly #hasBackups: boolean;

  constructor(world: ClusterWorld, { seed, favourite, changesRings }: ScenarioOptions) {
    this.#world = world;
    this.#hasBackups = hasBackups(seed);
    if (changesRings ?? seed % 3 === 0) {
      this.#rings = new RingChanges(world, new SeededRandom(seed * 8 + 2 ** 28));
    }
    this.#random = new SeededRandom(seed * 8 + 7);
    this.#pauseMillis = this.#random.pick([250, 500, 900]);
    const own = this.#random.pick(faultKinds);
    this.#favourite = favourite ?? own;
    this.#clients = new Clients(world, new SeededRandom(seed * 8));
    const splitting = new SeededRandom(seed + 2_000_003);
    if (splitting.chance(0.5)) this.#reshaping = new Reshaping(world.clock, splitting);
  }

  async run(): Promise<ScenarioResult> {
    const world = this.#world;
    await world.form();
    await Promise.all(world.machines.map((machine) => world.boot(machine)));
    await this.#createContainer();
    await this.#rings?.begin();
    const clients = Array.from({ length: clientCount }, () => this.#client());
    const faults = this.#faultLoops();
    const changes = this.#rings?.loop(() => this.#over);
    await Promise.all([...clients, ...faults, this.#split(), changes]);
    await heal(world, this.#rings);
    await this.#rings?.judged();
    const early = this.#rings?.violations ?? [];
    if (early.length > 0) throw new Violation(early.join('\n'));
    await this.#checkAll();
    if (this.#hasBackups) await this.#checkRebuilt();
    this.#checkHistories();
    if (world.errors.length > 0) throw new Violation(world.errors.join('\n'));
    return {
      traceHash: world.traceHash(),
      counts: this.#clients.counts,
      undecided: this.#undecided,
      faults: this.#faults,
      changes: this.#rings?.changes ?? 0,
    };
  }

  async #createContainer(): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const [proxy] = this.#world.proxies;
      try {
        const core = proxy?.running?.core;
        await core?.createContainer(context, address, {
          ...{ claimName: 'if-free', policy: undefined, settings: {} },
        });
        this.#containerId = (await core?.headContainer(context, address))?.containerId ?? '';
        return;
      } catch {
        await this.#sleep(100);
      }
    }
    throw new Violation('a healthy cluster takes no container');
  }

  #sleep(millis: number): Promise<void> {
    return this.#world.clock.sleep(millis);
  }

  get #over(): boolean {
    return this.#world.clock.monotonic() > faultyMillis;
  }

  /** Machines with replicas of the shard that everything here lies in, the primary's first. */
  #hot(): readonly Machine[] {
    const coordinator = this.#world.machines.find((one) => one.running !== undefined)?.running?.cell
      .coordinator;
    if (coordinator === undefined) return this.#world.nodes;
    const { shards, devices } = coordinator.current();
    const shard = ownerIn(shards, this.#containerId);
    const ids = [shard?.primary, ...(shard?.replicas ?? [])];
    const names = new Set(ids.map((id) => devices.find((device) => device.id === id)?.node));
    return [...names].flatMap((name) => this.#world.nodes.find((one) => one.name === name) ?? []);
  }

  #anyMachine(): Machine {
    const roll = this.#random.fraction();
    if (roll < 0.35) return this.#hot()[0] ?? this.#random.pick(this.#world.nodes);
    return this.#random.pick(roll < 0.65 ? this.#hot() : this.#world.machines);
  }

  async #client(): Promise<void> {
    while (!this.#over) {
      // As good as any other for a client; old primaries are most often met so.
      const pool = this.#random.chance(0.4) ? this.#world.proxies : this.#hot();
      const { running } = this.#random.pick(pool);
      if (running !== undefined) await this.#clients.act(running);
      await this.#sleep(this.#random.fraction() * this.#pauseMillis);
    }
  }

  async #split(): Promise<void> {
    await this.#reshaping?.run(() => this.#world.machines.flatMap(({ running }) => running ?? []), {
      rounds: 6,
      pauseMillis: 10_000,
      patienceMillis: 3000,
    });
  }

  #faultLoops(): readonly Promise<void>[] {
    const loops = this.#random.below(3) + 1;
    return Array.from({ length: loops }, () => this.#faultLoop());
  }

  async #faultLoop(): Promise<void> {
    while (!this.#over) {
      await this.#sleep(this.#random.fraction() * 5000);
      if (this.#over) return;
      this.#faults++;
      await this.#fault();
    }
  }

  async #fault(): Promise<void> {
    const machine = this.#anyMachine();
    const kind = this.#random.chance(0.5) ? this.#favourite : this.#random.pick(faultKinds);
    switch (kind) {
      case 'crash':
        return this.#crashAndBoot(machine);
      case 'stop':
        return this.#stopAndBoot(machine);
      case 'pause':
        return this.#pause(machine);
      case 'isolate':
        return this.#isolate(machine);
      case 'pair':
        return this.#cutPair(machine);
      case 'engine':
        return this.#cutEngine(machine);
      case 'behind':
        return this.#leaveOneBehind();
      case 'quorum':
        return this.#loseQuorum();
      case 'jump':
        return this.#jump(machine);
      case 'slow':
        return this.#slowDisk(machine);
      case 'freeze':
        return this.#freeze(machine);
    }
  }

  /** It goes on as if nothing were, and others take over what it serves. */
  async #cutEngine(machine: Machine): Promise<void> {
    this.#world.trace(`${machine.name} is cut off from the engine`);
    this.#world.net.cut(machine.name, engineHost);
    if (this.#random.chance(0.7)) this.#world.net.cut(engineHost, machine.name);
    await this.#sleep(4000 + this.#random.fraction() * 10_000);
    this.#world.trace(`${machine.name} reaches the engine`);
    this.#world.net.join(machine.name, engineHost);
    this.#world.net.join(engineHost, machine.name);
  }

  /** It stands still with what it has sent still on the way, and both go on after others have taken over. */
  async #freeze(any: Machine): Promise<void> {
    const machine = this.#random.chance(0.8) ? (this.#hot()[0] ?? any) : any;
    const { process } = machine;
    if (process === undefined) return;
    const others = this.#world.nodes.filter((one) => one !== machine);
    this.#world.trace(`${machine.name} freezes`);
    for (const other of others) this.#world.net.cut(machine.name, other.name);
    const { running } = machine;
    const { readShare } = this.#world;
    this.#world.readShare = 0;
    const writes = running === undefined ? [] : [1, 2, 3, 4].map(() => this.#clients.act(running));
    const written = Promise.all(writes);
    written.catch(() => undefined);
    await this.#sleep(this.#random.fraction() * 50);
    process.host.pause();
    // A commit of the next primary would be in the way of those that come late: now and then there is none.
    this.#world.readShare = this.#random.chance(0.7) ? 1 : readShare;
    await this.#sleep(6000 + this.#random.fraction() * 4000);
    this.#world.trace(`${machine.name} thaws`);
    for (const other of others) this.#world.net.join(machine.name, other.name);
    await this.#sleep(this.#random.fraction() * 100);
    process.host.resume();
    await this.#sleep(2000);
    this.#world.readShare = readShare;
    await written;
  }

  /** One replica misses commits; then the others go, and it is the only one there. */
  async #leaveOneBehind(): Promise<void> {
    const [first, ...rest] = this.#hot();
    const behind = this.#random.pick(rest.length === 0 ? this.#world.nodes : rest);
    if (first === undefined) return;
    const others = this.#world.machines.filter((one) => one !== behind);
    this.#world.trace(`${behind.name} is left behind`);
    for (const other of others) {
      this.#world.net.cut(other.name, behind.name);
      if (this.#random.chance(0.5)) this.#world.net.cut(behind.name, other.name);
    }
    await this.#sleep(this.#random.fraction() * 9000);
    const gone = [first, ...rest].filter((one) => one !== behind);
    for (const machine of gone) {
      if (machine.process !== undefined) {
        await this.#world.crash(machine, this.#random.pick(['none', 'all', 'some']));
      }
    }
    for (const other of others) {
      this.#world.net.join(other.name, behind.name);
      this.#world.net.join(behind.name, other.name);
    }
    this.#world.trace(`${behind.name} is alone`);
    await this.#sleep(3000 + this.#random.fraction() * 9000);
    for (const machine of gone) {
      if (machine.process === undefined) await this.#world.boot(machine);
    }
  }

  async #crashAndBoot(machine: Machine): Promise<void> {
    if (machine.process === undefined) return;
    const loss: Loss = this.#random.pick(['none', 'none', 'all', 'some', 'tear']);
    await this.#world.crash(machine, loss);
    await this.#sleep(this.#random.fraction() * (this.#random.chance(0.2) ? 40_000 : 8000));
    if (machine.process === undefined) await this.#world.boot(machine);
  }

  async #stopAndBoot(machine: Machine): Promise<void> {
    await this.#world.stop(machine);
    await this.#sleep(this.#random.fraction() * 3000);
    if (machine.process === undefined) await this.#world.boot(machine);
  }

  async #pause(machine: Machine): Promise<void> {
    const { process } = machine;
    if (process === undefined) return;
    this.#world.trace(`${machine.name} stands still`);
    process.host.pause();
    await this.#sleep(this.#random.fraction() * 15_000);
    this.#world.trace(`${machine.name} goes on`);
    process.host.resume();
  }

  /** All ways of a machine, or those of one direction; with or without the engine; once or again and again. */
  async #isolate(machine: Machine): Promise<void> {
    const others = this.#world.machines.filter((one) => one !== machine).map((one) => one.name);
    if (this.#random.chance(0.6)) others.push(engineHost);
    const direction = this.#random.pick(['both', 'both', 'out', 'in']);
    const rounds = this.#random.chance(0.3) ? 4 : 1;
    for (let round = 0; round < rounds; round++) {
      this.#world.trace(`${machine.name} is cut off (${direction}) from ${others.join(' ')}`);
      for (const other of others) {
        if (direction !== 'in') this.#world.net.cut(machine.name, other);
        if (direction !== 'out') this.#world.net.cut(other, machine.name);
      }
      await this.#sleep((this.#random.fraction() * 14_000) / rounds);
      this.#world.trace(`${machine.name} is joined`);
      for (const other of others) {
        this.#world.net.join(machine.name, other);
        this.#world.net.join(other, machine.name);
      }
      if (rounds > 1) await this.#sleep(this.#random.fraction() * 1500);
    }
  }

  async #cutPair(machine: Machine): Promise<void> {
    const names = [...this.#world.machines.map((one) => one.name), engineHost];
    const other = this.#random.pick(names.filter((name) => name !== machine.name));
    if (this.#random.chance(0.3) && other !== engineHost) {
      this.#world.trace(`connections of ${machine.name} and ${other} are reset`);
      this.#world.net.reset(machine.name, other);
      return;
    }
    this.#world.trace(`${machine.name} cannot reach ${other}`);
    this.#world.net.cut(machine.name, other);
    if (this.#random.chance(0.5)) this.#world.net.cut(other, machine.name);
    await this.#sleep(this.#random.fraction() * 14_000);
    this.#world.trace(`${machine.name} can reach ${other}`);
    this.#world.net.join(machine.name, other);
    this.#world.net.join(other, machine.name);
  }

  async #loseQuorum(): Promise<void> {
    this.#world.trace('the engine has no quorum');
    this.#world.engine.loseQuorum();
    await this.#sleep(this.#random.fraction() * 12_000);
    this.#world.trace('the engine has a quorum');
    this.#world.engine.regainQuorum();
  }

  async #jump(machine: Machine): Promise<void> {
    // Background work goes by wall clocks: after a jump of an hour it would rest for an hour.
    const millis = Math.floor((this.#random.fraction() - 0.5) * 2 * 20_000);
    this.#world.trace(`the wall clock of ${machine.name} jumps by ${millis}`);
    machine.time.wallOffset += millis;
  }

  async #slowDisk(machine: Machine): Promise<void> {
    if (machine.devices.length === 0) return;
    const device = this.#random.pick(machine.devices);
    this.#world.trace(`${device.path} is slow`);
    device.slowMillis = 1000 + this.#random.fraction() * 3000;
    await this.#sleep(this.#random.fraction() * 8000);
    device.slowMillis = 0;
    this.#world.trace(`${device.path} is fast again`);
  }

  /** All logs and indexes of all machines are lost: fragments alone bring everything back, asked of any machine. */
  async #checkRebuilt(): Promise<void> {
    const world = this.#world;
    for (let round = 0; !this.#isBackedUp(); round++) {
      if (round > 60) throw new Violation('some shards have no backup');
      await this.#sleep(4_000);
    }
    await Promise.all(world.machines.map((machine) => world.stop(machine)));
    await world.loseMetadata();
    await Promise.all(world.machines.map((machine) => world.boot(machine)));
    const cell = this.#anyMachine().running?.cell;
    if (cell === undefined) throw new Violation('a machine does not run');
    const { placement, coordinator, group } = cell;
    const parts = { placement, coordinator, group, clock: world.clock, logger: silentLogger };
    let report: RebuildReport | undefined;
    for (let attempt = 0; attempt < 20 && report?.shardsUnknown !== 0; attempt++) {
      // It takes some moments until the machines know each other.
      await this.#sleep(3_000);
      report = await rebuildShards(parts, false);
      if (report.shardsLost > 0) break;
    }
    if (report === undefined || report.shardsUnknown + report.shardsLost > 0) {
      throw new Violation(`shards are not rebuilt: ${JSON.stringify(report)}`);
    }
    await heal(world, this.#rings);
    await this.#checkAll();
  }

  #isBackedUp(): boolean {
    return this.#world.machines.every(({ running }) => {
      const { shards, followed, waiting } = running?.cell.workers.backupKeeper?.counts ?? {};
      return shards !== undefined && shards === followed && waiting === 0;
    });
  }

  async #checkAll(): Promise<void> {
    for (const { running } of this.#world.machines) {
      if (running === undefined) throw new Violation('a machine does not run');
      for (const key of keys) {
        const error = await this.#clients.read(running, key);
        if (error !== undefined) throw new Violation(`${key} cannot be read: ${error.message}`);
      }
      const listed = await this.#clients.list(running);
      if (listed === undefined) throw new Violation('the container cannot be listed');
      const { usage } = await running.core.headContainer(context, address);
      let bytes = 0;
      for (const etag of listed.values()) bytes += this.#clients.bodies.get(etag)?.length ?? 0;
      const expected = { objects: listed.size, bytes };
      if (usage.objects !== expected.objects || usage.bytes !== expected.bytes) {
        throw new Violation(`usage ${JSON.stringify(usage)}, listed ${JSON.stringify(expected)}`);
      }
      await checkSums(running);
      await checkPieces(running);
    }
  }

  #checkHistories(): void {
    for (const [key, history] of this.#clients.histories) {
      const verdict = linearizable(history);
      if (verdict === 'undecided') this.#undecided++;
      if (verdict === 'no') {
        throw new Violation(
          `no order explains what was seen of ${key}:\n${describeHistory(history)}`,
        );
      }
    }
  }
}

/** Some runs keep backups of their shards, and end with the loss of all logs and indexes. */
function hasBackups(seed: number): boolean {
  return new SeededRandom(seed + 3_000_003).chance(0.2);
}

/** Throws when the seed finds a broken promise. */
export async function runClusterScenario(options: ScenarioOptions): Promise<ScenarioResult> {
  const { seed, mutate } = options;
  const random = new SeededRandom(seed * 8 + 6);
  const [nodes, policy] = random.pick(shapes);
  // Loads the kernel: the only thing that takes real time, which the virtual clock does not know.
  await createCodec(parseScheme(policy));
  const clock = new SimClock();
  const world = new ClusterWorld({
    ...{ clock, seed, nodes, policy, mutate, proxies: 2, devicesPerNode: 2 },
    zones: 1 + random.below(3),
    readShare: random.pick([0, 0, 0.5, 0.85]),
    hasBackups: hasBackups(seed),
  });
  return clock.run(new Scenario(world, options).run());
}

/** One seed: clients, crashes and faults on one machine, then everything is healed and compared. */
import { isStoreError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import { rebuildShards } from '../../server/work/backup/rebuild.ts';
import { createCodec } from '../../storage/erasure/create-codec.ts';
import { SimClock } from './clock.ts';
import { address, Clients, context, keys, Violation } from './clients.ts';
import type { SyncCall } from './dropped-syncs.ts';
import { describeHistory, linearizable } from './history.ts';
import { SeededRandom } from './random.ts';
import { checkPieces } from './shards/pieces.ts';
import { checkSums, isSettled, Reshaping } from './shards/reshaping.ts';
import { coldClass, type CrashLoss, deviceCount, type Running, World } from './world.ts';

export interface ScenarioOptions {
  readonly seed: number;
  readonly dropped?: ((call: SyncCall) => boolean) | undefined;
}

export interface ScenarioResult {
  readonly traceHash: string;
  readonly counts: Clients['counts'];
  readonly undecided: number;
}

/** What `npm test` runs of it, in two suites side by side. */
export const singleMachine = { seeds: 200, limitMillis: 240_000, shares: 2 };

const clientCount = 4;
const pace = { rounds: 4, pauseMillis: 60, patienceMillis: 400 };
/** Between two crashes. */
const actsPerLife = 12;

class Scenario {
  readonly #world: World;
  readonly #clients: Clients;
  readonly #random: SeededRandom;
  /**
   * In some runs the same two devices are the bad ones from start to end, and their logs rot too: an
   * inline body in an old segment is found bad only when it is read, so no repair ends that damage.
   */
  readonly #logVictims: readonly number[] | undefined;
  readonly #versioned: boolean;
  /** In some runs every version is moved to another policy, a day of one second after it was written. */
  readonly #moves: boolean;
  /** In some runs shards are split and merged all the time. */
  readonly #reshaping: Reshaping | undefined;
  readonly #hasBackups: boolean;
  #undecided = 0;

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#hasBackups = hasBackups(seed);
    this.#random = new SeededRandom(seed * 4 + 3);
    this.#clients = new Clients(world, new SeededRandom(seed * 4));
    this.#versioned = this.#random.chance(0.35);
    this.#moves = new SeededRandom(seed + 1_000_003).chance(0.35);
    const splitting = new SeededRandom(seed + 2_000_003);
    if (splitting.chance(0.4)) this.#reshaping = new Reshaping(world.clock, splitting);
    this.#logVictims = this.#random.chance(0.3) ? this.#twoDevices() : undefined;
  }

  async run(): Promise<ScenarioResult> {
    const first = await this.#boot([]);
    await first.core.createContainer(context, address, {
      ...{ claimName: 'if-free', policy: undefined, settings: {} },
      versioning: this.#versioned ? 'enabled' : 'off',
    });
    if (this.#moves) await this.#orderMoves(first);
    const lives = 2 + this.#random.below(3);
    for (let life = 0; life < lives; life++) await this.#faultyLife();
    const healed = await this.#heal();
    await checkPieces(healed);
    await this.#checkAll();
    if (this.#moves) await this.#checkMoved(healed);
    if (this.#random.chance(0.2)) await this.#checkOrphans(healed);
    if (this.#hasBackups) await this.#checkRebuilt();
    await this.#checkWithoutTwo();
    this.#checkHistories();
    if (this.#world.errors.length > 0) throw new Violation(this.#world.errors.join('\n'));
    const traceHash = this.#world.traceHash();
    return { traceHash, counts: this.#clients.counts, undecided: this.#undecided };
  }

  /** Boots until it succeeds; only a crash on the way excuses a failure. */
  async #boot(without: readonly number[]): Promise<Running> {
    const running = await this.#world.boot(without);
    if (running === undefined) throw new Violation('a start ended although nothing crashed');
    return running;
  }

  #twoDevices(): readonly number[] {
    const first = this.#random.below(deviceCount);
    return [first, (first + 1 + this.#random.below(deviceCount - 1)) % deviceCount];
  }

  /** Clients at work on a machine with up to two bad devices; it ends with a crash, and is healed. */
  async #faultyLife(): Promise<void> {
    const running = this.#world.running ?? (await this.#boot([]));
    const victims = this.#logVictims ?? this.#twoDevices();
    const work = this.#work(running, clientCount);
    const serving = (): readonly Running[] => (this.#world.running === running ? [running] : []);
    const splitting = this.#reshaping?.run(serving, pace);
    const faults = this.#faults(victims, running);
    if (this.#random.chance(0.7)) {
      await this.#sleep(this.#random.fraction() * 400);
      await this.#crash();
    }
    await work;
    await faults;
    await splitting;
    if (this.#world.running === running && this.#random.chance(0.5)) await this.#crash();
    this.#world.healDevices();
    if (this.#world.running !== undefined) await this.#stop();
    for (const place of victims) {
      if (this.#random.chance(0.15)) this.#world.loseIndex(place);
    }
    const replaced = victims.filter(() => this.#random.chance(0.2));
    for (const place of replaced) this.#world.replaceDisk(place);
    const away = victims.filter((place) => !replaced.includes(place) && this.#random.chance(0.3));
    await this.#troubledStarts(away);
    const next = await this.#boot(away);
    const more = this.#work(next, 2);
    const replacing = this.#replaceMissing(next);
    if (this.#random.chance(0.4)) {
      await this.#sleep(this.#random.fraction() * 200);
      await this.#crash();
    }
    await more;
    await replacing;
    if (this.#world.running !== undefined) await this.#stop();
    await this.#troubledStarts([]);
    await this.#heal();
  }

  /** `torc device replace` for every device that another, empty disk stands in for. A crash on the way leaves some for later. */
  async #replaceMissing(running: Running): Promise<void> {
    for (const { id, path, reason } of running.cell.away()) {
      if (!reason.includes('missing or empty')) continue;
      const replacing = running.cell.replaceDevice(id);
      replacing.catch(() => undefined);
      try {
        await Promise.race([replacing, running.ended]);
      } catch (error) {
        if (!isStoreError(error)) throw error;
        this.#world.trace(`replacing ${path} failed: ${error.message}`);
      }
      if (this.#world.running !== running) return;
    }
  }

  /** Starts that die half way. */
  async #troubledStarts(away: readonly number[]): Promise<void> {
    while (this.#random.chance(0.4)) {
      const starting = this.#world.boot(away);
      // A failure waits until it is awaited, below.
      starting.catch(() => undefined);
      await this.#sleep(this.#random.fraction() * 60);
      await this.#crash();
      await starting;
      this.#world.running = undefined;
    }
  }

  /** Some clients at once. May be awaited late: a failure waits until then. */
  #work(running: Running, count: number): Promise<unknown> {
    const work = Promise.all(Array.from({ length: count }, () => this.#client(running)));
    work.catch(() => undefined);
    return work;
  }

  async #client(running: Running): Promise<void> {
    for (let act = 0; act < actsPerLife; act++) {
      if (this.#world.running !== running) return;
      await this.#clients.act(running);
      await this.#sleep(this.#random.fraction() * 20);
    }
  }

  async #faults(victims: readonly number[], running: Running): Promise<void> {
    for (const place of victims) {
      await this.#sleep(this.#random.fraction() * 150);
      if (this.#world.running !== running) return;
      this.#harm(place);
    }
  }

  #harm(place: number): void {
    const roll = this.#random.fraction();
    if (roll < 0.2) this.#world.slow(place, 1500);
    else if (roll < 0.4) this.#world.limitRoom(place, this.#random.below(100_000));
    else if (roll < 0.8) {
      const folders = this.#logVictims === undefined ? ['volumes'] : ['volumes', 'log'];
      for (let i = 0; i < 20; i++) this.#world.flip(place, this.#random, folders);
    } else if (roll < 0.9) this.#world.failReads(place);
  }

  #sleep(millis: number): Promise<void> {
    return this.#world.clock.sleep(millis);
  }

  async #crash(): Promise<void> {
    const lose: CrashLoss = this.#random.pick(['none', 'all', 'some', 'tear']);
    this.#world.running = undefined;
    await this.#world.crash(lose);
  }

  async #stop(): Promise<void> {
    await this.#world.stop();
    this.#world.running = undefined;
  }

  /** All devices good and present, until audit, repair and reconciliation have nothing left to do. */
  async #heal(): Promise<Running> {
    this.#world.healDevices();
    const running = this.#world.running ?? (await this.#boot([]));
    await this.#replaceMissing(running);
    const away = running.cell.away();
    if (away.length > 0) throw new Violation(`a device stays away: ${JSON.stringify(away)}`);
    const { workers } = running.cell;
    await this.#sleep(12_000);
    for (let round = 0; round < 20; round++) {
      workers.reconciler.request();
      await this.#sleep(4_000);
      const { report } = workers.reconciler;
      const inSync = running.cell.coordinator
        .current()
        .shards.every((shard) => shard.inSync.length === shard.replicas.length);
      const isWhole = report?.degradedBodies === 0 && inSync && isSettled(running.cell);
      if (isWhole && !workers.reconciler.isWalking) return running;
    }
    throw new Violation(`repair does not end: ${JSON.stringify(workers.reconciler.report)}`);
  }

  /** Every object is readable, LIST and usage agree with what is read. */
  async #checkAll(): Promise<void> {
    const running = this.#world.running;
    if (running === undefined) throw new Violation('nothing runs');
    for (const key of keys) {
      const error = await this.#clients.read(running, key);
      if (error !== undefined) throw new Violation(`${key} cannot be read: ${error.message}`);
    }
    const listed = await this.#clients.list(running);
    if (listed === undefined) throw new Violation('the container cannot be listed');
    for (const name of listed.keys()) {
      if (!keys.includes(name)) throw new Violation(`LIST knows ${name}, which nobody wrote`);
    }
    if (this.#versioned) await this.#checkVersions(running);
    const { usage } = await running.core.headContainer(context, address);
    let bytes = 0;
    for (const etag of listed.values()) bytes += this.#clients.bodies.get(etag)?.length ?? 0;
    const expected = { objects: listed.size, bytes };
    if (usage.objects !== expected.objects || usage.bytes !== expected.bytes) {
      throw new Violation(`usage ${JSON.stringify(usage)}, listed ${JSON.stringify(expected)}`);
    }
    await checkSums(running);
  }

  /** Nothing that was acknowledged is missing from a key's history, nothing stands in it that nobody wrote, and each version reads as it was written. */
  async #checkVersions(running: Running): Promise<void> {
    const found = new Map<string, number>();
    for (const { name, row } of await this.#clients.versions(running)) {
      if (row.kind === 'delete-marker') continue;
      const text = `${name} ${row.etag}`;
      found.set(text, (found.get(text) ?? 0) + 1);
      if (this.#random.chance(0.2)) await this.#clients.readVersion(running, name, row);
    }
    const least = new Map<string, number>();
    const most = new Map<string, number>();
    for (const [key, history] of this.#clients.histories) {
      for (const { operation, outcome } of history) {
        if (operation.type !== 'put' || outcome === 'refused') continue;
        const text = `${key} ${operation.etag}`;
        most.set(text, (most.get(text) ?? 0) + 1);
        if (outcome === 'ok') least.set(text, (least.get(text) ?? 0) + 1);
      }
    }
    for (const text of new Set([...found.keys(), ...least.keys()])) {
      const count = found.get(text) ?? 0;
      if (count >= (least.get(text) ?? 0) && count <= (most.get(text) ?? 0)) continue;
      throw new Violation(
        `${text}: ${count} versions, ${least.get(text)} acknowledged of ${most.get(text)} tried`,
      );
    }
  }

  /** In time the sweeper leaves exactly the fragments that rows claim: counted on the devices themselves. */
  async #checkOrphans(running: Running): Promise<void> {
    await this.#sleep(90_000);
    await this.#heal();
    const counts = await Promise.all(
      running.cell
        .devices()
        .map(async ({ fragments }) => (await fragments.scan(undefined, 1e6)).length),
    );
    const there = counts.reduce((sum, count) => sum + count, 0);
    const needed = running.cell.workers.reconciler.report?.fragmentsNeeded;
    if (there !== needed) throw new Violation(`${there} fragments are there, rows claim ${needed}`);
  }

  async #orderMoves({ core }: Running): Promise<void> {
    const move = { days: 1, storageClass: coldClass };
    const rule = { id: 'move', isEnabled: true, filter: { prefix: '' } };
    const rules = [{ ...rule, transitions: [move], noncurrentTransitions: [move] }];
    await core.updateContainer(context, address, { settings: {}, lifecycle: { rules } });
  }

  /** In time every version is where the rules want it, and reads as before. */
  async #checkMoved(running: Running): Promise<void> {
    for (let round = 0; round < 30; round++) {
      const versions = await this.#clients.versions(running);
      const left = versions.filter(
        ({ row }) => row.kind === 'object' && row.storageClass !== coldClass,
      );
      const misplaced = versions.filter(
        ({ row: { body } }) => body.type === 'stored' && body.stored.policy !== 'replica:3',
      );
      if (left.length === 0 && misplaced.length === 0) return this.#checkAll();
      await this.#sleep(10_000);
    }
    throw new Violation('some versions are never moved');
  }

  /** All logs and indexes are lost, in some runs two whole devices besides: fragments alone bring everything back. */
  async #checkRebuilt(): Promise<void> {
    for (let round = 0; ; round++) {
      const { shards, followed, waiting } =
        this.#world.running?.cell.workers.backupKeeper?.counts ?? {};
      if (shards === followed && waiting === 0) break;
      if (round > 60) throw new Violation(`${followed} of ${shards} shards have a backup`);
      await this.#sleep(2_000);
    }
    await this.#stop();
    await this.#world.loseMetadata();
    if (this.#random.chance(0.5)) {
      for (const place of this.#twoDevices()) this.#world.replaceDisk(place);
    }
    const running = await this.#boot([]);
    await this.#replaceMissing(running);
    const { placement, coordinator, group } = running.cell;
    const parts = { placement, coordinator, group, clock: this.#world.clock, logger: silentLogger };
    const report = await rebuildShards(parts, false);
    if (report.shardsGood + report.shardsUnknown + report.shardsLost > 0) {
      throw new Violation(`shards are not rebuilt: ${JSON.stringify(report)}`);
    }
    await this.#heal();
    await this.#checkAll();
  }

  async #checkWithoutTwo(): Promise<void> {
    await this.#stop();
    await this.#boot(this.#logVictims ?? this.#twoDevices());
    await this.#checkAll();
    await this.#stop();
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
  return new SeededRandom(seed + 3_000_003).chance(0.25);
}

/** Throws when the seed finds a broken promise. */
export async function runScenario({ seed, dropped }: ScenarioOptions): Promise<ScenarioResult> {
  // Loads the kernel: the only thing that takes real time, which the virtual clock does not know.
  await createCodec({ k: 4, m: 2 });
  const clock = new SimClock();
  const world = new World({ clock, seed, dropped, hasBackups: hasBackups(seed) });
  return clock.run(new Scenario(world, seed).run());
}

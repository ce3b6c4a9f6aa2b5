/**
 * Splits shards whose primary is here: makes a new one beside the old one's replicas, hands over what lies from
 * an id on, and deletes it where it was. One at a time, of splits and merges; what a process leaves unfinished the
 * next one clears away.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { epoch, type ShardId, shardId } from '../../../base/units.ts';
import type { Worker } from '../../work/worker.ts';
import { type Coordinator, lastShardOf, type Presence, shardIn } from '../coordinator.ts';
import type { ShardGroup } from '../group.ts';
import { firstEpoch } from '../primary/establish.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import { routeFromHex } from '../row-key.ts';
import type { ShardState, StateMachine } from '../shard.ts';
import { type Backups, BackupWait } from '../backup/backed-up.ts';
import { ownerIn, owns } from './extent.ts';
import type { Growth } from './growth.ts';
import { Handover, type HandoverLines } from './handover.ts';
import { type MergeRequest, type MergerJob, ShardMerger } from './merger.ts';
import type { Decline } from './decline.ts';
import type { Divider, Division } from './division.ts';
import { Trim } from './trim.ts';

export interface SplitterOptions {
  readonly group: ShardGroup;
  readonly coordinator: Coordinator;
  readonly stateMachine: StateMachine;
  /** Which shards are to be split; undefined: those that are asked for. */
  readonly growth?: Growth;
  /** Divides what lies under one id; undefined: nothing is. */
  readonly divider?: Divider;
  /** The same of those that are to be merged. */
  readonly decline?: Decline;
  readonly backups?: Backups | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface SplitRequest {
  readonly shard: ShardId;
  /** The first id that goes to the new shard; undefined: about the middle. */
  readonly at?: string;
  /** What lies under this id is divided in two first, and parted then. */
  readonly divide?: string;
}

interface Order extends SplitRequest {
  readonly done: () => void;
  readonly failed: (error: StoreError) => void;
}

interface Split {
  readonly order: Order;
  readonly at: string;
  readonly source: ShardPrimary;
  readonly target: ShardId;
  /** Until then the new shard must have a primary here. */
  readonly until: number;
  handover: Handover | undefined;
  /** Of the source; undefined: it need not be waited for. */
  readonly backedUp: BackupWait | undefined;
}

interface Pouring {
  readonly division: Division;
  /** What is to be split when it is done. */
  readonly order: Order | undefined;
}

export type SplitterJob =
  | { readonly type: 'begin'; readonly order: Order }
  | { readonly type: 'step'; readonly split: Split }
  | { readonly type: 'divide'; readonly pour: Pouring }
  | { readonly type: 'merge'; readonly job: MergerJob }
  /** A new shard that nobody fills any more. */
  | { readonly type: 'drop'; readonly state: ShardState }
  | { readonly type: 'trim'; readonly trim: Trim };

const startMillis = 10_000;

export class ShardSplitter implements Worker<SplitterJob> {
  readonly name = 'shard-splitter';
  readonly #options: SplitterOptions;
  readonly #orders: Order[] = [];
  readonly #merger: ShardMerger;
  #split: Split | undefined;
  #pour: Pouring | undefined;
  /** In which no division was begun before. */
  readonly #whole = new WeakSet<ShardPrimary>();
  /** Should all replicas be lost, the backup of the one that stays must know which half went to another shard. */
  readonly #divided = new WeakSet<ShardPrimary>();
  #trim: Trim | undefined;

  constructor(options: SplitterOptions) {
    this.#options = options;
    this.#merger = new ShardMerger(options);
  }

  /** As ShardMerger.request. */
  merge(request: MergeRequest): Promise<void> {
    return this.#merger.request(request);
  }

  /** Resolves when the shard is split; rejects when it is not: it may be asked for again. */
  request(request: SplitRequest): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#orders.push({ ...request, done: resolve, failed: reject });
    });
  }

  async next(): Promise<SplitterJob | undefined> {
    const split = this.#split;
    if (split !== undefined) return { type: 'step', split };
    const merge = this.#merger.next();
    if (merge !== undefined) return { type: 'merge', job: merge };
    const state = this.#orphan();
    if (state !== undefined) return { type: 'drop', state };
    const pour = (this.#pour ??= await this.#nextPour());
    if (pour !== undefined) return { type: 'divide', pour };
    const order = this.#orders.shift() ?? (await this.#grown());
    if (order !== undefined) return { type: 'begin', order };
    this.#trim = this.#trim?.isCurrent === true ? this.#trim : this.#nextTrim();
    if (this.#trim !== undefined) return { type: 'trim', trim: this.#trim };
    const small = await this.#options.decline?.next();
    if (small === undefined) return undefined;
    this.merge(small).catch(() => undefined);
    const job = this.#merger.next();
    return job && { type: 'merge', job };
  }

  async #grown(): Promise<Order | undefined> {
    const found = await this.#options.growth?.next();
    // Nobody waits for it; the worker's loop tells of what failed.
    return found && { ...found, done: () => undefined, failed: () => undefined };
  }

  #primaryOf(id: ShardId): ShardPrimary | undefined {
    return this.#options.group.find(id)?.primary;
  }

  /** Whoever serves the source clears away. */
  #orphan(): ShardState | undefined {
    const map = this.#options.coordinator.current();
    return map.shards.find(({ id, takesFrom }) => {
      if (takesFrom === undefined) return false;
      const keeper = shardIn(map, takesFrom) === undefined ? id : takesFrom;
      return this.#primaryOf(keeper) !== undefined;
    });
  }

  #nextTrim(): Trim | undefined {
    const { group } = this.#options;
    for (const { primary } of group.served()) {
      if (primary?.state.untrimmed === true && primary.state.takesFrom === undefined) {
        return new Trim(primary, this.#options);
      }
    }
    return undefined;
  }

  /** What another primary began goes on here. */
  async #nextPour(): Promise<Pouring | undefined> {
    const { group, divider } = this.#options;
    if (divider === undefined) return undefined;
    for (const { primary } of group.served()) {
      if (primary === undefined || this.#whole.has(primary)) continue;
      const division = await divider.begun(primary);
      if (division !== undefined) return { division, order: undefined };
      // What came with another shard may not be its own yet.
      if (primary.state.untrimmed !== true) this.#whole.add(primary);
    }
    return undefined;
  }

  async run(job: SplitterJob): Promise<void> {
    switch (job.type) {
      case 'begin':
        return this.#begin(job.order);
      case 'step':
        return this.#step(job.split);
      case 'divide':
        return this.#divide(job.pour);
      case 'merge':
        return this.#merger.run(job.job);
      case 'drop': {
        const { id, epoch: known } = job.state;
        await this.#options.coordinator.reshape([{ id, epoch: known, next: undefined }]);
        return;
      }
      case 'trim':
        if (await job.trim.step()) this.#trim = undefined;
    }
  }

  async #begin(order: Order): Promise<void> {
    const { coordinator, clock } = this.#options;
    try {
      const source = this.#sourceOf(order);
      if (await this.#isDivided(source, order)) return;
      const at = await this.#cutOf(source, order);
      const target = shardId(lastShardOf(coordinator.current()) + 1);
      const next = newLine(source.state, target);
      await coordinator.reshape([{ id: target, epoch: undefined, next }]);
      const until = clock.monotonic() + startMillis;
      const { backups } = this.#options;
      const backedUp = this.#divided.has(source)
        ? new BackupWait({ backups, clock, op: 'shard.split' })
        : undefined;
      this.#split = { order, at, source, target, until, handover: undefined, backedUp };
    } catch (error) {
      order.failed(asRefusal(error));
      throw error;
    }
  }

  /** True when something has to be divided before the shard is split. */
  async #isDivided(source: ShardPrimary, order: Order): Promise<boolean> {
    const { divider, growth } = this.#options;
    if (divider === undefined) return false;
    const begun = await divider.begun(source);
    if (begun !== undefined) {
      this.#pour = { division: begun, order };
      return true;
    }
    if (order.at !== undefined) return false;
    const cut = order.divide === undefined ? await growth?.cutOf(source) : order;
    if (cut === undefined || !('divide' in cut) || cut.divide === undefined) return false;
    this.#checkKnown(({ knowsPieces }) => knowsPieces === true, 'pieces of containers');
    this.#whole.delete(source);
    this.#pour = { division: await divider.begin(source, cut.divide), order };
    return true;
  }

  /** Throws `conflict` while a process of an older release runs. */
  #checkKnown(knows: (session: Presence) => boolean, what: string): void {
    const { sessions = [] } = this.#options.coordinator.current();
    const older = sessions.find((session) => !knows(session));
    if (older === undefined) return;
    const message = `node ${older.node} runs a release that knows no ${what}`;
    throw new StoreError('conflict', 'shard.split', message);
  }

  async #divide(pour: Pouring): Promise<void> {
    const { division, order } = pour;
    try {
      if (!(await division.step())) return;
      this.#pour = undefined;
      const { primary, id, into } = division;
      this.#divided.add(primary);
      const heldMillis = Math.round(division.heldMillis);
      const fields = { event: 'shard.divided', shard: primary.state.id, id, into, heldMillis };
      this.#options.logger.info(fields, 'What lay under one id of a shard was divided.');
      // What was asked for, or else the two halves are parted.
      if (order === undefined) return;
      const { divide: _done, ...rest } = order;
      const at = order.at ?? (id > into ? id : into);
      this.#orders.unshift({ ...rest, shard: primary.state.id, at });
    } catch (error) {
      this.#pour = undefined;
      order?.failed(asRefusal(error));
      throw error;
    }
  }

  #sourceOf(order: Order): ShardPrimary {
    const { shards } = this.#options.coordinator.current();
    const { divide } = order;
    // What is to be divided may have gone to another shard since it was asked for.
    const owner = divide === undefined ? undefined : ownerIn(shards, divide);
    const shard = owner?.id ?? order.shard;
    this.#checkKnown(({ followsSplits }) => followsSplits === true, 'splits');
    const source = this.#primaryOf(shard);
    if (source === undefined) {
      throw new StoreError('unavailable', 'shard.split', 'the shard is not served here');
    }
    if (source.state.joins !== undefined || shards.some(({ joins }) => joins === shard)) {
      throw new StoreError('conflict', 'shard.split', 'the shard is being merged');
    }
    return source;
  }

  async #cutOf(source: ShardPrimary, order: Order): Promise<string> {
    const cut = order.at === undefined ? await this.#options.growth?.cutOf(source) : order;
    const at = cut !== undefined && 'at' in cut ? cut.at : undefined;
    if (at === undefined) {
      const message = 'the shard holds nothing that could be parted, as far as can be told';
      throw new StoreError('conflict', 'shard.split', message);
    }
    routeFromHex(at);
    const { extent } = source.range;
    if (owns(extent, at) && at !== extent.start) return at;
    throw new StoreError('invalid-argument', 'shard.split', 'the id is not within the shard');
  }

  async #step(split: Split): Promise<void> {
    const { order } = split;
    try {
      const handover = this.#handoverOf(split);
      if (handover === undefined) return;
      if (handover.isCopied && (await split.backedUp?.isOver(split.source)) === false) return;
      if (!(await handover.step())) return;
      this.#split = undefined;
      this.#told(split, handover);
      order.done();
    } catch (error) {
      this.#split = undefined;
      split.handover?.abandon();
      order.failed(asRefusal(error));
      throw error;
    }
  }

  /** Undefined while the new shard has no primary yet. */
  #handoverOf(split: Split): Handover | undefined {
    if (split.handover !== undefined) return split.handover;
    const { source, at } = split;
    if (source.stopped !== undefined) throw source.stopped;
    const target = this.#primaryOf(split.target);
    if (target === undefined) {
      if (this.#options.clock.monotonic() < split.until) return undefined;
      throw new StoreError('unavailable', 'shard.split', 'the new shard has no primary here');
    }
    const ids = { start: at, end: source.range.extent.end };
    const lines = (from: ShardState, to: ShardState): HandoverLines => linesOf(from, to, at);
    split.handover = new Handover({ ...this.#options, source, target, ids, lines });
    return split.handover;
  }

  #told({ source, target, at }: Split, { rowsCopied: rows, heldMillis }: Handover): void {
    const { id: shard } = source.state;
    const held = Math.round(heldMillis);
    const fields = { event: 'shard.split', shard, target, at, rows, heldMillis: held };
    this.#options.logger.info(fields, 'A shard was split.');
  }
}

/** Where a shard begins that owns nothing yet: a release that does not know what that is sends nothing there. */
const nowhere = 'f'.repeat(32);

function newLine(source: ShardState, id: ShardId): ShardState {
  const { replicas, primary, session, inSync, id: takesFrom } = source;
  const first = {
    id,
    start: nowhere,
    epoch: epoch(firstEpoch),
    replicas,
    primary,
    inSync,
    takesFrom,
  };
  return session === undefined ? first : { ...first, session };
}

function linesOf(
  source: ShardState,
  { takesFrom: _none, ...target }: ShardState,
  start: string,
): HandoverLines {
  return { source: { ...source, untrimmed: true }, target: { ...target, start } };
}

function asRefusal(error: unknown): StoreError {
  return error instanceof StoreError
    ? error
    : new StoreError('internal', 'shard.split', 'it failed', { cause: error });
}

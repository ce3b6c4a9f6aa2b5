/**
 * Hands ids of one shard, some or all, over to another while both go on (decision 0035): rows are copied as commits of the
 * other shard, what is written meanwhile is copied again, and for the last few of it commands are held back.
 * From then on what is decided is committed in both (`mirror.ts`), until the map gives the ids to the other one.
 *
 * Invariants:
 * - The map alone says whose an id is, and it changes for both shards at once. Both primaries are in this
 *   process and go by the same copy of it, so no moment has two owners.
 * - When the map changes, everything of the ids that was acknowledged, or seen, is durable in the other shard,
 *   and it has what is under way.
 * - What comes of a change whose outcome is unknown, the next primaries of both find in the map.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { epoch as toEpoch } from '../../../base/units.ts';
import type { Coordinator, ShardEdit } from '../coordinator.ts';
import { scanRows } from '../list.ts';
import { answerWithin } from '../primary/answer.ts';
import { healBody } from '../primary/heal.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import { keyAfter, rowAreas } from '../row-key.ts';
import type { StoredRow } from '../row.ts';
import type { Joining, RowWrite, ShardState, StateMachine } from '../shard.ts';
import { DirtyKeys } from './dirty-keys.ts';
import { type Extent, idOfKey, owns } from './extent.ts';
import { type KeyRange, localRows, rowsOfIds } from './key-ranges.ts';
import { Mirror } from './mirror.ts';

export interface HandoverLines {
  /** Undefined: it is no more. */
  readonly source: ShardState | undefined;
  readonly target: ShardState;
}

export interface HandoverOptions {
  readonly source: ShardPrimary;
  readonly target: ShardPrimary;
  /** Ids that go over. */
  readonly ids: Extent;
  /** All that the source has goes over, also what is about no id. */
  readonly joining?: Joining;
  /** The lines of both as they shall be, without their epochs. */
  readonly lines: (source: ShardState, target: ShardState) => HandoverLines;
  readonly coordinator: Coordinator;
  readonly stateMachine: StateMachine;
  readonly clock: Clock;
  readonly logger: Logger;
}

const rowsPerStep = 128;
/** Inline bodies in one commit. */
const bytesPerCommit = 512 * 1024;
/** So few rows are copied while commands wait, if it can be, */
const lastKeysFew = 8;
/** and so few after some rounds: a few milliseconds. */
const lastKeysMax = 200;
const roundsMin = 4;
/** Rounds after which that many more will do, and after which writes come too fast. */
const roundsMax = 12;
const lastKeysMost = 2000;
/** So long commands are held back before the map is changed; then they go on, and it is tried again. */
const heldMillis = 100;
const attemptsMax = 20;
/** No row has this key: a commit that changes nothing. */
const noKey = Uint8Array.of(rowAreas.local, 0xff);

export class Handover {
  readonly #options: HandoverOptions;
  readonly #dirty: DirtyKeys;
  readonly #mirror: Mirror;
  /** Ranges of keys that are left to copy. */
  #left: KeyRange[];
  #isBegun = false;
  #isOver = false;
  #attempts = 0;
  #commits = 0;
  rowsCopied = 0;
  /** How long commands waited at last. */
  heldMillis = 0;

  constructor(options: HandoverOptions) {
    this.#options = options;
    const { ids } = options;
    this.#dirty = new DirtyKeys((key) => {
      const id = idOfKey(key);
      return id === undefined || owns(ids, id);
    });
    this.#left = [localRows, rowsOfIds(ids)];
    const { source, target } = options;
    this.#mirror = new Mirror({ source, target, there: (write) => this.#copied(write) });
  }

  /** All rows are in the target, but for those that were written meanwhile. */
  get isCopied(): boolean {
    return this.#isBegun && this.#left.length === 0;
  }

  /** Does the next piece of work; true when the ids have gone over. Any rejection ends it: call `abandon`. */
  async step(): Promise<boolean> {
    const { source, target } = this.#options;
    for (const { stopped } of [source, target]) if (stopped !== undefined) throw stopped;
    if (!this.#isBegun) {
      this.#isBegun = true;
      source.range.dirty = this.#dirty;
      await source.settleAll();
      await source.local.flush();
      return false;
    }
    const [range, ...others] = this.#left;
    if (range !== undefined) {
      const next = await this.#copyRange(range);
      this.#left = next === undefined ? others : [next, ...others];
      return false;
    }
    await this.#catchUp();
    return this.#handOver();
  }

  /** What was copied stays where it is, and is nobody's. */
  abandon(): void {
    this.#isOver = true;
    const { range } = this.#options.source;
    if (range.dirty === this.#dirty) range.dirty = undefined;
    if (range.mirror === this.#mirror) range.mirror = undefined;
    this.#mirror.abandon();
  }

  async #copyRange(range: KeyRange): Promise<KeyRange | undefined> {
    const { index, rows } = this.#options.source.local;
    const found = await scanRows(index, rows.prefix, { ...range, limit: rowsPerStep });
    const writes: RowWrite[] = [];
    for (const row of found) {
      const write = this.#goesOver(row) ? await this.#copyOf(row) : undefined;
      if (write !== undefined) writes.push(write);
    }
    await this.#send(writes);
    const last = found.at(-1);
    if (last === undefined || found.length < rowsPerStep) return undefined;
    return { gte: keyAfter(last.key), lt: range.lt };
  }

  #goesOver(row: StoredRow): boolean {
    const { source, ids, joining, stateMachine } = this.#options;
    if (joining !== undefined) return true;
    const id = idOfKey(row.key) ?? stateMachine.homeOf(row, source.local);
    return id !== undefined && owns(ids, id);
  }

  /** Undefined when the row has changed meanwhile: it will be copied again. */
  async #copyOf(row: StoredRow): Promise<RowWrite | undefined> {
    const { source, logger } = this.#options;
    const { key, meta } = this.#thereOf(row);
    if (row.body === undefined) return { type: 'put', key, meta };
    const body = await source.local.bodyOf(row);
    if (body !== undefined) return { type: 'put', key, meta, body };
    const now = source.local.get(row.key);
    if (now?.sequence !== row.sequence) return undefined;
    const found = (await source.local.bodyOf(now)) ?? (await healBody(source, now, logger));
    if (found !== undefined) return { type: 'put', key, meta, body: found };
    throw new StoreError('unavailable', 'shard.handover', 'an inline body is nowhere whole');
  }

  /** How it stands in the target. */
  #thereOf(row: StoredRow): Pick<StoredRow, 'key' | 'meta'> {
    const { source, joining, stateMachine } = this.#options;
    if (joining === undefined || idOfKey(row.key) !== undefined) return row;
    const meta = stateMachine.metaJoined(row, source.local, joining);
    return { key: this.#keyThere(row.key), meta };
  }

  #keyThere(key: Uint8Array): Uint8Array {
    const { joining, stateMachine } = this.#options;
    if (joining === undefined || idOfKey(key) !== undefined) return key;
    return stateMachine.keyJoined(key, joining);
  }

  async #send(writes: readonly RowWrite[]): Promise<void> {
    let commit: RowWrite[] = [];
    let bytes = 0;
    for (const write of writes) {
      commit.push(write);
      if (write.type === 'put') bytes += (write.body?.length ?? 0) + write.meta.length;
      if (bytes < bytesPerCommit) continue;
      await this.#commit(commit);
      commit = [];
      bytes = 0;
    }
    if (commit.length > 0) await this.#commit(commit);
  }

  async #commit(writes: readonly RowWrite[]): Promise<void> {
    const { target, source } = this.#options;
    // What took too long goes on in vain; it must not go on for ever.
    if (this.#isOver) throw new StoreError('cancelled', 'shard.handover', 'it was given up');
    this.#commits++;
    await target.write(writes, source.now);
    this.rowsCopied += writes.length;
  }

  /** Copies what was written meanwhile until little is left. */
  async #catchUp(): Promise<void> {
    for (let round = 0; this.#dirty.size > lastKeysFew; round++) {
      if (round >= roundsMin && this.#dirty.size <= lastKeysMax) return;
      if (round >= roundsMax) {
        if (this.#dirty.size <= lastKeysMost) return;
        const message = 'writes come faster than they can be copied';
        throw new StoreError('unavailable', 'shard.handover', message);
      }
      await this.#copyDirty();
    }
  }

  async #copyDirty(): Promise<void> {
    const { source, target } = this.#options;
    const keys = this.#dirty.take();
    // They are noted when they are decided; what is readable here is durable.
    await source.settleAll();
    const writes: RowWrite[] = [];
    for (const key of keys) {
      const row = source.local.get(key);
      const write = row !== undefined && this.#goesOver(row) ? await this.#copyOf(row) : undefined;
      if (write !== undefined) writes.push(write);
      else if (row === undefined && target.local.get(this.#keyThere(key)) !== undefined) {
        writes.push({ type: 'delete', key: this.#keyThere(key) });
      }
    }
    await this.#send(writes);
  }

  /** False when it took too long: commands go on, and it is tried again. */
  async #handOver(): Promise<boolean> {
    const { source, clock } = this.#options;
    const open = source.range.hold();
    const since = clock.monotonic();
    const isLast = { now: true };
    const last = this.#copyLast(isLast);
    try {
      await answerWithin(clock, heldMillis, last);
      // What is decided from here on goes over at once: nobody waits for the map.
      source.range.mirror = this.#mirror;
    } catch (error) {
      isLast.now = false;
      open();
      await last;
      if (++this.#attempts >= attemptsMax) throw error;
      return false;
    } finally {
      this.heldMillis = clock.monotonic() - since;
      open();
    }
    await this.#changeMap();
    await this.#mirror.drained();
    this.abandon();
    return true;
  }

  async #copyLast(isLast: { readonly now: boolean }): Promise<void> {
    const { source } = this.#options;
    await source.settleAll();
    // Once more, when a row had changed just while its body was read; from then on nothing changes.
    const before = this.#commits;
    while (isLast.now && this.#dirty.size > 0) await this.#copyDirty();
    // Whatever commits come next, their stamps are greater than all that were given so far.
    if (this.#commits === before) await this.#commit([{ type: 'delete', key: noKey }]);
  }

  #changeMap(): Promise<void> {
    const { source, target, lines, coordinator } = this.#options;
    const mirror = this.#mirror;
    return source.reshape(async (state) => {
      const own = await new Promise<ShardState | undefined>((resolve, reject) => {
        let giving: ShardState | undefined;
        const change = async (other: ShardState): Promise<ShardState> => {
          const next = lines(state, other);
          const taking = { ...next.target, epoch: toEpoch(other.epoch + 1) };
          giving = next.source && { ...next.source, epoch: toEpoch(state.epoch + 1) };
          if (mirror.failed !== undefined) throw mirror.failed;
          mirror.isBinding = true;
          await coordinator.reshape([editOf(state, giving), editOf(other, taking)]);
          mirror.close();
          return taking;
        };
        target.reshape(change, () => resolve(giving)).catch(reject);
      });
      // What is under way counts where it went, wherever the source's replicas are by now.
      if (own === undefined) await mirror.drained();
      return own;
    });
  }

  /** As the target is to have what the source commits. */
  #copied(write: RowWrite): RowWrite | undefined {
    const { source, ids, joining, stateMachine } = this.#options;
    const { key } = write;
    const id = idOfKey(key);
    if (id !== undefined) return owns(ids, id) ? write : undefined;
    if (write.type === 'delete') {
      const old = source.local.get(key);
      // One that is not readable yet went over when it was written, if it did.
      if (old !== undefined && !this.#goesOver(old)) return undefined;
      return { type: 'delete', key: this.#keyThere(key) };
    }
    const row = { key, meta: write.meta, bodyLength: undefined };
    if (joining !== undefined) {
      const meta = stateMachine.metaJoined(row, source.local, joining);
      return { type: 'put', key: this.#keyThere(key), meta };
    }
    const home = stateMachine.homeOf(row, source.local);
    return home !== undefined && owns(ids, home) ? write : undefined;
  }
}

function editOf({ id, epoch }: ShardState, next: ShardState | undefined): ShardEdit {
  return { id, epoch, next };
}

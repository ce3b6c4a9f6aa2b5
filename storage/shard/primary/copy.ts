/**
 * Brings one replica level with its shard's primary while writes go on.
 *
 * From the moment it begins the replica is sent every new commit. One that lacks only commits which
 * are still in the primary's log gets those; any other is wiped and gets all rows in key order, and
 * keeps of each key whichever is newer. At the end it joins the in-sync set; one that is to be kept
 * apart goes on learning.
 */
import { StoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import type { Sequence } from '../../../base/units.ts';
import { scanRows } from '../list.ts';
import { type CopiedRow, isPrefix, type ReplicaPeer } from '../peer.ts';
import { keyAfter } from '../row-key.ts';
import type { Index, StoredRow } from '../row.ts';
import { healBody } from './heal.ts';
import type { Member } from './member.ts';
import type { ShardPrimary } from './primary.ts';

/** Rows of one step: with bodies of 16 KiB each 2 MiB. */
const rowsPerStep = 128;
/** Each round fills the bodies that the one before, and the commits meanwhile, left missing. */
const roundsMax = 1000;
const lastKey = new Uint8Array([0xff, 0xff]);

export class ReplicaCopy {
  readonly primary: ShardPrimary;
  readonly peer: ReplicaPeer;
  readonly #index: Index;
  readonly #logger: Logger;
  readonly #joins: boolean;
  #member: Member | undefined;
  #base: Sequence | undefined;
  /** First key not copied yet; undefined when all rows are there. */
  #cursor: Uint8Array | undefined = new Uint8Array(0);
  /** Keys of rows whose bodies no replica has whole. */
  readonly #lost = new Set<string>();
  #rounds = 0;
  rowsCopied = 0;

  constructor(options: {
    readonly primary: ShardPrimary;
    readonly peer: ReplicaPeer;
    /** Of the primary's device. */
    readonly index: Index;
    readonly logger: Logger;
    /** Default true. False: in the end it is level, and is sent commits for as long as the primary serves. */
    readonly joins?: boolean;
  }) {
    this.primary = options.primary;
    this.peer = options.peer;
    this.#index = options.index;
    this.#logger = options.logger;
    this.#joins = options.joins ?? true;
  }

  /** Why it is not sent commits any more, though nobody has called `abandon`. */
  get failed(): StoreError | undefined {
    return this.#member?.failed ?? this.primary.stopped;
  }

  /** Does the next piece of work; true when the replica has joined the in-sync set, or is level and stays apart. Any rejection ends the copy: call `abandon`. */
  async step(): Promise<boolean> {
    if (this.primary.stopped !== undefined) throw this.primary.stopped;
    if (this.#member === undefined) {
      await this.#begin();
      return false;
    }
    if (this.#member.failed !== undefined) throw this.#member.failed;
    if (this.#cursor !== undefined) {
      await this.#copyRows(this.#cursor);
      return false;
    }
    if (await this.#copyMissing()) return false;
    const base = this.#base ?? this.#member.synced;
    if (this.#joins) await this.primary.promote(this.#member, base);
    else await this.#level(base);
    return true;
  }

  #level(base: Sequence): Promise<void> {
    const { state, local } = this.primary;
    return this.primary.answer(this.peer.level(state.epoch, base, local.state.history));
  }

  /** The replica is not sent commits any more. */
  abandon(): void {
    if (this.#member !== undefined) this.primary.removeLearner(this.#member);
  }

  async #begin(): Promise<void> {
    if (await this.#catchUp()) {
      this.#cursor = undefined;
      return;
    }
    await this.primary.answer(this.peer.reset(this.primary.state.epoch));
    this.#add(false);
    await this.primary.settleAll();
    // What was ordered before the learner was added comes to it from the index alone.
    await this.primary.local.flush();
  }

  #add(held: boolean): Member {
    const member = this.primary.addLearner(this.peer, held);
    this.#member = member;
    this.#base = member.synced;
    return member;
  }

  /** Sends the commits that the replica lacks; false when it needs a copy. */
  async #catchUp(): Promise<boolean> {
    const { epoch: current } = this.primary.state;
    // Who was primary before cannot wipe it any more.
    const status = await this.primary.answer(this.peer.status(current));
    const { local } = this.primary;
    if (status.condition !== 'ready' || !isPrefix(status, local.state)) return false;
    const member = this.#add(true);
    const base = member.synced;
    await this.primary.settleAll();
    const commits = await local.commitsAfter(status.sequence);
    if (commits === undefined) {
      this.abandon();
      this.#member = undefined;
      return false;
    }
    const { epoch } = this.primary.state;
    const older = commits.filter((commit) => commit.sequence <= base);
    await this.primary.answer(this.peer.append({ epoch, commits: older }));
    member.release();
    return true;
  }

  async #copyRows(from: Uint8Array): Promise<void> {
    const { prefix } = this.primary.local.rows;
    const range = { gte: from, lt: lastKey, limit: rowsPerStep };
    const rows = await scanRows(this.#index, prefix, range);
    await this.#send(rows);
    const last = rows.at(-1);
    this.#cursor = last === undefined || rows.length < rowsPerStep ? undefined : keyAfter(last.key);
  }

  async #send(rows: readonly StoredRow[]): Promise<void> {
    const copied: CopiedRow[] = [];
    for (const row of rows) {
      const one = await this.#read(row);
      if (one !== undefined) copied.push(one);
    }
    if (copied.length === 0) return;
    await this.primary.answer(this.peer.copy(this.primary.state.epoch, copied));
    this.rowsCopied += copied.length;
  }

  /** The row with its body; undefined when it has changed meanwhile: then the replica is sent the change itself. */
  async #read(row: StoredRow): Promise<CopiedRow | undefined> {
    const { key, meta, sequence } = row;
    if (row.body === undefined) return { key, meta, sequence, body: undefined, lost: undefined };
    let body = await this.primary.local.bodyOf(row);
    if (body === undefined) {
      const now = this.primary.local.get(key);
      if (now?.sequence !== sequence) return undefined;
      body =
        (await this.primary.local.bodyOf(now)) ?? (await healBody(this.primary, now, this.#logger));
    }
    if (body === undefined) this.#lost.add(textOf(key));
    // A body that no replica has whole is no reason to leave the row, or all others, without copies.
    return { key, meta, sequence, body, lost: body === undefined ? row.body : undefined };
  }

  /** Rows whose bodies the replica could not take over from rows it had. True when there may be more to do. */
  async #copyMissing(): Promise<boolean> {
    const keys = await this.primary.answer(this.peer.missing(rowsPerStep + this.#lost.size));
    const wanted = keys.filter((key) => !this.#lost.has(textOf(key)));
    if (wanted.length === 0) return false;
    if (++this.#rounds > roundsMax) {
      throw new StoreError('unavailable', 'shard.copy', 'the replica keeps missing bodies');
    }
    const rows = wanted.flatMap((key) => this.primary.local.get(key) ?? []);
    await this.#send(rows);
    return true;
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key).toString('latin1');
}

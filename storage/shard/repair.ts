/**
 * Brings the replicas of this process's shards back: those that left the in-sync set are rebuilt from
 * their primary, those whose device stays away are placed on another one, those that the map no
 * longer names are removed.
 *
 * The primary serves all the while. A replica that is being rebuilt is sent every new commit from the
 * moment the copy begins; the rules that merge commits and copied rows are in replica-rows.ts.
 */
import type { Clock } from '../../base/clock.ts';
import { StoreError, isStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { DeviceId } from '../../base/units.ts';
import type { Worker } from '../work/worker.ts';
import type { ShardGroup } from './group.ts';
import type { EncodedRecord } from './log/record.ts';
import { type CopiedRow, isPrefix } from './peer.ts';
import type { Member } from './primary/member.ts';
import type { ShardPrimary } from './primary/primary.ts';
import { healBody, type ServedShard } from './primary/served-shard.ts';
import type { LocalReplica } from './replica/replica.ts';
import { type Index, type StoredRow, decodeRow, prefixRange } from './row.ts';
import type { ShardState } from './shard.ts';

export type RepairJob =
  /** The map names the replica, and it is not in sync. */
  | { readonly type: 'rebuild'; readonly shard: ServedShard; readonly device: DeviceId }
  /** The device `from` has been away for too long: `device` takes its place. */
  | {
      readonly type: 'replace';
      readonly shard: ServedShard;
      readonly from: DeviceId;
      readonly device: DeviceId;
    }
  /** The device came back after another had taken its place. */
  | { readonly type: 'remove'; readonly shard: ServedShard; readonly device: DeviceId };

export interface ShardRepairOptions {
  readonly group: ShardGroup;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A device that is away for so long loses its replicas to others. Default 10 minutes: longer than a restart. */
  readonly awayMillis?: number;
  /** A rebuilt replica that does not answer one call for so long is given up until it does. Default one minute. */
  readonly answerMillis?: number;
}

/** Rows a page, and the bytes after which it ends early: what one copy holds in memory, bodies included. */
const pageRows = 256;
const pageBytes = 1024 * 1024;
/** Bodies that the copy itself made a commit miss; each round fills those of the round before. */
const fillRoundsMax = 16;

export class ShardRepair implements Worker<RepairJob> {
  readonly name = 'shard-repair';
  readonly #options: ShardRepairOptions;
  readonly #awayMillis: number;
  readonly #answerMillis: number;
  /** Since when a device is missed, in monotonic milliseconds. A restart begins the count anew. */
  readonly #awaySince = new Map<DeviceId, number>();
  /** A reset that has not answered may still wipe: its replica is left alone. */
  readonly #resetting = new Set<LocalReplica>();
  #turn = 0;

  constructor(options: ShardRepairOptions) {
    this.#options = options;
    this.#awayMillis = options.awayMillis ?? 600_000;
    this.#answerMillis = options.answerMillis ?? 60_000;
  }

  async next(): Promise<RepairJob | undefined> {
    const { group } = this.#options;
    this.#noteAway();
    const jobs = group.all().flatMap((shard) => this.#jobs(shard));
    // One that fails again and again must not keep the others waiting.
    return jobs[this.#turn++ % Math.max(1, jobs.length)];
  }

  #noteAway(): void {
    const { group, clock } = this.#options;
    const wanted = new Set(group.all().flatMap(({ id }) => group.state(id).replicas));
    for (const device of wanted) {
      if (group.device(device) !== undefined) this.#awaySince.delete(device);
      else if (!this.#awaySince.has(device)) this.#awaySince.set(device, clock.monotonic());
    }
    for (const device of this.#awaySince.keys()) {
      if (!wanted.has(device)) this.#awaySince.delete(device);
    }
  }

  #jobs(shard: ServedShard): RepairJob[] {
    // Without a primary there is nobody to copy from.
    if (shard.primary === undefined) return [];
    const { group } = this.#options;
    const state = group.state(shard.id);
    const jobs: RepairJob[] = [];
    for (const id of state.replicas) {
      if (state.inSync.includes(id)) continue;
      const replica = group.device(id)?.replica(shard.id);
      if (replica === undefined) {
        const device = this.#away(id) ? this.#substitute(state) : undefined;
        if (device !== undefined) jobs.push({ type: 'replace', shard, from: id, device });
      } else if (!this.#resetting.has(replica)) {
        jobs.push({ type: 'rebuild', shard, device: id });
      }
    }
    return [...jobs, ...this.#leftovers(shard, state)];
  }

  #leftovers(shard: ServedShard, state: ShardState): RepairJob[] {
    const given = this.#options.group.devices().filter((device) => {
      const condition = device.replicas.get(shard.id)?.state.condition ?? 'absent';
      return condition !== 'absent' && !state.replicas.includes(device.id);
    });
    return given.map((device) => ({ type: 'remove', shard, device: device.id }));
  }

  #away(device: DeviceId): boolean {
    const since = this.#awaySince.get(device);
    return since !== undefined && this.#options.clock.monotonic() - since >= this.#awayMillis;
  }

  /** Of the devices that have no replica of the shard, the one with the fewest replicas of all. */
  #substitute(state: ShardState): DeviceId | undefined {
    const { group } = this.#options;
    const homes = group.all().flatMap(({ id }) => group.state(id).replicas);
    const load = (device: DeviceId): number => homes.filter((home) => home === device).length;
    const free = group.devices().filter(({ id }) => !state.replicas.includes(id));
    return free.map(({ id }) => id).toSorted((a, b) => load(a) - load(b) || a - b)[0];
  }

  async run(job: RepairJob): Promise<void> {
    const { shard, device } = job;
    const primary = shard.primary;
    const replica = this.#options.group.device(device)?.replica(shard.id);
    if (primary === undefined || replica === undefined) {
      throw unavailable('the shard or the device is not there any more');
    }
    if (job.type === 'remove') {
      // The map may have changed since `next`.
      if (!primary.state.replicas.includes(device)) await this.#answer(replica.remove());
      return;
    }
    if (job.type === 'replace') {
      const { replicas } = primary.state;
      await primary.changeReplicas(replicas.map((home) => (home === job.from ? device : home)));
    }
    await this.#rebuild(primary, replica);
    const fields = { event: 'shard.replica-rebuilt', shard: shard.id, device };
    this.#options.logger.info(fields, "A replica is back in the shard's in-sync set.");
  }

  async #rebuild(primary: ShardPrimary, replica: LocalReplica): Promise<void> {
    const { inSync } = primary.state;
    if (inSync.includes(replica.device)) return;
    if (await this.#catchUp(primary, replica)) return;
    await this.#reset(primary, replica);
    const member = primary.addLearner(replica);
    // As the primary found it: everything later is sent.
    const base = member.synced;
    await this.#joining(primary, member, async () => {
      await primary.settleAll();
      await this.#copyRows(primary, member);
      await this.#fill(primary, member);
      await primary.promote(member, base);
    });
  }

  async #joining(primary: ShardPrimary, member: Member, task: () => Promise<void>): Promise<void> {
    try {
      await task();
    } catch (error) {
      primary.removeLearner(member);
      throw error;
    }
  }

  /** Sends the commits that the replica lacks, new ones behind them; false when it needs a copy. */
  async #catchUp(primary: ShardPrimary, replica: LocalReplica): Promise<boolean> {
    const { local } = primary;
    const status = await this.#answer(replica.status());
    if (status.condition !== 'ready' || !isPrefix(status, local.state)) return false;
    const member = primary.addLearner(replica, true);
    const base = member.synced;
    let reached = false;
    await this.#joining(primary, member, async () => {
      await primary.settleAll();
      const commits = await local.commitsAfter(status.sequence);
      if (commits === undefined) return;
      let shipment: EncodedRecord[] = [];
      let bytes = 0;
      for (const commit of commits) {
        if (commit.sequence > base) break;
        shipment.push(commit);
        bytes += commit.length;
        if (bytes < pageBytes) continue;
        await this.#answer(replica.append({ epoch: primary.state.epoch, commits: shipment }));
        shipment = [];
        bytes = 0;
      }
      await this.#answer(replica.append({ epoch: primary.state.epoch, commits: shipment }));
      member.release();
      await primary.promote(member, base);
      reached = true;
    });
    if (!reached) primary.removeLearner(member);
    return reached;
  }

  async #reset(primary: ShardPrimary, replica: LocalReplica): Promise<void> {
    this.#resetting.add(replica);
    const done = replica.reset(primary.state.epoch);
    const free = (): boolean => this.#resetting.delete(replica);
    done.then(free, free);
    await this.#answer(done);
  }

  async #copyRows(primary: ShardPrimary, member: Member): Promise<void> {
    const index = this.#options.group.device(primary.local.device)?.index;
    if (index === undefined) throw unavailable("the primary's device is gone");
    const { prefix } = primary.local.rows;
    const { gte, lt } = prefixRange(prefix);
    let after: Uint8Array | undefined;
    for (;;) {
      const bounds = after === undefined ? { gte, lt } : { gt: after, lt };
      const found = await readPage(index, bounds);
      const last = found.at(-1)?.[0];
      if (last === undefined) return;
      after = last;
      const rows = found.map(([key, value]) =>
        verified(primary, key.subarray(prefix.length), value),
      );
      await this.#copy(primary, member, rows);
    }
  }

  /** Sends rows in records of a bounded size. */
  async #copy(primary: ShardPrimary, member: Member, rows: readonly StoredRow[]): Promise<void> {
    let page: CopiedRow[] = [];
    let bytes = 0;
    const send = async (): Promise<void> => {
      if (page.length === 0) return;
      if (primary.stopped !== undefined) throw primary.stopped;
      if (member.failed !== undefined) throw member.failed;
      // Read at the call: the learner has heard of no later epoch than the primary is in.
      await this.#answer(member.peer.copy(primary.state.epoch, page));
      page = [];
      bytes = 0;
    };
    for (const row of rows) {
      const copied = await this.#withBody(primary, row);
      if (copied === undefined) continue;
      page.push(copied);
      bytes += copied.key.length + copied.meta.length + (copied.body?.length ?? 0);
      if (bytes >= pageBytes) await send();
    }
    await send();
  }

  /** The row as it is now; undefined when it is gone: the learner is sent its deletion. */
  async #withBody(primary: ShardPrimary, row: StoredRow): Promise<CopiedRow | undefined> {
    if (row.body === undefined) return copiedRow(row, undefined);
    const body = await primary.local.bodyOf(row);
    if (body !== undefined) return copiedRow(row, body);
    // It was moved or overwritten meanwhile, or its bytes are bad here.
    const now = primary.local.get(row.key);
    if (now === undefined) return undefined;
    if (now.body === undefined) return copiedRow(now, undefined);
    const found =
      (await primary.local.bodyOf(now)) ?? (await healBody(primary, now, this.#options.logger));
    // A body that no replica has whole is no reason to leave all other rows without copies.
    return { ...copiedRow(now, found), lost: found === undefined ? now.body : undefined };
  }

  /**
   * A copied row may be newer than commits that are still on their way; one of those that takes over
   * the body of what the row was before finds it gone. So the learner first catches up.
   */
  async #fill(primary: ShardPrimary, member: Member): Promise<void> {
    for (let round = 0; round < fillRoundsMax; round++) {
      await primary.settleAll();
      await member.whenSynced(primary.settled);
      let keys = await this.#answer(member.peer.missing(pageRows));
      if (keys.length === 0) return;
      while (keys.length > 0) {
        const rows = keys.flatMap((key) => primary.local.get(key) ?? []);
        await this.#copy(primary, member, rows);
        // Those that a page left over had no row any more, or a newer one: the next round sees.
        if (keys.length < pageRows) break;
        keys = await this.#answer(member.peer.missing(pageRows));
      }
    }
    throw unavailable('the replica keeps missing bodies');
  }

  /** Rejects with `unavailable` when the replica takes too long; the call itself may still take effect. */
  #answer<Result>(call: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      const cancel = this.#options.clock.after(this.#answerMillis, () => {
        reject(unavailable('the replica did not answer in time'));
      });
      call.then(resolve, reject).finally(cancel);
    });
  }
}

async function readPage(
  index: Index,
  bounds: { readonly lt: Uint8Array; readonly gte?: Uint8Array; readonly gt?: Uint8Array },
): Promise<[Uint8Array, Uint8Array][]> {
  try {
    return await index.iterator({ ...bounds, limit: pageRows }).all();
  } catch (cause) {
    throw new StoreError('unavailable', 'shard.repair', "the primary's index failed", { cause });
  }
}

/** A damaged row ends the primary: another replica takes over, and this one is rebuilt from it. */
function verified(primary: ShardPrimary, key: Uint8Array, value: Uint8Array): StoredRow {
  try {
    return decodeRow(key, value);
  } catch (error) {
    throw isStoreError(error, 'corrupt') ? primary.damaged(error) : error;
  }
}

function copiedRow(row: StoredRow, body: Uint8Array | undefined): CopiedRow {
  return { key: row.key, meta: row.meta, sequence: row.sequence, body };
}

function unavailable(message: string): StoreError {
  return new StoreError('unavailable', 'shard.repair', message);
}

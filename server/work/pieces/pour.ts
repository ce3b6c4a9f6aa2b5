/**
 * Pours half of a piece's names into a new piece behind it, in the same shard (decision 0036).
 *
 * Invariants:
 * - Every name is in exactly one piece: its rows, the bounds of both pieces and their sums change in one commit.
 * - None of its names is written between the look at its rows and that commit: if one is, it is looked at again.
 * - While the container's row is being changed nothing is poured.
 */
import type { Clock } from '../../../base/clock.ts';
import { compareUtf8 } from '../../../base/bytes.ts';
import { isStoreError } from '../../../base/errors.ts';
import { scanRows } from '../../../storage/shard/list.ts';
import { answerWithin } from '../../../storage/shard/primary/answer.ts';
import type { ShardPrimary } from '../../../storage/shard/primary/primary.ts';
import { DirtyKeys } from '../../../storage/shard/ranges/dirty-keys.ts';
import type { Division } from '../../../storage/shard/ranges/division.ts';
import { idOfKey } from '../../../storage/shard/ranges/extent.ts';
import { keyAfter } from '../../../storage/shard/row-key.ts';
import type { RowWrite } from '../../../storage/shard/shard.ts';
import type { StoredRow } from '../../../storage/shard/row.ts';
import type { Command, LocalRowName } from '../../core/commands.ts';
import { copyFor } from '../../core/decide/pieces/round.ts';
import type { ContainerRow, Id, UsageRow } from '../../core/model.ts';
import type { Piece } from '../../core/pieces/piece.ts';
import type { Change, ShardView } from '../../core/ports.ts';
import { addUsage, noUsage } from '../../core/quota/usage.ts';
import {
  decodeClaimKey,
  decodeDueKey,
  decodeQueueKey,
  isNamed,
  localRange,
  nameIn,
  readRow,
  underId,
} from '../../proxy/row-codec.ts';
import { toWrite, viewOf } from '../../proxy/state-machine.ts';
import { lastNames, type NameRows } from './chunk.ts';

/** Rows a table in one commit: commands are held while they are read. */
const pouredRows = 256;
/** Local rows that are looked at in one step. */
const rowsPerStep = 128;
/** One name with more rows (parts, versions) than this stays, and ends the pouring. */
const rowsOfNameMax = 12_000;
/** The shard's clients have at least so many times as long to themselves. */
const restTimes = 3;
/** So long commands are held back at most; then it is tried again. */
const heldMillis = 100;
const lateMax = 50;
const rowsMin = 8;
const pauseMillis = 5;
const waitMillis = 100;

/** So often names may be written while they are read, before commands are held. */
const spoiltMax = 5;

type Read =
  | { readonly type: 'names'; readonly names: readonly NameRows[] }
  /** Another page must be read. */
  | { readonly type: 'again' }
  | { readonly type: 'over' };

const settledTables = ['claim', 'queue', 'due'] as const;
type SettledTable = (typeof settledTables)[number];

export class Pour implements Division {
  readonly primary: ShardPrimary;
  readonly id: Id;
  readonly into: Id;
  readonly #clock: Clock;
  readonly #pouredRows: number;
  #limit: number;
  #isPoured = false;
  #tables: readonly SettledTable[] = settledTables;
  #from: Uint8Array | undefined;
  #late = 0;
  #spoilt = 0;
  /** How long commands waited at most. */
  heldMillis = 0;

  constructor(of: {
    readonly primary: ShardPrimary;
    readonly id: Id;
    readonly into: Id;
    readonly clock: Clock;
    readonly pouredRows: number | undefined;
  }) {
    this.#pouredRows = of.pouredRows ?? pouredRows;
    this.#limit = this.#pouredRows;
    this.primary = of.primary;
    this.id = of.id;
    this.into = of.into;
    this.#clock = of.clock;
  }

  async step(): Promise<boolean> {
    if (this.primary.stopped !== undefined) throw this.primary.stopped;
    if (!this.#isPoured) {
      await this.#pour();
      return false;
    }
    const [table, ...others] = this.#tables;
    if (table === undefined) {
      await this.#execute({ type: 'pour.end', containerId: this.id });
      return true;
    }
    this.#from = await this.#settle(table, this.#from);
    if (this.#from === undefined) this.#tables = others;
    return false;
  }

  async #pour(): Promise<void> {
    const { primary } = this;
    // All of the shard goes over to another one: what is noted is noted for that.
    if (primary.range.dirty !== undefined) return this.#clock.sleep(waitMillis);
    const since = this.#clock.monotonic();
    // Names that are written all the time are poured while commands wait.
    const open = this.#spoilt < spoiltMax ? undefined : primary.range.hold();
    let read: Read;
    let written: Promise<void> | undefined;
    const dirty = new DirtyKeys((key) => isNamed(key) && idOfKey(key) === this.id);
    primary.range.dirty = dirty;
    try {
      const reading = this.#read();
      read = await (open === undefined ? reading : answerWithin(this.#clock, heldMillis, reading));
      if (read.type === 'names') {
        const { names } = read;
        // Decided in this turn, by all that was decided so far.
        written = primary.write((view) => this.#writesOf(viewOf(view), names, dirty));
      }
    } catch (error) {
      if (!isStoreError(error, 'unavailable') || ++this.#late >= lateMax) throw error;
      // Less is read, while commands wait, the next time.
      this.#limit = Math.max(Math.min(rowsMin, this.#limit), this.#limit >> 1);
      read = { type: 'again' };
    } finally {
      if (primary.range.dirty === dirty) primary.range.dirty = undefined;
      open?.();
    }
    const took = this.#clock.monotonic() - since;
    if (open !== undefined) this.heldMillis = Math.max(this.heldMillis, took);
    await written;
    if (read.type === 'over') this.#isPoured = true;
    else await this.#clock.sleep(Math.max(pauseMillis, restTimes * took));
  }

  async #read(): Promise<Read> {
    const { local } = this.primary;
    await this.primary.settleAll();
    await local.flush();
    const rows = viewOf(local);
    const container = rows.get('container', { containerId: this.id });
    if (container?.state !== 'live') return { type: 'over' };
    const own = rows.get('usage', { containerId: this.id }) ?? noUsage;
    const others = rows.get('usage', { containerId: this.into }) ?? noUsage;
    const names = await this.#chunk(container, weightOf(own), weightOf(others));
    if (names === undefined) return { type: 'again' };
    return names.length === 0 ? { type: 'over' } : { type: 'names', names };
  }

  /** Names that go over now, the last one first; empty: no more do. Undefined: a larger page must be read. */
  async #chunk(
    { piece }: ContainerRow,
    own: number,
    others: number,
  ): Promise<readonly NameRows[] | undefined> {
    let left = Math.floor((own + others) / 2) - others;
    if (left <= 0) return [];
    const at = { id: this.id, to: piece?.to };
    const found = await lastNames(this.primary.local, at, this.#limit);
    if (found === undefined) {
      this.#limit *= 2;
      return this.#limit > rowsOfNameMax ? [] : undefined;
    }
    this.#limit = this.#pouredRows;
    const names: NameRows[] = [];
    for (const one of found) {
      const weight = weightOf(one.usage);
      if (left <= 0 || weight > left) break;
      left -= weight;
      names.push(one);
    }
    return names;
  }

  /** None while the container's row is being changed, or when a name has been written since it was read. */
  #writesOf(view: ShardView, names: readonly NameRows[], dirty: DirtyKeys): readonly RowWrite[] {
    const { id, into } = this;
    const container = view.get('container', { containerId: id });
    const other = view.get('container', { containerId: into });
    const last = names.at(-1)?.name ?? '';
    if (container?.state !== 'live') return [];
    if (container.piece?.fence !== undefined || other?.piece?.fence !== undefined) return [];
    if (dirty.take().some((key) => compareUtf8(nameIn(key), last) >= 0)) {
      this.#spoilt++;
      return [];
    }
    this.#spoilt = Math.min(this.#spoilt, spoiltMax - 1);
    this.#late = 0;
    const own = view.get('usage', { containerId: id }) ?? noUsage;
    const others = view.get('usage', { containerId: into }) ?? noUsage;
    const { of = id, from = '', to, next, round = 0 } = container.piece ?? {};
    const gone = names.map(({ usage }) => usage).reduce(addUsage, noUsage);
    const piece: Piece = { of, from, to: last, next: into, round };
    const behind: Piece = { ...(other?.piece ?? { of, to, next, round }), from: last };
    const left = { ...addUsage(own, negative(gone)), isPart: true } as const;
    const come = { ...addUsage(others, gone), isPart: true } as const;
    const copy = copyFor(into, other ?? container, behind);
    const [here, there] = [{ containerId: id }, { containerId: into }];
    const changes: readonly Change[] = [
      { type: 'put', table: 'container', key: here, row: { ...container, piece } },
      { type: 'put', table: 'container', key: there, row: copy },
      { type: 'put', table: 'usage', key: here, row: left },
      { type: 'put', table: 'usage', key: there, row: come },
      { type: 'put', table: 'pour', key: here, row: { containerId: id, into } },
    ];
    const rows = names.flatMap((one) => one.rows.flatMap((row) => moved(row, into)));
    return [...rows, ...changes.map(toWrite)];
  }

  /** Makes a page of local rows name the piece that their names are in now; gives where the next one begins. */
  async #settle(
    table: SettledTable,
    from: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const { local } = this.primary;
    await local.flush();
    const range = localRange(table);
    const page = { gte: from ?? range.gte, lt: range.lt, limit: rowsPerStep };
    const found = await scanRows(local.index, local.rows.prefix, page);
    const rows = found
      .filter((row) => readRow<typeof table>(row).containerId === this.id)
      .map((row) => nameOfLocal(table, row));
    if (rows.length > 0) {
      await this.#execute({ type: 'pour.settle', containerId: this.id, rows });
    }
    const last = found.at(-1);
    return last === undefined || found.length < rowsPerStep ? undefined : keyAfter(last.key);
  }

  #execute(command: Command): Promise<unknown> {
    return this.primary.execute(command);
  }
}

/** What is to be the same in both. */
function weightOf({ versions, uploads }: UsageRow): number {
  return versions + uploads;
}

function negative(usage: UsageRow): UsageRow {
  const { objects, bytes, versions, versionBytes, uploads } = usage;
  return {
    objects: -objects,
    bytes: -bytes,
    versions: -versions,
    versionBytes: -versionBytes,
    uploads: -uploads,
  };
}

function moved({ key, meta, body }: StoredRow, into: Id): readonly RowWrite[] {
  const there = underId(key, into);
  const copy: RowWrite =
    body === undefined
      ? { type: 'put', key: there, meta }
      : { type: 'put-with-body-of', key: there, meta, from: key };
  return [copy, { type: 'delete', key }];
}

function nameOfLocal(table: SettledTable, { key }: StoredRow): LocalRowName {
  switch (table) {
    case 'claim':
      return { table, ...decodeClaimKey(key) };
    case 'queue':
      return { table, ...decodeQueueKey(key) };
    case 'due':
      return { table, ...decodeDueKey(key) };
  }
}

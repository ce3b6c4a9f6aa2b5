/**
 * Pours half of a piece's names into a new piece behind it, in the same shard (decision 0036).
 *
 * Invariants:
 * - Every name is in exactly one piece: its rows, the bounds of both pieces and their sums change in one commit.
 * - Nothing is written between the look at the rows and that commit: commands are held for so long.
 * - While the container's row is being changed nothing is poured.
 */
import type { Clock } from '../../../base/clock.ts';
import { isStoreError } from '../../../base/errors.ts';
import { scanRows } from '../../../storage/shard/list.ts';
import { answerWithin } from '../../../storage/shard/primary/answer.ts';
import type { ShardPrimary } from '../../../storage/shard/primary/primary.ts';
import type { Division } from '../../../storage/shard/ranges/division.ts';
import { keyAfter } from '../../../storage/shard/row-key.ts';
import type { RowWrite } from '../../../storage/shard/shard.ts';
import type { StoredRow } from '../../../storage/shard/row.ts';
import type { Command, LocalRowName } from '../../core/commands.ts';
import { copyFor } from '../../core/decide/pieces/round.ts';
import type { ContainerRow, Id, UsageRow } from '../../core/model.ts';
import type { Piece } from '../../core/pieces/piece.ts';
import type { KeyOf, RowOf, TableName } from '../../core/ports.ts';
import { addUsage, noUsage } from '../../core/quota/usage.ts';
import {
  decodeClaimKey,
  decodeDueKey,
  decodeQueueKey,
  encodeKey,
  encodeRow,
  localRange,
  readRow,
  underId,
} from '../../proxy/row-codec.ts';
import { lastNames, type NameRows } from './chunk.ts';

/** Rows a table in one commit: commands are held while they are read. */
const pouredRows = 128;
/** Local rows that are looked at in one step. */
const rowsPerStep = 128;
/** One name with more rows (parts, versions) than this stays, and ends the pouring. */
const rowsOfNameMax = 12_000;
/** The shard's clients have at least so many times as long to themselves. */
const restTimes = 4;
/** So long commands are held back at most; then it is tried again. */
const heldMillis = 100;
const lateMax = 50;
const rowsMin = 8;
const pauseMillis = 20;

type Next =
  | { readonly type: 'writes'; readonly writes: readonly RowWrite[] }
  /** A larger page must be read. */
  | { readonly type: 'again' }
  | { readonly type: 'later' }
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
    const { range } = this.primary;
    const since = this.#clock.monotonic();
    const open = range.hold();
    let next: Next;
    let written: Promise<void> | undefined;
    try {
      next = await answerWithin(this.#clock, heldMillis, this.#next());
      // Decided in this turn, before any command that waits.
      if (next.type === 'writes') written = this.primary.write(next.writes);
    } catch (error) {
      if (!isStoreError(error, 'unavailable') || ++this.#late >= lateMax) throw error;
      // Less is read, while commands wait, the next time.
      this.#limit = Math.max(Math.min(rowsMin, this.#limit), this.#limit >> 1);
      next = { type: 'later' };
    } finally {
      open();
    }
    const held = this.#clock.monotonic() - since;
    this.heldMillis = Math.max(this.heldMillis, held);
    await written;
    if (next.type === 'over') this.#isPoured = true;
    else await this.#clock.sleep(next.type === 'later' ? pauseMillis : restTimes * held);
  }

  async #next(): Promise<Next> {
    await this.primary.settleAll();
    await this.primary.local.flush();
    const container = this.#get('container', { containerId: this.id });
    const other = this.#get('container', { containerId: this.into });
    if (container?.state !== 'live') return { type: 'over' };
    if (container.piece?.fence !== undefined || other?.piece?.fence !== undefined) {
      return { type: 'later' };
    }
    const own = this.#get('usage', { containerId: this.id }) ?? noUsage;
    const others = this.#get('usage', { containerId: this.into }) ?? noUsage;
    const names = await this.#chunk(container, weightOf(own), weightOf(others));
    if (names === undefined) return { type: 'again' };
    if (names.length === 0) return { type: 'over' };
    return { type: 'writes', writes: this.#writesOf({ container, other, own, others }, names) };
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

  #writesOf(
    before: {
      readonly container: ContainerRow;
      readonly other: ContainerRow | undefined;
      readonly own: UsageRow;
      readonly others: UsageRow;
    },
    names: readonly NameRows[],
  ): readonly RowWrite[] {
    const { container, other, own, others } = before;
    const { id, into } = this;
    const { of = id, from = '', to, next, round = 0 } = container.piece ?? {};
    const last = names.at(-1)?.name ?? '';
    const gone = names.map(({ usage }) => usage).reduce(addUsage, noUsage);
    const piece: Piece = { of, from, to: last, next: into, round };
    const behind: Piece = { ...(other?.piece ?? { of, to, next, round }), from: last };
    return [
      ...names.flatMap(({ rows }) => rows.flatMap((row) => moved(row, into))),
      put('container', { containerId: id }, { ...container, piece }),
      put('container', { containerId: into }, copyFor(into, other ?? container, behind)),
      put('usage', { containerId: id }, { ...addUsage(own, negative(gone)), isPart: true }),
      put('usage', { containerId: into }, { ...addUsage(others, gone), isPart: true }),
      put('pour', { containerId: id }, { containerId: id, into }),
    ];
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

  /** Nothing is under way: what is readable is all there is. */
  #get<T extends TableName>(table: T, key: KeyOf<T>): RowOf<T> | undefined {
    const row = this.primary.local.get(encodeKey(table, key));
    return row && readRow<T>(row);
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

function put<T extends TableName>(table: T, key: KeyOf<T>, row: RowOf<T>): RowWrite {
  return { type: 'put', key: encodeKey(table, key), meta: encodeRow(row) };
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
      return { table, lane: key[2] === 1 ? 'check' : 'move', ...decodeDueKey(key) };
  }
}

/**
 * Types of the shard layer: ordered rows, replicated, one commit order per shard.
 * The layer knows bytes only; what rows mean is decided by a StateMachine that server/ brings.
 */
import type { DeviceId, Epoch, Micros, Sequence, ShardId } from '../../base/units.ts';

/** Row keys are ordered by bytes. `meta` is opaque; `body` is an inline object body of at most 16 KiB. */
export interface Row {
  readonly key: Uint8Array;
  readonly meta: Uint8Array;
  /** Length of the inline body; undefined when the row has none. The bytes lie in the log. */
  readonly bodyLength: number | undefined;
  /** What whoever understands `meta` made of it. A row that is at hand keeps it for the next who asks; it never leaves the process. */
  memo?: unknown;
}

/** Handed to every decision: the place of the commit in the shard's order. */
export interface Stamp {
  readonly epoch: Epoch;
  readonly sequence: Sequence;
  /** Strictly increasing within a shard. */
  readonly time: Micros;
}

/** What a decision sees: every earlier commit of the shard, also those not yet durable. Synchronous. */
export interface RowView {
  get(key: Uint8Array): Row | undefined;
}

export type RowWrite =
  | {
      readonly type: 'put';
      readonly key: Uint8Array;
      readonly meta: Uint8Array;
      readonly body?: Uint8Array;
    }
  /** Puts a row whose inline body is the one that the row `from` has now (before this commit). `from` may equal `key`. */
  | {
      readonly type: 'put-with-body-of';
      readonly key: Uint8Array;
      readonly meta: Uint8Array;
      readonly from: Uint8Array;
    }
  | { readonly type: 'delete'; readonly key: Uint8Array };

/** Given, or found by what was decided before them: none are made where that finds none. Synchronous. */
export type Writes = readonly RowWrite[] | ((view: RowView) => readonly RowWrite[]);

export interface Decision {
  /** Applied atomically, in order. Empty: nothing is committed and the result returns at once (after earlier commits it depends on are durable). */
  readonly writes: readonly RowWrite[];
  readonly result: unknown;
}

/** Pure, synchronous, deterministic. Runs at the primary only; replicas apply the writes. */
export interface StateMachine {
  /** Throws StoreError to refuse the command. */
  decide(command: unknown, view: RowView, stamp: Stamp): Decision;
  /** The id (16 bytes, hex) that a command is about: whoever owns it decides. Undefined: the shard that is asked. */
  idOf(command: unknown): string | undefined;
  /** Of a row in area `local`, the id with which it moves to another shard; undefined: it is the shard's own, and stays. */
  homeOf(row: Row, view: RowView): string | undefined;
  /** Throws when a row of this key may lie under another id by what rows say; `view` is what was read from. */
  checkKey(key: Uint8Array, view: RowView): void;
  /** The same for any row that is listed. */
  checkListed(query: ListQuery, view: RowView): void;
  /** The key of a row in area `local` once all of its shard has gone over into another: one that none of that one's own rows has. */
  keyJoined(key: Uint8Array, from: Joining): Uint8Array;
  /** What the row holds then: `homeOf` says of it an id that has gone over, too. Throws `conflict` for one that nobody knows here. */
  metaJoined(row: Row, view: RowView, from: Joining): Uint8Array;
  /** The command that makes one with the shard's own a row that came so; undefined: it may stay as it is. */
  settling(row: Row): unknown;
}

/** A shard that goes over into another as a whole. */
export interface Joining {
  readonly shard: ShardId;
  /** The first id that it owns. */
  readonly home: string;
}

export interface ScanRange {
  /** Inclusive lower bound. */
  readonly gte: Uint8Array;
  /** Exclusive upper bound. */
  readonly lt: Uint8Array;
  readonly limit: number;
  readonly reverse?: boolean;
}

/**
 * A listing inside one region of rows (all row keys start with `region`, then an escaped name that
 * ends with the terminator of row-key.ts, then a suffix). Every name bound is in raw UTF-8 bytes.
 */
export interface ListQuery {
  readonly region: Uint8Array;
  /** Only names that start with this. */
  readonly prefix: Uint8Array;
  /** Groups names that hold it after the prefix; empty: no grouping. Any length. */
  readonly delimiter: Uint8Array;
  /** Names (and groups) must be greater than this; undefined: from the start. With `afterSuffix`: rows of exactly this name whose suffix is greater also count. */
  readonly after: Uint8Array | undefined;
  readonly afterSuffix?: Uint8Array;
  /** Names must be smaller than this (Swift end_marker); undefined: to the end. With `reverse`, `after` and `before` keep these meanings: only the order of the page turns. */
  readonly before: Uint8Array | undefined;
  /** With `before`: rows of exactly that name whose suffix is smaller also count. */
  readonly beforeSuffix?: Uint8Array;
  readonly reverse: boolean;
  /** At most this many items (rows and groups together). */
  readonly limit: number;
}

export type ListItem =
  | {
      readonly type: 'row';
      readonly name: Uint8Array;
      readonly suffix: Uint8Array;
      readonly row: Row;
    }
  /** A group: prefix up to and including the delimiter. A group is left out when it is not greater than `after` (or `after` starts with it). */
  | { readonly type: 'group'; readonly name: Uint8Array };

export interface ListPage {
  readonly items: readonly ListItem[];
  /** Whether anything follows. */
  readonly truncated: boolean;
}

/**
 * One shard as its clients see it, wherever its primary runs. Errors: `unavailable`, `stale-epoch` (with
 * detail `moved`: what was asked about is another shard's now), and whatever decide throws.
 */
export interface Shard {
  readonly id: ShardId;
  /** Resolves with the decision's result when every in-sync replica (at least two, one if the policy has m = 0) has it synced, and the row is readable. Outcome unknown: `unavailable`. */
  execute(command: unknown): Promise<unknown>;
  get(key: Uint8Array): Promise<Row | undefined>;
  /** The row and its inline body (verified; taken from another replica when the local bytes are bad). The caller owns the bytes. */
  getWithBody(key: Uint8Array): Promise<{ row: Row; body: Uint8Array | undefined } | undefined>;
  scan(range: ScanRange): Promise<readonly Row[]>;
  list(query: ListQuery): Promise<ListPage>;
}

/** One shard's line in the cluster map. */
export interface ShardState {
  readonly id: ShardId;
  /** First row route (16 bytes, hex) that it owns; the next shard's start ends it. */
  readonly start: string;
  readonly epoch: Epoch;
  readonly replicas: readonly DeviceId[];
  readonly primary: DeviceId;
  /** The lease under which the primary serves; absent: nobody does, or it is a single machine. */
  readonly session?: string;
  /** A subset of `replicas` that holds every acknowledged commit; includes the primary. */
  readonly inSync: readonly DeviceId[];
  /** It owns nothing yet, and its `start` means nothing: rows are being copied to it from this shard (decision 0035). */
  readonly takesFrom?: ShardId;
  /** It may hold rows that are another shard's now. */
  readonly untrimmed?: true;
  /** All that it owns is to go over to this one, which lies before it, and then it is no more (decision 0035). */
  readonly joins?: ShardId;
}

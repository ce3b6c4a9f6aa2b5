/**
 * What core asks of the world below it: rows (consistent, ordered) and bodies (erasure-coded).
 * Implemented by server/proxy over a cluster, and in memory for tests (test/memory/).
 */
import type { ReservedRow } from './account/reservation.ts';
import type { BackupRow } from './backup/backup-row.ts';
import type { Micros } from '../../base/units.ts';
import type { Command, CommandResult, RoundRow } from './commands.ts';
import type {
  AccountRow,
  AccountUsageRow,
  BacklogRow,
  BucketNameRow,
  ClaimRow,
  ContainerRow,
  DirectoryRow,
  DueRow,
  EventRow,
  Id,
  PartRow,
  QueueRow,
  StoredBody,
  UploadRow,
  UsageRow,
  VersionRow,
} from './model.ts';
import type { TombstoneRow } from './decide/sync/tombstone.ts';
import type { DueKey } from './lifecycle/due-key.ts';
import type { PourRow } from './pieces/piece.ts';

/** Every table, its row type and its key. Keys with a `containerId` (or other 16-byte id as first field) are routed by it. */
export interface Tables {
  account: { key: { accountId: Id }; row: AccountRow };
  /** Ordered by name within the account. */
  directory: { key: { accountId: Id; name: string }; row: DirectoryRow };
  /** `nameId` is derived from the name (`bucketNameId`). */
  bucketName: { key: { nameId: Id }; row: BucketNameRow };
  container: { key: { containerId: Id }; row: ContainerRow };
  usage: { key: { containerId: Id }; row: UsageRow };
  /** Of the first piece of a container. */
  round: { key: { containerId: Id }; row: RoundRow };
  /** The same. */
  reserved: { key: { containerId: Id }; row: ReservedRow };
  /** The newest version of each key, unless that is a delete marker (so a listing meets no markers). Ordered by key. May hold an inline body. */
  current: { key: { containerId: Id; key: string }; row: VersionRow };
  /** Noncurrent versions, newest first within a key, and a delete marker that is its key's newest (under `newestMarker`, decide/version-chain.ts, which sorts first). May hold an inline body. */
  version: { key: { containerId: Id; key: string; version: Micros }; row: VersionRow };
  /** Deletions, in containers that are in step with those of other stores. Ordered by key. */
  tombstone: { key: { containerId: Id; key: string }; row: TombstoneRow };
  /** Ordered by key, then by start, then by upload id. */
  upload: { key: { containerId: Id; key: string; uploadId: Id }; row: UploadRow };
  /** Ordered by part number within an upload. May hold an inline body. */
  part: { key: { containerId: Id; key: string; uploadId: Id; partNumber: number }; row: PartRow };
  /** Shard-local: in the shard that owns `containerId`. */
  claim: { key: { containerId: Id; objectId: Id }; row: ClaimRow };
  /** Shard-local. With `from` (a shard's number): what came with that shard when it was merged into this one. */
  accountUsage: { key: { containerId: Id; accountId: Id; from?: number }; row: AccountUsageRow };
  /** Shard-local, ordered by due time (milliseconds), then by a unique id. */
  queue: { key: { containerId: Id; dueAt: number; id: string }; row: QueueRow };
  /** Shard-local. Lane `check`: rows are looked at; lane `move`: bytes are rewritten. Ordered by due time within a lane, then by id, which is made of what the task is about: the same one at the same time is one row. */
  due: { key: DueKey; row: DueRow };
  /** Shard-local, ordered by stamp within a feed. */
  event: { key: { containerId: Id; feedId: Id; stamp: Micros }; row: EventRow };
  /** Shard-local, ordered by target, then by feed. */
  backlog: { key: { containerId: Id; target: string; feedId: Id }; row: BacklogRow };
  /** Shard-local: pieces whose names are going over to the next one. */
  pour: { key: { containerId: Id }; row: PourRow };
  /** Shard-local, in the order in which the pieces were stored. */
  backup: { key: { containerId: Id; place: number }; row: BackupRow };
}
/** Tables that are local to a shard: the container that routes is no part of their keys. */
export const localTables = [
  'claim',
  'accountUsage',
  'queue',
  'event',
  'backlog',
  'due',
  'backup',
  'pour',
] as const;

export type TableName = keyof Tables;
export type KeyOf<T extends TableName> = Tables[T]['key'];
export type RowOf<T extends TableName> = Tables[T]['row'];

/** What a decision sees: every earlier commit of its shard. Synchronous and side-effect free. */
export interface ShardView {
  get<T extends TableName>(table: T, key: KeyOf<T>): RowOf<T> | undefined;
}

/** What a decision does. A row's inline body: `body` gives it; `bodyOf` takes over the one that another row has now (which may be the same row). */
export type Change = {
  [T in TableName]:
    | {
        readonly type: 'put';
        readonly table: T;
        readonly key: KeyOf<T>;
        readonly row: RowOf<T>;
        readonly body?: Uint8Array;
        readonly bodyOf?: {
          readonly [S in TableName]: { readonly table: S; readonly key: KeyOf<S> };
        }[TableName];
      }
    | { readonly type: 'delete'; readonly table: T; readonly key: KeyOf<T> };
}[TableName];

/** Options of one page of a listing. All names are strings; order is that of their UTF-8 bytes. */
export interface PageQuery {
  readonly prefix: string;
  /** '' for none. Any length. */
  readonly delimiter: string;
  /** Only names (and groups) greater than this; a group that `after` starts with is left out. */
  readonly after: string | undefined;
  /** With `after`: also rows of that very name that follow this version or upload. */
  readonly afterVersion?: Micros | undefined;
  /** With `before`: also rows of that very name that precede this version. */
  readonly beforeVersion?: Micros | undefined;
  readonly afterUpload?: { readonly startedAt: Micros; readonly uploadId: Id } | undefined;
  /** Only names smaller than this. */
  readonly before: string | undefined;
  readonly reverse: boolean;
  readonly limit: number;
}

export type PageItem<R> =
  | { readonly type: 'row'; readonly name: string; readonly row: R }
  | { readonly type: 'group'; readonly name: string };

export interface Page<R> {
  readonly items: readonly PageItem<R>[];
  readonly truncated: boolean;
}

/** Strongly consistent rows. Errors: `unavailable` (outcome unknown for `execute`), and what decisions throw. */
export interface RowStore {
  /** Runs the command's decision at the primary of its shard; resolves when it is durable and readable. */
  execute<C extends Command>(command: C): Promise<CommandResult<C>>;
  get<T extends TableName>(table: T, key: KeyOf<T>): Promise<RowOf<T> | undefined>;
  /** With the inline body, verified; the caller owns the bytes. */
  getWithBody<T extends TableName>(
    table: T,
    key: KeyOf<T>,
  ): Promise<{ readonly row: RowOf<T>; readonly body: Uint8Array | undefined } | undefined>;
  listDirectory(accountId: Id, query: PageQuery): Promise<Page<DirectoryRow>>;
  listCurrent(containerId: Id, query: PageQuery): Promise<Page<VersionRow>>;
  /** The `version` table: noncurrent versions, and delete markers that are newest. */
  listVersions(containerId: Id, query: PageQuery): Promise<Page<VersionRow>>;
  listUploads(containerId: Id, query: PageQuery): Promise<Page<UploadRow>>;
  listTombstones(containerId: Id, query: PageQuery): Promise<Page<TombstoneRow>>;
  /** Parts with a number greater than `after`, in order. */
  listParts(
    at: { readonly containerId: Id; readonly key: string; readonly uploadId: Id },
    after: number,
    limit: number,
  ): Promise<{ readonly parts: readonly PartRow[]; readonly truncated: boolean }>;
  /** A container's sums, of all its pieces. */
  usage(containerId: Id): Promise<UsageRow>;
  /** Sums over all shards. */
  accountUsage(accountId: Id): Promise<AccountUsageRow>;
}

/** For whom bytes are written: placement, and the note that each fragment carries. */
export interface BodyTarget {
  readonly account: string;
  readonly container: string;
  readonly containerId: Id;
  readonly key: string;
  readonly policy: string;
}

/** A storage policy as its users see it. */
export interface PolicyInfo {
  readonly name: string;
  /** Other names that clients may use. */
  readonly aliases: readonly string[];
  /** No new container may name it. */
  readonly isDeprecated: boolean;
}

/** Erasure-coded bytes. */
export interface BodyStore {
  /** Consumes `body` (chunks are handed over); resolves when synced on the write quorum. On any error nothing remains but orphans, removed at once where possible. Errors: `unavailable`, `full`, and what `body` throws. */
  write(target: BodyTarget, body: AsyncIterable<Uint8Array>): Promise<StoredBody>;
  /** Bytes [start, end) of a body, verified before they are yielded; the consumer owns each chunk. Throws `unavailable` or `corrupt` when it cannot be made whole. */
  read(stored: StoredBody, start: number, end: number): AsyncIterable<Uint8Array>;
  /** Gives up bytes that no commit will claim. Never throws. */
  discard(stored: StoredBody): void;
  /** Every policy that bodies may be stored under. */
  readonly policies: readonly PolicyInfo[];
  readonly defaultPolicy: string;
}

import { fromHex, utf8 } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { invariant } from '../../base/invariant.ts';
import { hasMoved } from '../../storage/shard/ranges/extent.ts';
import type { Shard, ListItem, ListQuery } from '../../storage/shard/shard.ts';
import { addAccountUsage, noAccountUsage } from '../core/account/usage.ts';
import type { Command, CommandResult } from '../core/commands.ts';
import type {
  AccountUsageRow,
  DirectoryRow,
  Id,
  PartRow,
  UploadRow,
  UsageRow,
  VersionRow,
} from '../core/model.ts';
import { wantsRound } from '../core/pieces/elsewhere.ts';
import { addUsage, noUsage } from '../core/quota/usage.ts';
import type { TombstoneRow } from '../core/decide/sync/tombstone.ts';
import type {
  KeyOf,
  Page,
  PageItem,
  PageQuery,
  RowOf,
  RowStore,
  TableName,
} from '../core/ports.ts';
import {
  accountUsageRange,
  decodeRow,
  readRow,
  encodeKey,
  invertedNumber,
  type ListedTable,
  nameText,
  partBound,
  partsPrefix,
  regionOf,
  routeOf,
} from './row-codec.ts';
import { idOfCommand } from './home.ts';
import { listPieces } from './pieces/listing.ts';
import { Rounds } from './pieces/rounds.ts';
import { PieceRouter } from './pieces/router.ts';
import { type PieceSums, walkPieces } from './pieces/walk.ts';

/** The shards of the cluster, by the id that routes a row. */
export interface ShardMap {
  route(id: Id): Shard;
  all(): readonly Shard[];
}

/** Shards that came to one since its sums were last put together. */
const joinedMax = 1000;
/** Shards that go while they are asked. */
const attemptsMax = 100;

/** core's RowStore over the shards' primaries. */
export class ClusterRows implements RowStore {
  readonly #shards: ShardMap;
  readonly #router: PieceRouter;
  readonly #rounds: Rounds;

  constructor(shards: ShardMap, clock: Clock) {
    this.#shards = shards;
    const pieces: Pick<RowStore, 'execute' | 'get'> = {
      execute: (command) => this.#execute(command),
      get: (table, key) => this.#get(table, key),
    };
    this.#rounds = new Rounds(pieces, clock);
    this.#router = new PieceRouter({
      pieceOf: async (containerId) => (await this.#get('container', { containerId }))?.piece,
      finishRound: (of) => this.#rounds.lift(of),
      clock,
    });
  }

  /** At the piece that holds the names it is about. */
  async execute<C extends Command>(command: C): Promise<CommandResult<C>> {
    if ('containerId' in command && 'key' in command) {
      const { containerId, key } = command;
      return this.#router.at(containerId, key, (id) =>
        this.#execute(id === containerId ? command : { ...command, containerId: id }),
      );
    }
    try {
      const result = await this.#execute(command);
      if (command.type === 'feed.catch-up') await this.#inNextPieces(command);
      return result;
    } catch (error) {
      if (!wantsRound(error)) throw error;
      await this.#changeInPieces(command);
      // As the decision for a container in one piece gives it.
      return null as CommandResult<C>;
    }
  }

  async #execute<C extends Command>(command: C): Promise<CommandResult<C>> {
    const result = await this.#shards.route(idOfCommand(command)).execute(command);
    // The decision for this command type made it: the shard layer hands results back as they are.
    return result as CommandResult<C>;
  }

  /** Looks where the next piece is when a piece has had the command: what it gave away before that has it there. */
  async #inNextPieces(command: Extract<Command, { type: 'feed.catch-up' }>): Promise<void> {
    const nextOf = async (containerId: Id): Promise<Id | undefined> =>
      (await this.#get('container', { containerId }))?.piece?.next;
    let next = await nextOf(command.containerId);
    while (next !== undefined) {
      await this.#execute({ ...command, containerId: next });
      next = await nextOf(next);
    }
  }

  #changeInPieces(command: Command): Promise<void> {
    invariant(
      command.type === 'container.update' || command.type === 'container.delete',
      'only changes of a container are rounds',
    );
    const { containerId, ...change } = command;
    return this.#rounds.change(containerId, change);
  }

  get<T extends TableName>(table: T, key: KeyOf<T>): Promise<RowOf<T> | undefined> {
    return this.#atPiece(key, (at) => this.#get(table, at));
  }

  async #get<T extends TableName>(table: T, key: KeyOf<T>): Promise<RowOf<T> | undefined> {
    const row = await this.#shards.route(routeOf(key)).get(encodeKey(table, key));
    return row === undefined ? undefined : readRow<T>(row);
  }

  /** The key, under the id of the piece that holds its name. */
  #atPiece<K extends KeyOf<TableName>, R>(key: K, read: (key: K) => Promise<R>): Promise<R> {
    if (!('containerId' in key && 'key' in key)) return read(key);
    const { containerId, key: name } = key;
    return this.#router.at(containerId, name, (id) =>
      read(id === containerId ? key : { ...key, containerId: id }),
    );
  }

  getWithBody<T extends TableName>(
    table: T,
    key: KeyOf<T>,
  ): Promise<{ readonly row: RowOf<T>; readonly body: Uint8Array | undefined } | undefined> {
    return this.#atPiece(key, async (at) => {
      const found = await this.#shards.route(routeOf(at)).getWithBody(encodeKey(table, at));
      return found && { row: readRow<T>(found.row), body: found.body };
    });
  }

  async usage(containerId: Id): Promise<UsageRow> {
    const row = await this.#get('usage', { containerId });
    if (row?.isPart !== true) return row ?? noUsage;
    const pieces = await this.pieces(containerId);
    return pieces.map(({ usage }) => usage).reduce(addUsage, noUsage);
  }

  /** As walkPieces, at one moment. */
  async pieces(containerId: Id): Promise<readonly PieceSums[]> {
    for (let left = attemptsMax; left > 0; left--) {
      const pieces = await walkPieces(this.#shards, containerId);
      if (pieces !== undefined) return pieces;
    }
    throw new StoreError('unavailable', 'pieces', 'the container is divided again and again');
  }

  listDirectory(accountId: Id, query: PageQuery): Promise<Page<DirectoryRow>> {
    return this.#list('directory', accountId, query);
  }

  listCurrent(containerId: Id, query: PageQuery): Promise<Page<VersionRow>> {
    return this.#listNamed('current', containerId, query);
  }

  listVersions(containerId: Id, query: PageQuery): Promise<Page<VersionRow>> {
    return this.#listNamed('version', containerId, query);
  }

  listUploads(containerId: Id, query: PageQuery): Promise<Page<UploadRow>> {
    return this.#listNamed('upload', containerId, query);
  }

  listTombstones(containerId: Id, query: PageQuery): Promise<Page<TombstoneRow>> {
    return this.#listNamed('tombstone', containerId, query);
  }

  #listNamed<T extends ListedTable>(table: T, id: Id, query: PageQuery): Promise<Page<RowOf<T>>> {
    return listPieces(this.#router, id, query, (piece, part) => this.#list(table, piece, part));
  }

  async #list<T extends ListedTable>(table: T, id: Id, query: PageQuery): Promise<Page<RowOf<T>>> {
    const list: ListQuery = {
      region: regionOf(table, id),
      prefix: utf8(query.prefix),
      delimiter: utf8(query.delimiter),
      after: query.after === undefined ? undefined : utf8(query.after),
      before: query.before === undefined ? undefined : utf8(query.before),
      reverse: query.reverse,
      limit: query.limit,
      ...suffixesOf(table, query),
    };
    const page = await this.#shards.route(id).list(list);
    return { items: page.items.map((item) => toPageItem<T>(item)), truncated: page.truncated };
  }

  async listParts(
    at: { readonly containerId: Id; readonly key: string; readonly uploadId: Id },
    after: number,
    limit: number,
  ): Promise<{ readonly parts: readonly PartRow[]; readonly truncated: boolean }> {
    const rows = await this.#router.at(at.containerId, at.key, (id) => {
      const prefix = partsPrefix(id, at.key, at.uploadId);
      return this.#shards.route(id).scan({
        gte: partBound(prefix, after + 1),
        lt: Buffer.concat([prefix, Uint8Array.of(0xff, 0xff, 0xff)]),
        limit: limit + 1,
      });
    });
    const parts = rows.slice(0, limit).map((row) => decodeRow<'part'>(row.meta));
    return { parts, truncated: rows.length > limit };
  }

  async accountUsage(accountId: Id): Promise<AccountUsageRow> {
    const range = { ...accountUsageRange(accountId), limit: joinedMax };
    for (let left = attemptsMax; ; left--) {
      const shards = this.#shards.all();
      const asked = shards.map((shard) => shard.scan(range));
      const found = await Promise.all(asked).catch((error: unknown) => {
        if (left <= 0 || !hasMoved(error)) throw error;
        return undefined;
      });
      // One that was split off meanwhile may hold something already, and one that is no more has given away what it held.
      if (found === undefined || !isSame(this.#shards.all(), shards)) continue;
      const sums = found.flat().map((row) => decodeRow<'accountUsage'>(row.meta));
      return sums.reduce(addAccountUsage, noAccountUsage);
    }
  }
}

/** Whether they are the same shards in the same order. */
export function isSame(a: readonly Shard[], b: readonly Shard[]): boolean {
  return a.length === b.length && a.every(({ id }, place) => id === b[place]?.id);
}

/** What tells rows of one name apart; the other tables have one row a name, and a suffix would let in that of `before` itself. */
function suffixesOf(
  table: ListedTable,
  { afterVersion, beforeVersion, afterUpload }: PageQuery,
): Pick<ListQuery, 'afterSuffix' | 'beforeSuffix'> {
  if (table === 'upload' && afterUpload !== undefined) {
    return { afterSuffix: fromHex(afterUpload.uploadId) };
  }
  if (table !== 'version') return {};
  return {
    ...(afterVersion === undefined ? {} : { afterSuffix: invertedNumber(afterVersion) }),
    ...(beforeVersion === undefined ? {} : { beforeSuffix: invertedNumber(beforeVersion) }),
  };
}

function toPageItem<T extends TableName>(item: ListItem): PageItem<RowOf<T>> {
  if (item.type === 'group') return { type: 'group', name: nameText(item.name) };
  return { type: 'row', name: nameText(item.name), row: decodeRow<T>(item.row.meta) };
}

import { utf8 } from '../../base/bytes.ts';
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
  VersionRow,
} from '../core/model.ts';
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
import { fromHex } from '../../base/bytes.ts';

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

  constructor(shards: ShardMap) {
    this.#shards = shards;
  }

  async execute<C extends Command>(command: C): Promise<CommandResult<C>> {
    const result = await this.#shards.route(idOfCommand(command)).execute(command);
    // The decision for this command type made it: the shard layer hands results back as they are.
    return result as CommandResult<C>;
  }

  async get<T extends TableName>(table: T, key: KeyOf<T>): Promise<RowOf<T> | undefined> {
    const row = await this.#shards.route(routeOf(key)).get(encodeKey(table, key));
    return row === undefined ? undefined : readRow<T>(row);
  }

  async getWithBody<T extends TableName>(
    table: T,
    key: KeyOf<T>,
  ): Promise<{ readonly row: RowOf<T>; readonly body: Uint8Array | undefined } | undefined> {
    const found = await this.#shards.route(routeOf(key)).getWithBody(encodeKey(table, key));
    if (found === undefined) return undefined;
    return { row: readRow<T>(found.row), body: found.body };
  }

  listDirectory(accountId: Id, query: PageQuery): Promise<Page<DirectoryRow>> {
    return this.#list('directory', accountId, query);
  }

  listCurrent(containerId: Id, query: PageQuery): Promise<Page<VersionRow>> {
    return this.#list('current', containerId, query);
  }

  listVersions(containerId: Id, query: PageQuery): Promise<Page<VersionRow>> {
    const { afterVersion, beforeVersion } = query;
    return this.#list('version', containerId, query, {
      ...(afterVersion === undefined ? {} : { afterSuffix: invertedNumber(afterVersion) }),
      ...(beforeVersion === undefined ? {} : { beforeSuffix: invertedNumber(beforeVersion) }),
    });
  }

  listUploads(containerId: Id, query: PageQuery): Promise<Page<UploadRow>> {
    const { afterUpload } = query;
    return this.#list('upload', containerId, query, {
      ...(afterUpload === undefined ? {} : { afterSuffix: fromHex(afterUpload.uploadId) }),
    });
  }

  listTombstones(containerId: Id, query: PageQuery): Promise<Page<TombstoneRow>> {
    return this.#list('tombstone', containerId, query);
  }

  async #list<T extends ListedTable>(
    table: T,
    id: Id,
    query: PageQuery,
    suffixes: Pick<ListQuery, 'afterSuffix' | 'beforeSuffix'> = {},
  ): Promise<Page<RowOf<T>>> {
    const list: ListQuery = {
      region: regionOf(table, id),
      prefix: utf8(query.prefix),
      delimiter: utf8(query.delimiter),
      after: query.after === undefined ? undefined : utf8(query.after),
      before: query.before === undefined ? undefined : utf8(query.before),
      reverse: query.reverse,
      limit: query.limit,
      ...suffixes,
    };
    const page = await this.#shards.route(id).list(list);
    return { items: page.items.map((item) => toPageItem<T>(item)), truncated: page.truncated };
  }

  async listParts(
    at: { readonly containerId: Id; readonly key: string; readonly uploadId: Id },
    after: number,
    limit: number,
  ): Promise<{ readonly parts: readonly PartRow[]; readonly truncated: boolean }> {
    const prefix = partsPrefix(at.containerId, at.key, at.uploadId);
    const rows = await this.#shards.route(at.containerId).scan({
      gte: partBound(prefix, after + 1),
      lt: Buffer.concat([prefix, Uint8Array.of(0xff, 0xff, 0xff)]),
      limit: limit + 1,
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

function toPageItem<T extends TableName>(item: ListItem): PageItem<RowOf<T>> {
  if (item.type === 'group') return { type: 'group', name: nameText(item.name) };
  return { type: 'row', name: nameText(item.name), row: decodeRow<T>(item.row.meta) };
}

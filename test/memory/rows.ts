import type { Clock } from '../../base/clock.ts';
import { compareUtf8 } from '../../base/bytes.ts';
import { invariant } from '../../base/invariant.ts';
import { HybridClock } from '../../base/timestamp.ts';
import type { Command, CommandResult } from '../../server/core/commands.ts';
import type { Decide } from '../../server/core/decide/decide.ts';
import type {
  AccountUsageRow,
  DirectoryRow,
  Id,
  PartRow,
  UploadRow,
  UsageRow,
  VersionRow,
} from '../../server/core/model.ts';
import {
  type Change,
  type KeyOf,
  localTables,
  type Page,
  type PageQuery,
  type RowOf,
  type RowStore,
  type TableName,
} from '../../server/core/ports.ts';
import { noUsage } from '../../server/core/quota/usage.ts';
import type { TombstoneRow } from '../../server/core/decide/sync/tombstone.ts';
import { type Listed, SortedRows, type Suffixes } from './listing.ts';

interface Stored<T extends TableName> {
  readonly key: KeyOf<T>;
  /** JSON, as a real store keeps it: what JSON cannot carry does not survive here either. */
  readonly json: string;
  readonly body: Uint8Array | undefined;
}

type Contents = { readonly [T in TableName]: Map<string, Stored<T>> };

function emptyContents(): Contents {
  return {
    account: new Map(),
    directory: new Map(),
    bucketName: new Map(),
    container: new Map(),
    usage: new Map(),
    round: new Map(),
    reserved: new Map(),
    current: new Map(),
    version: new Map(),
    tombstone: new Map(),
    upload: new Map(),
    part: new Map(),
    claim: new Map(),
    accountUsage: new Map(),
    queue: new Map(),
    event: new Map(),
    backlog: new Map(),
    backup: new Map(),
    due: new Map(),
    pour: new Map(),
  };
}

/** Here there is one shard. */
const ofShard: ReadonlySet<TableName> = new Set(localTables);

function keyText(table: TableName, key: object): string {
  const fields = Object.entries(key).filter(
    ([name]) => !(ofShard.has(table) && name === 'containerId'),
  );
  fields.sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify(fields);
}

const inverted = (version: number): string =>
  (Number.MAX_SAFE_INTEGER - version).toString(16).padStart(16, '0');

/** All rows of one shard in memory, changed by the real decisions. Every call yields once, so that callers interleave. */
export class MemoryRows implements RowStore {
  readonly #contents = emptyContents();
  readonly #directory = new Map<Id, SortedRows<string>>();
  readonly #current = new Map<Id, SortedRows<string>>();
  readonly #versions = new Map<Id, SortedRows<string>>();
  readonly #tombstones = new Map<Id, SortedRows<string>>();
  readonly #uploads = new Map<Id, SortedRows<string>>();
  readonly #stamps: HybridClock;
  readonly #decide: Decide;

  constructor(clock: Clock, decide: Decide) {
    this.#stamps = new HybridClock(clock);
    this.#decide = decide;
  }

  async execute<C extends Command>(command: C): Promise<CommandResult<C>> {
    await Promise.resolve();
    const view = { get: this.#get.bind(this) };
    const decided = this.#decide(command, view, { time: this.#stamps.next() });
    this.#apply(decided.changes);
    // The decision of this command's type made it; the union hides that from the compiler.
    return decided.result as CommandResult<C>;
  }

  /** Rows as something else than a decision leaves them. */
  put(...changes: readonly Change[]): void {
    this.#apply(changes);
  }

  /** Rows of a table, for assertions. */
  rowsOf<T extends TableName>(table: T): readonly { key: KeyOf<T>; row: RowOf<T> }[] {
    const stored: Contents[T] = this.#contents[table];
    return [...stored.values()].map(({ key, json }) => ({ key, row: JSON.parse(json) }));
  }

  /** Every inline body that is kept: the bytes themselves, so that a test can damage them. */
  inlineBodies(): readonly Uint8Array[] {
    const tables = [this.#contents.current, this.#contents.version, this.#contents.part];
    return tables.flatMap((table) => [...table.values()].flatMap(({ body }) => body ?? []));
  }

  #get<T extends TableName>(table: T, key: KeyOf<T>): RowOf<T> | undefined {
    const stored = this.#contents[table].get(keyText(table, key));
    return stored === undefined ? undefined : JSON.parse(stored.json);
  }

  /** A row as it is now, without waiting. */
  peek<T extends TableName>(table: T, key: KeyOf<T>): RowOf<T> | undefined {
    return this.#get(table, key);
  }

  async get<T extends TableName>(table: T, key: KeyOf<T>): Promise<RowOf<T> | undefined> {
    await Promise.resolve();
    return this.#get(table, key);
  }

  async getWithBody<T extends TableName>(
    table: T,
    key: KeyOf<T>,
  ): Promise<{ readonly row: RowOf<T>; readonly body: Uint8Array | undefined } | undefined> {
    await Promise.resolve();
    const stored = this.#contents[table].get(keyText(table, key));
    if (stored === undefined) return undefined;
    return { row: JSON.parse(stored.json), body: stored.body?.slice() };
  }

  /** Bodies are looked up before any change is applied, as `bodyOf` says. */
  #apply(changes: readonly Change[]): void {
    const bodies = changes.map((change) => {
      if (change.type === 'delete') return undefined;
      const { body, bodyOf } = change;
      invariant(body === undefined || bodyOf === undefined, 'a row has one inline body');
      if (bodyOf === undefined) return body?.slice();
      return this.#contents[bodyOf.table].get(keyText(bodyOf.table, bodyOf.key))?.body;
    });
    changes.forEach((change, index) => this.#applyOne(change, bodies[index]));
  }

  #applyOne<T extends TableName>(
    change: Change & { table: T },
    body: Uint8Array | undefined,
  ): void {
    const { table } = change;
    const text = keyText(table, change.key);
    const sorted = this.#sortedFor(change);
    if (change.type === 'delete') {
      this.#contents[table].delete(text);
      sorted?.rows.delete(sorted.name, sorted.suffix);
      return;
    }
    const json = JSON.stringify(change.row);
    const stored: Map<string, unknown> = this.#contents[table];
    stored.set(text, { key: change.key, json, body });
    sorted?.rows.put({ name: sorted.name, suffix: sorted.suffix, row: json });
  }

  #sortedFor(
    change: Change,
  ): { rows: SortedRows<string>; name: string; suffix: string } | undefined {
    if (change.table === 'directory') {
      const { accountId, name } = change.key;
      return { rows: ofId(this.#directory, accountId), name, suffix: '' };
    }
    if (change.table === 'current') {
      const { containerId, key } = change.key;
      return { rows: ofId(this.#current, containerId), name: key, suffix: '' };
    }
    if (change.table === 'tombstone') {
      const { containerId, key } = change.key;
      return { rows: ofId(this.#tombstones, containerId), name: key, suffix: '' };
    }
    if (change.table === 'version') {
      const { containerId, key, version } = change.key;
      return { rows: ofId(this.#versions, containerId), name: key, suffix: inverted(version) };
    }
    if (change.table !== 'upload') return undefined;
    const { containerId, key, uploadId } = change.key;
    return { rows: ofId(this.#uploads, containerId), name: key, suffix: uploadId };
  }

  listDirectory(accountId: Id, query: PageQuery): Promise<Page<DirectoryRow>> {
    return list(ofId(this.#directory, accountId), query);
  }

  listCurrent(containerId: Id, query: PageQuery): Promise<Page<VersionRow>> {
    return list(ofId(this.#current, containerId), query);
  }

  listVersions(containerId: Id, query: PageQuery): Promise<Page<VersionRow>> {
    const { afterVersion, beforeVersion } = query;
    return list(ofId(this.#versions, containerId), query, {
      afterSuffix: afterVersion === undefined ? undefined : inverted(afterVersion),
      beforeSuffix: beforeVersion === undefined ? undefined : inverted(beforeVersion),
    });
  }

  listUploads(containerId: Id, query: PageQuery): Promise<Page<UploadRow>> {
    const afterSuffix = query.afterUpload?.uploadId;
    return list(ofId(this.#uploads, containerId), query, { afterSuffix });
  }

  listTombstones(containerId: Id, query: PageQuery): Promise<Page<TombstoneRow>> {
    return list(ofId(this.#tombstones, containerId), query);
  }

  async listParts(
    at: { readonly containerId: Id; readonly key: string; readonly uploadId: Id },
    after: number,
    limit: number,
  ): Promise<{ readonly parts: readonly PartRow[]; readonly truncated: boolean }> {
    await Promise.resolve();
    const found = this.rowsOf('part')
      .filter(({ key }) => key.containerId === at.containerId && key.key === at.key)
      .filter(({ key }) => key.uploadId === at.uploadId && key.partNumber > after)
      .map(({ row }) => row)
      .sort((a, b) => a.partNumber - b.partNumber);
    return { parts: found.slice(0, limit), truncated: found.length > limit };
  }

  async usage(containerId: Id): Promise<UsageRow> {
    return (await this.get('usage', { containerId })) ?? noUsage;
  }

  async accountUsage(accountId: Id): Promise<AccountUsageRow> {
    const row = await this.get('accountUsage', { containerId: '', accountId });
    return row ?? { containers: 0, objects: 0, bytes: 0 };
  }

  /** Keys of a container in listing order, for assertions. */
  keysOf(containerId: Id): readonly string[] {
    const names = ofId(this.#current, containerId).all();
    return names.map((listed: Listed<string>) => listed.name).sort(compareUtf8);
  }
}

function ofId(tables: Map<Id, SortedRows<string>>, id: Id): SortedRows<string> {
  const found = tables.get(id) ?? new SortedRows<string>();
  tables.set(id, found);
  return found;
}

async function list<R>(
  rows: SortedRows<string>,
  query: PageQuery,
  suffixes: Suffixes = {},
): Promise<Page<R>> {
  await Promise.resolve();
  const page = rows.page(query, suffixes);
  const items = page.items.map((item) =>
    item.type === 'group' ? item : { ...item, row: JSON.parse(item.row) },
  );
  return { items, truncated: page.truncated };
}

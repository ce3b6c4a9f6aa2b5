/** The last names of a piece that go over to the next one in one commit, with all their rows. */
import { compareUtf8 } from '../../../base/bytes.ts';
import { scanRows } from '../../../storage/shard/list.ts';
import type { LocalReplica } from '../../../storage/shard/replica/replica.ts';
import type { StoredRow } from '../../../storage/shard/row.ts';
import {
  type Id,
  ownBytes,
  type UploadRow,
  type UsageRow,
  type VersionRow,
} from '../../core/model.ts';
import { addUsage, noUsage } from '../../core/quota/usage.ts';
import {
  namedRange,
  type NamedTable,
  namedTables,
  nameIn,
  readRow,
} from '../../proxy/row-codec.ts';

export interface NameRows {
  readonly name: string;
  readonly rows: readonly StoredRow[];
  /** What they count in the piece's sums. */
  readonly usage: UsageRow;
}

/**
 * The last names before `to`, the last one first, from at most `limit` rows a table; undefined: the first of them
 * has more. Nothing may be written meanwhile.
 */
export async function lastNames(
  local: Pick<LocalReplica, 'index' | 'rows'>,
  piece: { readonly id: Id; readonly to: string | undefined },
  limit: number,
): Promise<readonly NameRows[] | undefined> {
  const found = new Map<string, { rows: StoredRow[]; usage: UsageRow }>();
  // The last of a table's page may have more rows than were read: it, and what is before it, waits.
  let behind: string | undefined;
  for (const table of namedTables) {
    const range = { ...namedRange(table, piece.id, piece.to), limit, reverse: true };
    const rows = await scanRows(local.index, local.rows.prefix, range);
    for (const row of rows) {
      const name = nameIn(row.key);
      const entry = found.get(name) ?? { rows: [], usage: noUsage };
      entry.rows.push(row);
      entry.usage = addUsage(entry.usage, countOf(table, row));
      found.set(name, entry);
    }
    const last = rows.length < limit ? undefined : rows.at(-1);
    const lastName = last && nameIn(last.key);
    if (lastName === undefined) continue;
    if (behind === undefined || compareUtf8(lastName, behind) > 0) behind = lastName;
  }
  const names = [...found]
    .filter(([name]) => behind === undefined || compareUtf8(name, behind) > 0)
    .map(([name, entry]) => ({ name, ...entry }))
    .sort((a, b) => compareUtf8(b.name, a.name));
  return names.length === 0 && behind !== undefined ? undefined : names;
}

/** As the commits counted that wrote it. */
function countOf(table: NamedTable, row: StoredRow): UsageRow {
  switch (table) {
    case 'current':
    case 'version': {
      const version: VersionRow = readRow<typeof table>(row);
      if (version.isGap === true) return noUsage;
      const bytes = ownBytes(version);
      const counted = { ...noUsage, versions: 1, versionBytes: bytes };
      return table === 'current' ? { ...counted, objects: 1, bytes } : counted;
    }
    case 'upload': {
      const upload: UploadRow = readRow<'upload'>(row);
      return upload.completed === undefined ? { ...noUsage, uploads: 1 } : noUsage;
    }
    case 'tombstone':
    case 'part':
      return noUsage;
  }
}

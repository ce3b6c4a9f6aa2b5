import type { VersionState } from '../../core/lifecycle/due.ts';
import type { ContainerRow, Id, VersionRow } from '../../core/model.ts';
import type { RowStore } from '../../core/ports.ts';

interface At {
  readonly containerId: Id;
  readonly key: string;
}

/** Most keys have few versions; a long history is read in longer pages. */
const FIRST_PAGE = 4;
const PAGE = 100;

/**
 * All versions of one key with their places, the current one first, then from new to old. A few
 * reads, one after the other: what changes between them is judged again by the commit.
 */
export async function* versionsOf(
  rows: RowStore,
  at: At,
  container: ContainerRow,
): AsyncGenerator<VersionState> {
  const { key } = at;
  const current = await rows.get('current', at);
  const isLone = (row: VersionRow): boolean => row.older === undefined;
  if (current !== undefined) {
    yield { key, row: current, noncurrent: undefined, isLone: isLone(current) };
    if (container.versioning === 'off') return;
  }
  let newerNoncurrent = 0;
  for await (const row of versionRows(rows, at)) {
    if (row.newer === undefined) {
      // A marker, or a gap, that is the newest.
      yield { key, row, noncurrent: undefined, isLone: isLone(row) };
      continue;
    }
    yield { key, row, noncurrent: { newerNoncurrent }, isLone: false };
    newerNoncurrent++;
  }
}

/** The rows of one key in the `version` table. */
async function* versionRows(rows: RowStore, at: At): AsyncGenerator<VersionRow> {
  const { containerId, key } = at;
  const from = { prefix: key, delimiter: '', before: undefined, reverse: false };
  let last: VersionRow | undefined;
  for (;;) {
    const page = await rows.listVersions(containerId, {
      ...from,
      after: last === undefined ? undefined : key,
      afterVersion: last?.version,
      limit: last === undefined ? FIRST_PAGE : PAGE,
    });
    for (const item of page.items) {
      // Longer names with the same beginning come after it.
      if (item.type !== 'row' || item.name !== key) return;
      last = item.row;
      yield item.row;
    }
    if (!page.truncated || last === undefined) return;
  }
}

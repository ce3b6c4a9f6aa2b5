/** Reads at a shard's primary. Each checks the lease when it has read: what was seen was the newest then. */
import { StoreError } from '../../../base/errors.ts';
import type { Logger } from '../../../base/log.ts';
import { listPage, scanRows } from '../list.ts';
import type { StoredRow } from '../row.ts';
import { moved } from '../ranges/extent.ts';
import { keyAfter } from '../row-key.ts';
import type { ListPage, ListQuery, Row, ScanRange } from '../shard.ts';
import { healBody } from './heal.ts';
import type { ShardPrimary } from './primary.ts';

export interface RowWithBody {
  readonly row: Row;
  readonly body: Uint8Array | undefined;
}

export function getRow(primary: ShardPrimary, key: Uint8Array): Row | undefined {
  const row = primary.local.get(key);
  // Nobody may take it for gone: it is elsewhere.
  const isForeign = primary.state.untrimmed === true && row !== undefined;
  if (isForeign && primary.range.isForeign(row, primary.local)) throw moved();
  checkStill(primary, key);
  return row;
}

/** Nobody else had the shard, or this part of it, when it was read. */
function checkStill(primary: ShardPrimary, key: Uint8Array): void {
  primary.checkLease();
  primary.range.checkRead(key, primary.local);
}

export async function getRowWithBody(
  primary: ShardPrimary,
  key: Uint8Array,
  logger: Logger,
): Promise<RowWithBody | undefined> {
  const row = primary.local.get(key);
  const found =
    row?.body === undefined
      ? row && { row, body: undefined }
      : ((await readBody(primary, row)) ?? (await readAgain(primary, row, logger)));
  // A row that is gone may be so because it went to another shard meanwhile.
  checkStill(primary, key);
  return found;
}

/** The body was not where the row said: it has moved meanwhile, or its bytes are bad here. */
async function readAgain(
  primary: ShardPrimary,
  before: StoredRow,
  logger: Logger,
): Promise<RowWithBody | undefined> {
  const row = primary.local.get(before.key);
  if (row === undefined) return undefined;
  if (row.body === undefined) return { row, body: undefined };
  const found = await readBody(primary, row);
  if (found !== undefined) return found;
  const body = await healBody(primary, row, logger);
  if (body !== undefined) return { row, body };
  throw new StoreError('unavailable', 'shard.getWithBody', 'no replica has the body whole', {
    detail: { shard: primary.state.id, corrupt: true },
  });
}

async function readBody(primary: ShardPrimary, row: StoredRow): Promise<RowWithBody | undefined> {
  const body = await primary.local.bodyOf(row);
  return body === undefined ? undefined : { row, body };
}

export async function scanShard(primary: ShardPrimary, range: ScanRange): Promise<readonly Row[]> {
  const { index, rows } = primary.local;
  await primary.local.flush();
  const found: Row[] = [];
  let { gte } = range;
  for (;;) {
    const limit = range.limit - found.length;
    const page = await scanRows(index, rows.prefix, { ...range, gte, limit });
    found.push(...owned(primary, page));
    const last = page.at(-1);
    const isWhole = page.length < limit || found.length >= range.limit;
    if (isWhole || last === undefined || range.reverse === true) break;
    gte = keyAfter(last.key);
  }
  checkStill(primary, range.gte);
  return found;
}

/** Without those of other shards: which of area `local` they are, only the rows tell. */
function owned(primary: ShardPrimary, rows: readonly StoredRow[]): readonly StoredRow[] {
  if (primary.state.untrimmed !== true) return rows;
  return rows.filter((row) => !primary.range.isForeign(row, primary.local));
}

export async function listShard(primary: ShardPrimary, query: ListQuery): Promise<ListPage> {
  const { index, rows } = primary.local;
  await primary.local.flush();
  const page = await listPage(index, rows.prefix, query);
  primary.checkLease();
  primary.range.checkListed(query, primary.local);
  return page;
}

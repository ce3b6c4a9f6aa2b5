/**
 * Versions stand in two tables: objects that are newest in one, all else in the other. A page reads
 * both, and a write in between moves rows from one to the other. So that no version is missed or
 * shown twice, a page counts only if the second table read the same before and after the first,
 * and if each key's versions are linked without a gap; else it is read again, shorter.
 */
import { compareUtf8 } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import type { Micros } from '../../../base/units.ts';
import type { Core, VersionPage } from '../api.ts';
import type { ContainerAddress, RequestContext } from '../request.ts';
import { newestMarker } from '../decide/version-chain.ts';
import type { Id, VersionRow } from '../model.ts';
import type { Page, PageItem, PageQuery } from '../ports.ts';
import type { Services } from '../services.ts';
import { parseVersionId } from '../version-id.ts';
import { boundedQuery } from './page.ts';
import { resolveContainer } from './resolve.ts';

const OP = 'container.list-versions';

/** A page halves with every round: after these a page of one item was tried several times. */
const MAX_ROUNDS = 20;

type Item = VersionPage['items'][number];
type RowItem = Extract<Item, { type: 'row' }>;

export async function listVersions(
  services: Services,
  ctx: RequestContext,
  input: {
    readonly address: ContainerAddress;
    readonly query: Parameters<Core['listVersions']>[2];
  },
): Promise<VersionPage> {
  const { address } = input;
  const found = await resolveContainer(services, ctx, {
    address,
    action: 'container.list-versions',
  });
  const { containerId } = found;
  const { afterVersionId, beforeVersionId, ...rest } = input.query;
  let query: PageQuery = boundedQuery(services, rest);
  if (query.limit === 0) return { items: [], truncated: false };
  if (afterVersionId !== undefined && query.after !== undefined) {
    const afterVersion = await stampOf(services, containerId, query.after, afterVersionId);
    query = { ...query, afterVersion };
  }
  if (beforeVersionId !== undefined && query.before !== undefined) {
    const beforeVersion = await stampOf(services, containerId, query.before, beforeVersionId);
    query = { ...query, beforeVersion };
  }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const page = await readPage(services, containerId, query);
    if (page === undefined) {
      query = { ...query, limit: Math.max(1, query.limit >>> 1) };
      continue;
    }
    const last = page.items.at(-1)?.name;
    const items = page.items.filter((item) => item.type === 'group' || item.row.isGap !== true);
    if (items.length > 0 || !page.truncated || last === undefined) return { ...page, items };
    // Nothing but a gap: a page that says that more follows shows where.
    query = query.reverse
      ? { ...query, before: last, beforeVersion: newestMarker }
      : { ...query, after: last, afterVersion: newestMarker };
    round = 0;
  }
  throw new StoreError('unavailable', OP, 'the versions change too fast to be listed');
}

/** The stamp that a version id marker means for this key. A null version that is gone may have stood anywhere: then the key begins anew. */
async function stampOf(
  services: Services,
  containerId: Id,
  key: string,
  versionId: string,
): Promise<Micros> {
  const wanted = parseVersionId(versionId, OP);
  if (wanted !== 'null') return wanted;
  const newest = await newestOf(services, containerId, key);
  const stamp = newest?.isNull === true ? newest.version : newest?.nullVersion;
  return stamp ?? newestMarker;
}

async function newestOf(
  services: Services,
  containerId: Id,
  key: string,
): Promise<VersionRow | undefined> {
  const { rows } = services;
  const row = await rows.get('current', { containerId, key });
  return row ?? rows.get('version', { containerId, key, version: newestMarker });
}

/** Undefined when a write came in between. */
async function readPage(
  services: Services,
  containerId: Id,
  query: PageQuery,
): Promise<VersionPage | undefined> {
  const { rows } = services;
  // One more where `merge` may drop one: a page must not be empty when more follows.
  const older = query.beforeVersion === undefined ? query : { ...query, limit: query.limit + 1 };
  const before = await rows.listVersions(containerId, older);
  const current = await rows.listCurrent(containerId, query);
  const newest = await newestOfMarkedKey(services, containerId, query);
  const after = await rows.listVersions(containerId, older);
  const page = merge(current, after, newest, query);
  const upTo = page.items.at(-1)?.name;
  return isSame(before, after, upTo, query) && isLinked(page, query) ? page : undefined;
}

/** The current version of the key that the page begins in, where it comes after the place where it begins. */
async function newestOfMarkedKey(
  services: Services,
  containerId: Id,
  query: PageQuery,
): Promise<PageItem<VersionRow> | undefined> {
  const { reverse, prefix, delimiter } = query;
  const [key, stamp] = reverse
    ? [query.before, query.beforeVersion]
    : [query.after, query.afterVersion];
  if (key === undefined || stamp === undefined || !key.startsWith(prefix)) return undefined;
  if (delimiter !== '' && key.includes(delimiter, prefix.length)) return undefined;
  const isOutside = reverse
    ? query.after !== undefined && compareUtf8(key, query.after) <= 0
    : query.before !== undefined && compareUtf8(key, query.before) >= 0;
  if (isOutside) return undefined;
  const row = await newestOf(services, containerId, key);
  if (row === undefined) return undefined;
  const follows = reverse ? row.version > stamp : row.version < stamp;
  return follows ? { type: 'row', name: key, row } : undefined;
}

/** Both tables in one order: by key, then by stamp, the greatest first. Both pages are in the order of the query. */
function merge(
  current: Page<VersionRow>,
  older: Page<VersionRow>,
  newest: PageItem<VersionRow> | undefined,
  query: PageQuery,
): VersionPage {
  const lefts = newest === undefined ? current.items : [newest, ...current.items];
  // A marker that is newest stands before the place of its stamp: a page backwards meets it again.
  const rights = older.items.filter((item) => {
    const { before, beforeVersion } = query;
    if (item.type === 'group' || item.name !== before || beforeVersion === undefined) return true;
    return item.row.version > beforeVersion;
  });
  const sign = query.reverse ? -1 : 1;
  const items: Item[] = [];
  let a = 0;
  let b = 0;
  while (items.length < query.limit) {
    const left = lefts[a];
    const right = rights[b];
    if (left === undefined && right === undefined) break;
    // A page that was cut hides what follows it: nothing behind its end may be shown.
    if (left === undefined && current.truncated) break;
    if (right === undefined && older.truncated) break;
    const order = left === undefined ? 1 : right === undefined ? -1 : sign * compare(left, right);
    // A group that both tables have is one.
    if (order === 0) b++;
    if (order <= 0 && left !== undefined) {
      items.push(toItem(left));
      a++;
    } else if (right !== undefined) {
      items.push(toItem(right));
      b++;
    }
  }
  const isCut = a < lefts.length || b < rights.length;
  return { items, truncated: isCut || current.truncated || older.truncated };
}

/** 0 only for two groups of one name. */
function compare(a: PageItem<VersionRow>, b: PageItem<VersionRow>): number {
  const order = compareUtf8(a.name, b.name);
  if (order !== 0 || a.type === 'group' || b.type === 'group') return order;
  return b.row.version > a.row.version ? 1 : -1;
}

function toItem(item: PageItem<VersionRow>): Item {
  return item.type === 'group' ? item : { ...item, isLatest: isCurrent(item.row) };
}

function isCurrent(row: VersionRow): boolean {
  return row.newer === undefined;
}

/** Whether two pages show the same, up to a name. */
function isSame(
  a: Page<VersionRow>,
  b: Page<VersionRow>,
  upTo: string | undefined,
  query: PageQuery,
): boolean {
  const sign = query.reverse ? -1 : 1;
  const relevant = (page: Page<VersionRow>): string[] =>
    page.items
      .filter((item) => upTo === undefined || sign * compareUtf8(item.name, upTo) <= 0)
      .map((item) => (item.type === 'group' ? item.name : `${item.row.version} ${item.name}`));
  const left = relevant(a);
  const right = relevant(b);
  return left.length === right.length && left.every((text, index) => text === right[index]);
}

/** Whether each key's versions follow each other: no gap between two, nothing missing at either end. */
function isLinked(page: VersionPage, query: PageQuery): boolean {
  const items = query.reverse ? page.items.toReversed() : page.items;
  const cut = page.truncated ? page.items.at(-1)?.name : undefined;
  // The key whose first versions, and the one whose last versions may lie outside of the page.
  const [openStart, openEnd] = query.reverse ? [cut, query.before] : [query.after, cut];
  for (const rows of keysOf(items)) {
    const { name } = rows[0];
    if (name !== openStart && !isWholeStart(rows, name === openEnd)) return false;
    if (!rows.every((one, index) => follows(one.row, rows[index + 1]?.row))) return false;
    const last = rows.at(-1)?.row;
    const next = last?.place === undefined ? last?.older : last.place.older;
    if (name !== openEnd && next !== undefined) return false;
  }
  return true;
}

function keysOf(items: readonly Item[]): readonly [RowItem, ...RowItem[]][] {
  const keys: [RowItem, ...RowItem[]][] = [];
  for (const item of items) {
    if (item.type === 'group') continue;
    const last = keys.at(-1);
    if (last?.[0].name === item.name) last.push(item);
    else keys.push([item]);
  }
  return keys;
}

/** The first version shown is the current one, or the next one below a current one that has an older stamp. */
function isWholeStart(rows: readonly [RowItem, ...RowItem[]], isCut: boolean): boolean {
  const first = rows[0].row;
  if (first.place !== undefined) return false;
  if (isCurrent(first)) return true;
  const current = rows.find((one) => one.isLatest)?.row;
  return current === undefined ? isCut : current.older === first.version;
}

/** Whether `b` is the next version below `a`, by their stamps. */
function follows(a: VersionRow, b: VersionRow | undefined): boolean {
  if (b === undefined) return true;
  if (a.place !== undefined) return a.place.older === b.version;
  if (b.place !== undefined) return b.place.newer === a.version && b.place.older === a.older;
  return a.older === b.version && !isCurrent(b);
}

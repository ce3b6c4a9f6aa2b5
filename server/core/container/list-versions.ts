/**
 * Versions stand in two tables: objects that are newest in one, all else in the other. A page reads
 * both, and a write in between moves rows from one to the other. So that no version is missed or
 * shown twice, a page counts only if the second table read the same before and after the first,
 * and if each key's versions are linked without a gap; else it is read again, shorter.
 */
import { compareUtf8 } from '../../../base/bytes.ts';
import { StoreError } from '../../../base/errors.ts';
import type { Micros } from '../../../base/units.ts';
import type { ContainerAddress, Core, RequestContext, VersionPage } from '../api.ts';
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

export async function listVersions(
  services: Services,
  ctx: RequestContext,
  input: {
    readonly address: ContainerAddress;
    readonly query: Parameters<Core['listVersions']>[2];
  },
): Promise<VersionPage> {
  const { address } = input;
  const found = await resolveContainer(services, ctx, { address, action: 'object.list' });
  const { containerId } = found;
  const { afterVersionId, ...rest } = input.query;
  if (rest.reverse) {
    throw new StoreError('not-implemented', OP, 'versions are listed forwards only');
  }
  let query: PageQuery = boundedQuery(services, rest);
  if (query.limit === 0) return { items: [], truncated: false };
  if (afterVersionId !== undefined && query.after !== undefined) {
    const afterVersion = await stampOf(services, containerId, query.after, afterVersionId);
    query = { ...query, afterVersion };
  }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const page = await readPage(services, containerId, query);
    if (page !== undefined) return page;
    query = { ...query, limit: Math.max(1, query.limit >>> 1) };
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
  const before = await rows.listVersions(containerId, query);
  const current = await rows.listCurrent(containerId, query);
  const newest = await newestToRepeat(services, containerId, query);
  const after = await rows.listVersions(containerId, query);
  const page = merge(current, after, newest, query.limit);
  const upTo = page.items.at(-1)?.name;
  return isSame(before, after, upTo) && isLinked(page, query) ? page : undefined;
}

/** The newest version of the key that the marker names, where it comes after the marker: what was newer was deleted since. */
async function newestToRepeat(
  services: Services,
  containerId: Id,
  query: PageQuery,
): Promise<PageItem<VersionRow> | undefined> {
  const { after: key, afterVersion, prefix, delimiter, before } = query;
  if (key === undefined || afterVersion === undefined || !key.startsWith(prefix)) return undefined;
  if (delimiter !== '' && key.includes(delimiter, prefix.length)) return undefined;
  if (before !== undefined && compareUtf8(key, before) >= 0) return undefined;
  const row = await newestOf(services, containerId, key);
  if (row === undefined || row.version >= afterVersion) return undefined;
  return { type: 'row', name: key, row };
}

/** Both tables in one order: by key, the newest version first. */
function merge(
  current: Page<VersionRow>,
  older: Page<VersionRow>,
  newest: PageItem<VersionRow> | undefined,
  limit: number,
): VersionPage {
  const lefts = newest === undefined ? current.items : [newest, ...current.items];
  const rights = older.items;
  const items: Item[] = [];
  let a = 0;
  let b = 0;
  while (items.length < limit) {
    const left = lefts[a];
    const right = rights[b];
    if (left === undefined && right === undefined) break;
    // A page that was cut hides what follows it: nothing behind its end may be shown.
    if (left === undefined && current.truncated) break;
    if (right === undefined && older.truncated) break;
    const order =
      left === undefined ? 1 : right === undefined ? -1 : compareUtf8(left.name, right.name);
    // A group that both tables have is one.
    if (order === 0 && left?.type === 'group') b++;
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

function toItem(item: PageItem<VersionRow>): Item {
  return item.type === 'group' ? item : { ...item, isLatest: item.row.newer === undefined };
}

/** Whether two pages show the same, up to a name. */
function isSame(a: Page<VersionRow>, b: Page<VersionRow>, upTo: string | undefined): boolean {
  const relevant = (page: Page<VersionRow>): string[] =>
    page.items
      .filter((item) => upTo === undefined || compareUtf8(item.name, upTo) <= 0)
      .map((item) => (item.type === 'group' ? item.name : `${item.row.version} ${item.name}`));
  const left = relevant(a);
  const right = relevant(b);
  return left.length === right.length && left.every((text, index) => text === right[index]);
}

/** Whether each key's versions follow each other: the newest first, no gap, and the oldest last. */
function isLinked(page: VersionPage, query: PageQuery): boolean {
  let previous: Extract<Item, { type: 'row' }> | undefined;
  for (const item of page.items) {
    const row = item.type === 'row' ? item : undefined;
    if (row !== undefined && row.name === previous?.name) {
      if (previous.row.older !== row.row.version || row.isLatest) return false;
    } else {
      if (previous !== undefined && previous.row.older !== undefined) return false;
      if (row?.isLatest === false && row.name !== query.after) return false;
    }
    previous = row;
  }
  return page.truncated || previous?.row.older === undefined;
}

/**
 * One Swift page out of as many core pages as it takes. Core's pages are smaller, and its groups
 * follow S3 where the two differ: a marker inside a group ends the group for S3, while Swift still
 * shows it when names follow the marker.
 */
import type { Page, PageItem, PageQuery } from '../../core/ports.ts';
import type { ListingParameters } from './parameters.ts';

export type FetchPage<R> = (query: PageQuery) => Promise<Page<R>>;

export async function collectListing<R>(
  parameters: ListingParameters,
  maxPageItems: number,
  fetch: FetchPage<R>,
): Promise<readonly PageItem<R>[]> {
  const { page: query, path } = parameters;
  if (query.limit === 0) return [];
  if (path !== undefined) return collectLevel(query, path, maxPageItems, fetch);
  const opened = await openedGroup(query, fetch);
  if (opened === undefined) return take(walk(query, maxPageItems, fetch), query.limit);
  // The group is smaller than every other name of the page: first, or last in reverse.
  if (!query.reverse) {
    const rest = await take(walk(query, maxPageItems, fetch), query.limit - 1);
    return [opened, ...rest];
  }
  const items = await take(walk(query, maxPageItems, fetch), query.limit);
  return items.length < query.limit ? [...items, opened] : items;
}

/** The first `limit` items. */
export async function take<T>(source: AsyncIterable<T>, limit: number): Promise<T[]> {
  const items: T[] = [];
  if (limit === 0) return items;
  for await (const item of source) {
    items.push(item);
    if (items.length === limit) break;
  }
  return items;
}

/** Every item that the query selects, page by page; the caller stops when it has enough. */
async function* walk<R>(
  query: PageQuery,
  maxPageItems: number,
  fetch: FetchPage<R>,
): AsyncGenerator<PageItem<R>> {
  let next: PageQuery = { ...query, limit: Math.min(query.limit, maxPageItems) };
  for (;;) {
    const page = await fetch(next);
    yield* page.items;
    const last = page.items.at(-1);
    if (!page.truncated || last === undefined) return;
    next = query.reverse ? { ...next, before: last.name } : { ...next, after: last.name };
  }
}

/** The group that the lower bound lies strictly inside of, if names beyond the bound remain in it. */
async function openedGroup<R>(
  query: PageQuery,
  fetch: FetchPage<R>,
): Promise<PageItem<R> | undefined> {
  const { after, delimiter, prefix } = query;
  if (after === undefined || delimiter === '' || !after.startsWith(prefix)) return undefined;
  const at = after.indexOf(delimiter, prefix.length);
  if (at < 0) return undefined;
  const name = after.slice(0, at + delimiter.length);
  if (name === after) return undefined;
  const inside: PageQuery = { ...query, prefix: name, delimiter: '', reverse: false, limit: 1 };
  const page = await fetch(inside);
  return page.items.length === 0 ? undefined : { type: 'group', name };
}

/**
 * `path=`: the rows directly under a pseudo-directory. A deeper name counts only when its directory
 * is an object itself (`photos/2024/`), and then as that object.
 */
async function collectLevel<R>(
  query: PageQuery,
  path: string,
  maxPageItems: number,
  fetch: FetchPage<R>,
): Promise<readonly PageItem<R>[]> {
  const items: PageItem<R>[] = [];
  for await (const item of walk(query, maxPageItems, fetch)) {
    const row = item.type === 'row' ? item : await directoryRow(query, item.name, fetch);
    if (row === undefined || row.name === path) continue;
    items.push(row);
    if (items.length === query.limit) break;
  }
  return items;
}

/** The object whose name is a group's, if there is one: it is the first of the group. */
async function directoryRow<R>(
  query: PageQuery,
  name: string,
  fetch: FetchPage<R>,
): Promise<PageItem<R> | undefined> {
  const own: PageQuery = {
    ...query,
    prefix: name,
    delimiter: '',
    after: undefined,
    reverse: false,
    limit: 1,
  };
  const first = (await fetch(own)).items[0];
  return first?.name === name ? first : undefined;
}

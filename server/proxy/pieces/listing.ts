/** One page of a listing over the pieces of a container: they are asked in order, and each goes on where the one before it ended. */
import { compareBytes, compareUtf8, utf8 } from '../../../base/bytes.ts';
import { keyAfter, prefixEnd } from '../../../storage/shard/row-key.ts';
import type { Id } from '../../core/model.ts';
import type { Page, PageItem, PageQuery } from '../../core/ports.ts';
import type { Found } from './chain.ts';
import type { PieceRouter } from './router.ts';

export type AskPiece<R> = (piece: Id, query: PageQuery) => Promise<Page<R>>;

export async function listPieces<R>(
  router: PieceRouter,
  id: Id,
  query: PageQuery,
  ask: AskPiece<R>,
): Promise<Page<R>> {
  const items: PageItem<R>[] = [];
  if (query.limit <= 0) return { items, truncated: false };
  let left: Left | undefined = { query, start: beginningOf(query) };
  while (left !== undefined) {
    const rest: Left = left;
    const isFull = items.length >= query.limit;
    // A full page still has to know whether anything follows.
    const limit = isFull ? 1 : query.limit - items.length;
    const { found, page: whole } = await router.follow(
      id,
      (chains) =>
        query.reverse ? chains.before(id, endOf(rest.query)) : chains.at(id, rest.start),
      async (found) => ({
        found,
        page: await ask(found.id, within(found, { ...rest.query, limit })),
      }),
    );
    const page = query.reverse ? notBefore(found.from, whole) : whole;
    if (isFull && page.items.length > 0) return { items, truncated: true };
    items.push(...page.items);
    if (page.truncated) return { items, truncated: true };
    left = query.reverse ? beforePiece(rest, found, page) : behindPiece(rest, found, page);
  }
  return { items, truncated: false };
}

interface Left {
  readonly query: PageQuery;
  /** Forwards: the piece that holds this name comes next. */
  readonly start: string;
}

/** The name from which on names may count. */
function beginningOf({ after, prefix }: PageQuery): string {
  return after !== undefined && compareUtf8(after, prefix) > 0 ? after : prefix;
}

/** The first name behind all that may count (bytes); undefined: there is none. */
function endOf({ before, beforeVersion, prefix }: PageQuery): Uint8Array | undefined {
  const behind = prefix === '' ? undefined : prefixEnd(utf8(prefix));
  if (before === undefined) return behind;
  // Newer versions of that very name count too.
  const own = beforeVersion === undefined ? utf8(before) : keyAfter(utf8(before));
  return behind === undefined || compareBytes(own, behind) < 0 ? own : behind;
}

/** Whether nothing that may count is at `name` or behind it. */
function endsBefore(name: string, query: PageQuery): boolean {
  const end = endOf(query);
  return end !== undefined && compareBytes(end, utf8(name)) <= 0;
}

/** Not beyond what the piece is known to hold: it says so when it holds less. */
function within({ to }: Found, query: PageQuery): PageQuery {
  if (to === undefined || endsBefore(to, query)) return query;
  const { beforeVersion: _, ...rest } = query;
  return { ...rest, before: to };
}

/** What is left when the piece has shown all that it has; undefined: nothing. */
function behindPiece<R>({ query }: Left, { to }: Found, page: Page<R>): Left | undefined {
  if (to === undefined || endsBefore(to, query)) return undefined;
  const last = page.items.at(-1);
  if (last === undefined) return { query, start: to };
  // A group may go on in the next piece, and names that were shown may have gone there meanwhile.
  const { afterVersion: _version, afterUpload: _upload, ...rest } = query;
  return { query: { ...rest, after: last.name }, start: to };
}

/** Backwards, without the names that came to the piece unknown to us: they are asked for in the one before it, and found from there. */
function notBefore<R>(from: string, page: Page<R>): Page<R> {
  const end = page.items.findIndex((item) => isBefore(item, from));
  return end < 0 ? page : { items: page.items.slice(0, end), truncated: false };
}

/** Whether the item is of names before `from` alone. */
function isBefore<R>({ type, name }: PageItem<R>, from: string): boolean {
  if (type === 'row') return compareUtf8(name, from) < 0;
  const end = prefixEnd(utf8(name));
  return end !== undefined && compareBytes(end, utf8(from)) <= 0;
}

/** What is left, backwards. */
function beforePiece<R>(left: Left, { from }: Found, page: Page<R>): Left | undefined {
  const { query } = left;
  if (from === '' || compareUtf8(from, beginningOf(query)) <= 0) return undefined;
  const last = page.items.at(-1);
  const isGroup = last?.type === 'group' && compareUtf8(last.name, from) < 0;
  const { beforeVersion: _, ...rest } = query;
  return { ...left, query: { ...rest, before: isGroup ? last.name : from } };
}

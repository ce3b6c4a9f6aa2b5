import { compareUtf8 } from '../../base/bytes.ts';
import type { Page, PageItem, PageQuery } from '../../server/core/ports.ts';

/** One row as a listing sees it. `suffix` orders rows of one name. */
export interface Listed<R> {
  readonly name: string;
  readonly suffix: string;
  readonly row: R;
}

export interface Suffixes {
  readonly afterSuffix?: string | undefined;
  readonly beforeSuffix?: string | undefined;
}

/** Rows in order of name (UTF-8 bytes), then of suffix. */
export class SortedRows<R> {
  readonly #rows: Listed<R>[] = [];

  /** Index of the first row that is not before this place. */
  #lowerBound(name: string, suffix: string): number {
    let from = 0;
    let to = this.#rows.length;
    while (from < to) {
      const middle = (from + to) >>> 1;
      const row = this.#rows[middle];
      if (row !== undefined && comparePlaces(row, { name, suffix }) < 0) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  put(listed: Listed<R>): void {
    const at = this.#lowerBound(listed.name, listed.suffix);
    this.#rows.splice(at, this.#isAt(at, listed) ? 1 : 0, listed);
  }

  delete(name: string, suffix: string): void {
    const at = this.#lowerBound(name, suffix);
    if (this.#isAt(at, { name, suffix })) this.#rows.splice(at, 1);
  }

  #isAt(at: number, place: { name: string; suffix: string }): boolean {
    const row = this.#rows[at];
    return row !== undefined && comparePlaces(row, place) === 0;
  }

  all(): readonly Listed<R>[] {
    return this.#rows;
  }

  /** One page, as PageQuery says. The suffixes admit rows of the names `after` and `before` that follow, or precede, them. */
  page(query: PageQuery, suffixes: Suffixes): Page<R> {
    const items: PageItem<R>[] = [];
    let previousGroup: string | undefined;
    const rows = query.reverse ? this.#rows.toReversed() : this.#rows.slice(this.#start(query));
    for (const listed of rows) {
      if (!isWanted(listed, query, suffixes)) {
        if (!query.reverse && isPast(listed.name, query)) break;
        continue;
      }
      const group = groupOf(listed.name, query);
      if (group !== undefined) {
        if (group === previousGroup) continue;
        if (query.after !== undefined && compareUtf8(group, query.after) <= 0) continue;
      }
      if (items.length === query.limit) return { items, truncated: true };
      previousGroup = group;
      if (group === undefined) items.push({ type: 'row', name: listed.name, row: listed.row });
      else items.push({ type: 'group', name: group });
    }
    return { items, truncated: false };
  }

  #start(query: PageQuery): number {
    const { after, prefix } = query;
    const from = after !== undefined && compareUtf8(after, prefix) > 0 ? after : prefix;
    return this.#lowerBound(from, '');
  }
}

function comparePlaces(
  a: { readonly name: string; readonly suffix: string },
  b: { readonly name: string; readonly suffix: string },
): number {
  const names = compareUtf8(a.name, b.name);
  if (names !== 0 || a.suffix === b.suffix) return names;
  return a.suffix < b.suffix ? -1 : 1;
}

function isWanted<R>(
  listed: Listed<R>,
  query: PageQuery,
  { afterSuffix, beforeSuffix }: Suffixes,
): boolean {
  const { name, suffix } = listed;
  if (!name.startsWith(query.prefix)) return false;
  if (query.before !== undefined && compareUtf8(name, query.before) >= 0) {
    if (name !== query.before || beforeSuffix === undefined || suffix >= beforeSuffix) return false;
  }
  if (query.after === undefined) return true;
  const order = compareUtf8(name, query.after);
  if (order === 0 && afterSuffix !== undefined) return suffix > afterSuffix;
  return order > 0;
}

/** Whether no later row can be wanted. */
function isPast(name: string, query: PageQuery): boolean {
  if (query.before !== undefined && compareUtf8(name, query.before) > 0) return true;
  return !name.startsWith(query.prefix) && compareUtf8(name, query.prefix) > 0;
}

function groupOf(name: string, query: PageQuery): string | undefined {
  if (query.delimiter === '') return undefined;
  const at = name.indexOf(query.delimiter, query.prefix.length);
  return at < 0 ? undefined : name.slice(0, at + query.delimiter.length);
}

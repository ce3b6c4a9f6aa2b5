/**
 * Listing by seek: a page costs what it returns. A group is one row read and one seek past all its
 * names, however many there are and however deep.
 */
import type { AbstractIterator } from 'abstract-level';
import { compareBytes, concatBytes } from '../../base/bytes.ts';
import { StoreError } from '../../base/errors.ts';
import { decodeName, encodeName, escapeName, keyAfter, prefixEnd } from './row-key.ts';
import { type Index, type StoredRow, decodeRow, indexKey } from './row.ts';
import type { ListItem, ListPage, ListQuery, ScanRange } from './shard.ts';

/** A page of 1000 rows and the one behind it, which tells whether more follows. */
const rowsPerReadMax = 1001;
const readBytes = 1024 * 1024;

interface Bounds {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

/** Called with the number of index rows that a listing read; for tests of its cost. */
export type CountRows = (rows: number) => void;

/** Rows of one index range in order, with seeks; reads ahead about as far as the runs between seeks reached. */
class Cursor {
  readonly #iterator: AbstractIterator<unknown, Uint8Array, Uint8Array>;
  readonly #count: CountRows | undefined;
  #rows: [Uint8Array, Uint8Array][] = [];
  #at = 0;
  #ended = false;
  #readSize: number;
  #sinceSeek = 0;

  constructor(
    index: Index,
    options: { bounds: Bounds; reverse: boolean; firstRead: number; count: CountRows | undefined },
  ) {
    const { bounds, reverse, firstRead, count } = options;
    const iteratorOptions = { ...bounds, reverse, highWaterMarkBytes: readBytes };
    this.#iterator = index.iterator(iteratorOptions);
    this.#readSize = Math.max(1, Math.min(firstRead, rowsPerReadMax));
    this.#count = count;
  }

  async next(): Promise<[Uint8Array, Uint8Array] | undefined> {
    if (this.#at === this.#rows.length && !this.#ended) await this.#read();
    const row = this.#rows[this.#at];
    if (row === undefined) return undefined;
    this.#at++;
    this.#sinceSeek++;
    return row;
  }

  async #read(): Promise<void> {
    try {
      this.#rows = await this.#iterator.nextv(this.#readSize);
    } catch (cause) {
      throw new StoreError('corrupt', 'index.list', 'the index cannot be read', { cause });
    }
    this.#at = 0;
    this.#ended = this.#rows.length === 0;
    this.#count?.(this.#rows.length);
    this.#readSize = Math.min(2 * this.#readSize, rowsPerReadMax);
  }

  seek(target: Uint8Array): void {
    this.#iterator.seek(target);
    this.#rows = [];
    this.#at = 0;
    this.#ended = false;
    this.#readSize = Math.min(Math.max(1, this.#sinceSeek), rowsPerReadMax);
    this.#sinceSeek = 0;
  }

  close(): Promise<void> {
    return this.#iterator.close();
  }
}

/** Where the group of a name ends: past the first delimiter behind the prefix; undefined when it has none. */
function groupEnd(name: Uint8Array, query: ListQuery): number | undefined {
  if (query.delimiter.length === 0) return undefined;
  const buffer = Buffer.from(name.buffer, name.byteOffset, name.byteLength);
  const at = buffer.indexOf(query.delimiter, query.prefix.length);
  return at < 0 ? undefined : at + query.delimiter.length;
}

function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return (
    bytes.length >= prefix.length && compareBytes(bytes.subarray(0, prefix.length), prefix) === 0
  );
}

/** The first key that may count, given `after`. */
function lowerBound(query: ListQuery, base: Uint8Array, lowest: Uint8Array): Uint8Array {
  const { after, afterSuffix } = query;
  if (after === undefined) return lowest;
  // The group that `after` lies in is not greater than it: none of its names counts.
  const end = startsWith(after, query.prefix) ? groupEnd(after, query) : undefined;
  const whole = end === undefined ? encodeName(after) : escapeName(after.subarray(0, end));
  const joined = concatBytes([base, whole]);
  const bound =
    end === undefined && afterSuffix !== undefined
      ? keyAfter(concatBytes([joined, afterSuffix]))
      : (prefixEnd(joined) ?? joined);
  return compareBytes(bound, lowest) > 0 ? bound : lowest;
}

function boundsOf(query: ListQuery, base: Uint8Array): Bounds {
  const lowest = concatBytes([base, escapeName(query.prefix)]);
  // A shard's keys start with a letter, so that the end exists.
  const highest = prefixEnd(lowest) ?? lowest;
  const gte = lowerBound(query, base, lowest);
  if (query.before === undefined) return { gte, lt: highest };
  const suffix = query.beforeSuffix ?? new Uint8Array(0);
  const lt = concatBytes([base, encodeName(query.before), suffix]);
  return { gte, lt: compareBytes(lt, highest) < 0 ? lt : highest };
}

/** One page. `prefix`: what the shard's rows begin with in the index. StoreError `corrupt` for a damaged row. */
export async function listPage(
  index: Index,
  prefix: Uint8Array,
  query: ListQuery,
  count?: CountRows,
): Promise<ListPage> {
  const base = concatBytes([prefix, query.region]);
  const bounds = boundsOf(query, base);
  if (query.limit <= 0 || compareBytes(bounds.gte, bounds.lt) >= 0)
    return { items: [], truncated: false };
  const grouped = query.delimiter.length > 0;
  const cursor = new Cursor(index, {
    bounds,
    reverse: query.reverse,
    firstRead: grouped ? Math.min(query.limit + 1, 16) : query.limit + 1,
    count,
  });
  const items: ListItem[] = [];
  try {
    for (;;) {
      const found = await cursor.next();
      if (found === undefined) return { items, truncated: false };
      if (items.length >= query.limit) return { items, truncated: true };
      const { name, end } = decodeName(found[0], base.length);
      const group = groupEnd(name, query);
      if (group === undefined) {
        const key = found[0].subarray(prefix.length);
        const row = decodeRow(key, found[1]);
        items.push({ type: 'row', name, suffix: found[0].subarray(end), row });
      } else {
        const groupName = name.slice(0, group);
        items.push({ type: 'group', name: groupName });
        const escaped = concatBytes([base, escapeName(groupName)]);
        cursor.seek(query.reverse ? escaped : (prefixEnd(escaped) ?? escaped));
      }
    }
  } finally {
    await cursor.close();
  }
}

/** Rows of a range of row keys. StoreError `corrupt` for a damaged row. */
export async function scanRows(
  index: Index,
  prefix: Uint8Array,
  range: ScanRange,
): Promise<StoredRow[]> {
  const bounds = { gte: indexKey(prefix, range.gte), lt: indexKey(prefix, range.lt) };
  if (compareBytes(bounds.gte, bounds.lt) >= 0 || range.limit <= 0) return [];
  const reverse = range.reverse ?? false;
  const firstRead = range.limit;
  const cursor = new Cursor(index, { bounds, reverse, firstRead, count: undefined });
  const rows: StoredRow[] = [];
  try {
    while (rows.length < range.limit) {
      const found = await cursor.next();
      if (found === undefined) break;
      rows.push(decodeRow(found[0].subarray(prefix.length), found[1]));
    }
  } finally {
    await cursor.close();
  }
  return rows;
}

/**
 * One page of a listing, by seek: the cost follows what is returned, never what is skipped. A group
 * (common prefix) is left by one seek behind its last name.
 */
import { compareBytes, concatBytes } from '../../base/bytes.ts';
import { decodeName, encodeName, escapeName, keyAfter, prefixEnd } from './row-key.ts';
import { decodeRow, type Index, prefixRange } from './row.ts';
import type { ListItem, ListPage, ListQuery, Row, ScanRange } from './shard.ts';

const views: { keyEncoding: 'view'; valueEncoding: 'view' } = {
  keyEncoding: 'view',
  valueEncoding: 'view',
};
/** LevelDB's iterator stops a read-ahead at this many bytes; its default of 16 KiB is a few rows. */
const readAheadBytes = 1024 * 1024;
const largestChunk = 1000;

interface Bounds {
  readonly gte: Uint8Array;
  readonly lt: Uint8Array;
}

function later(a: Uint8Array, b: Uint8Array): Uint8Array {
  return compareBytes(a, b) >= 0 ? a : b;
}

function boundsOf(base: Uint8Array, query: ListQuery): Bounds {
  const start = concatBytes([base, escapeName(query.prefix)]);
  let { gte, lt } = prefixRange(start);
  if (query.after !== undefined) {
    const name = concatBytes([base, encodeName(query.after)]);
    // Every row of exactly that name begins with `name`; nothing else does.
    const behind =
      query.afterSuffix === undefined
        ? (prefixEnd(name) ?? name)
        : keyAfter(concatBytes([name, query.afterSuffix]));
    gte = later(gte, behind);
  }
  if (query.before !== undefined) {
    const end = concatBytes([base, escapeName(query.before)]);
    if (compareBytes(end, lt) < 0) lt = end;
  }
  return { gte, lt };
}

function indexOfBytes(name: Uint8Array, wanted: Uint8Array, from: number): number {
  return Buffer.from(name.buffer, name.byteOffset, name.byteLength).indexOf(wanted, from);
}

function startsWith(name: Uint8Array, prefix: Uint8Array): boolean {
  return (
    name.length >= prefix.length && compareBytes(name.subarray(0, prefix.length), prefix) === 0
  );
}

/** `prefix`: the shard's own bytes before its row keys in the index. Errors: `corrupt`. */
export async function listPage(
  index: Index,
  prefix: Uint8Array,
  query: ListQuery,
): Promise<ListPage> {
  const base = concatBytes([prefix, query.region]);
  const { gte, lt } = boundsOf(base, query);
  const items: ListItem[] = [];
  if (query.limit <= 0 || compareBytes(gte, lt) >= 0) return { items, truncated: false };
  const iterator = index.iterator({
    ...views,
    ...{ highWaterMarkBytes: readAheadBytes },
    gte,
    lt,
    reverse: query.reverse,
  });
  try {
    let chunk = Math.min(largestChunk, query.limit + 1);
    for (;;) {
      const entries = await iterator.nextv(chunk);
      if (entries.length === 0) return { items, truncated: false };
      let seek: Uint8Array | undefined;
      for (const [key, value] of entries) {
        const { name, end } = decodeName(key, base.length);
        const group = groupOf(name, query);
        if (group !== undefined) {
          seek = query.reverse
            ? concatBytes([base, escapeName(group)])
            : prefixEnd(concatBytes([base, escapeName(group)]));
          if (isWanted(group, query)) {
            if (items.length === query.limit) return { items, truncated: true };
            items.push({ type: 'group', name: group });
          }
          break;
        }
        if (items.length === query.limit) return { items, truncated: true };
        const row = decodeRow(key.subarray(prefix.length), value);
        items.push({ type: 'row', name, suffix: key.subarray(end), row });
      }
      if (seek === undefined) {
        chunk = Math.min(largestChunk, chunk * 4);
        continue;
      }
      // Groups tend to follow groups: read little beyond each.
      chunk = 4;
      if (compareBytes(seek, gte) < 0 || compareBytes(seek, lt) >= 0) {
        return { items, truncated: false };
      }
      iterator.seek(seek);
    }
  } finally {
    await iterator.close();
  }
}

function groupOf(name: Uint8Array, query: ListQuery): Uint8Array | undefined {
  if (query.delimiter.length === 0) return undefined;
  const at = indexOfBytes(name, query.delimiter, query.prefix.length);
  return at < 0 ? undefined : name.slice(0, at + query.delimiter.length);
}

function isWanted(group: Uint8Array, query: ListQuery): boolean {
  const { after } = query;
  if (after === undefined) return true;
  return compareBytes(group, after) > 0 && !startsWith(after, group);
}

/** Rows of a key range, in order. */
export async function scanRows(
  index: Index,
  prefix: Uint8Array,
  range: ScanRange,
): Promise<readonly Row[]> {
  const iterator = index.iterator({
    ...views,
    ...{ highWaterMarkBytes: readAheadBytes },
    gte: concatBytes([prefix, range.gte]),
    lt: concatBytes([prefix, range.lt]),
    limit: range.limit,
    reverse: range.reverse ?? false,
  });
  try {
    const rows: Row[] = [];
    for (;;) {
      const entries = await iterator.nextv(largestChunk);
      if (entries.length === 0) return rows;
      for (const [key, value] of entries) rows.push(decodeRow(key.subarray(prefix.length), value));
    }
  } finally {
    await iterator.close();
  }
}

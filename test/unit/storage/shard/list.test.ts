import fc from 'fast-check';
import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { compareBytes, utf8 } from '../../../../base/bytes.ts';
import { epoch, micros, sequence, shardId } from '../../../../base/units.ts';
import { encodeRecord, entryOps, recordTypes } from '../../../../storage/shard/log/record.ts';
import { listPage } from '../../../../storage/shard/list.ts';
import { indexKey, shardPrefix } from '../../../../storage/shard/row.ts';
import { prefixEnd, rowKey } from '../../../../storage/shard/row-key.ts';
import type { ListItem, ListQuery } from '../../../../storage/shard/shard.ts';

const prefix = shardPrefix(shardId(3));
const region = utf8('\u0001region');
const empty = new Uint8Array(0);

/** `suffixes`: each name has a row for each of them. */
async function indexOf(
  names: readonly string[],
  suffixes: readonly Uint8Array[] = [empty],
): Promise<MemoryLevel<Uint8Array, Uint8Array>> {
  const index = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
    storeEncoding: 'view',
  });
  for (const [name, suffix] of names.flatMap((one) => suffixes.map((two) => [one, two] as const))) {
    const key = rowKey(region, utf8(name), suffix);
    const record = encodeRecord({
      type: recordTypes.commit,
      shard: shardId(3),
      epoch: epoch(1),
      sequence: sequence(1),
      time: micros(10),
      entries: [{ op: entryOps.put, key, meta: utf8(name), sequence: sequence(1) }],
    });
    const entry = record.entries[0];
    if (entry === undefined) throw new Error('no entry');
    await index.put(indexKey(prefix, key), entry.value);
  }
  return index;
}

/** The specification: everything in memory, filtered and sorted. */
function model(
  names: readonly string[],
  query: ListQuery,
): { names: string[]; truncated: boolean } {
  const decode = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');
  const [start, delimiter] = [decode(query.prefix), decode(query.delimiter)];
  const after = query.after === undefined ? undefined : decode(query.after);
  const shown: string[] = [];
  const sorted = [...new Set(names)].sort((a, b) => compareBytes(utf8(a), utf8(b)));
  for (const name of query.reverse ? sorted.reverse() : sorted) {
    if (!name.startsWith(start)) continue;
    if (query.after !== undefined && compareBytes(utf8(name), query.after) <= 0) continue;
    if (query.before !== undefined && compareBytes(utf8(name), query.before) >= 0) continue;
    const at = delimiter === '' ? -1 : name.indexOf(delimiter, start.length);
    const item = at < 0 ? name : name.slice(0, at + delimiter.length);
    if (at >= 0 && after !== undefined) {
      if (compareBytes(utf8(item), utf8(after)) <= 0 || after.startsWith(item)) continue;
    }
    if (!shown.includes(item)) shown.push(item);
  }
  return { names: shown.slice(0, query.limit), truncated: shown.length > query.limit };
}

const nameOf = (item: ListItem): string => Buffer.from(item.name).toString('utf8');

describe('a page of a listing', () => {
  it('may begin and end within the rows of one name', async () => {
    const index = await indexOf(['a', 'b'], [Uint8Array.of(1), Uint8Array.of(2), Uint8Array.of(3)]);
    const query: ListQuery = {
      ...{ region, prefix: empty, delimiter: empty, limit: 10, reverse: false },
      ...{ after: utf8('a'), afterSuffix: Uint8Array.of(2) },
      ...{ before: utf8('b'), beforeSuffix: Uint8Array.of(2) },
    };
    const shown = async (reverse: boolean): Promise<string[]> => {
      const page = await listPage(index, prefix, { ...query, reverse });
      return page.items.map((item) =>
        item.type === 'row' ? `${nameOf(item)}${item.suffix[0] ?? ''}` : '',
      );
    };
    expect(await shown(false)).toEqual(['a3', 'b1']);
    expect(await shown(true)).toEqual(['b1', 'a3']);
  });

  const name = fc
    .array(fc.constantFrom('a', 'b', '/', '//', 'é', '\u{1F600}', '\u{FF5E}', '\u0000'), {
      minLength: 1,
      maxLength: 5,
    })
    .map((letters) => letters.join(''));

  it('is what a sorted array says', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(name, { maxLength: 30 }),
        fc.record({
          prefix: fc.constantFrom('', 'a', 'a/', '/'),
          delimiter: fc.constantFrom('', '/', '//', 'b'),
          after: fc.option(name, { nil: undefined }),
          before: fc.option(name, { nil: undefined }),
          reverse: fc.boolean(),
          limit: fc.integer({ min: 1, max: 8 }),
        }),
        async (names, asked) => {
          const query: ListQuery = {
            region,
            prefix: utf8(asked.prefix),
            delimiter: utf8(asked.delimiter),
            after: asked.after === undefined ? undefined : utf8(asked.after),
            before: asked.before === undefined ? undefined : utf8(asked.before),
            reverse: asked.reverse,
            limit: asked.limit,
          };
          const page = await listPage(await indexOf(names), prefix, query);
          const expected = model(names, query);
          expect(page.items.map(nameOf)).toEqual(expected.names);
          expect(page.truncated).toBe(expected.truncated);
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe('prefixEnd', () => {
  it('leaves the bytes it was given alone, also when they are a Buffer', () => {
    const bytes = Buffer.from('region');
    expect(prefixEnd(bytes)).toEqual(new Uint8Array(utf8('regioo')));
    expect(bytes.toString()).toBe('region');
  });
});

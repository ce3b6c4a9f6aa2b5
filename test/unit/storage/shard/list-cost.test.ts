import { MemoryLevel } from 'memory-level';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../../../base/bytes.ts';
import { epoch, micros, sequence, shardId } from '../../../../base/units.ts';
import { listPage } from '../../../../storage/shard/list.ts';
import { encodeRecord, entryOps, recordTypes } from '../../../../storage/shard/log/record.ts';
import { indexKey, shardPrefix } from '../../../../storage/shard/row.ts';
import { rowKey } from '../../../../storage/shard/row-key.ts';
import type { ListPage, ListQuery } from '../../../../storage/shard/shard.ts';

const shard = shardId(1);
const prefix = shardPrefix(shard);
const region = utf8('\u0001r');
const none = new Uint8Array(0);
const rowCount = 50_000;
const nameOf = (i: number): string =>
  `dir${String(Math.floor(i / 5000)).padStart(2, '0')}/${String(i).padStart(6, '0')}`;

async function fill(): Promise<MemoryLevel<Uint8Array, Uint8Array>> {
  const index = new MemoryLevel<Uint8Array, Uint8Array>({
    keyEncoding: 'view',
    valueEncoding: 'view',
    storeEncoding: 'view',
  });
  for (let from = 0; from < rowCount; from += 5000) {
    const keys = Array.from({ length: 5000 }, (_, i) =>
      rowKey(region, utf8(nameOf(from + i)), none),
    );
    const entries = keys.map((key) => {
      return { op: entryOps.put, key, meta: none, sequence: sequence(1) };
    });
    const type = recordTypes.commit;
    const [first, start, time] = [epoch(1), sequence(1), micros(10)];
    const record = encodeRecord({ type, shard, epoch: first, sequence: start, time, entries });
    await index.batch(
      record.entries.map((entry) => {
        return { type: 'put' as const, key: indexKey(prefix, entry.key), value: entry.value };
      }),
    );
  }
  return index;
}

describe('the cost of a page', () => {
  it('follows what it returns, at the beginning, in the middle and at the end', async () => {
    const index = await fill();
    const page = async (query: Partial<ListQuery>): Promise<ListPage & { rows: number }> => {
      let rows = 0;
      const whole: ListQuery = {
        region,
        prefix: none,
        delimiter: none,
        after: undefined,
        before: undefined,
        reverse: false,
        limit: 1000,
        ...query,
      };
      const found = await listPage(index, prefix, whole, (count) => {
        rows += count;
      });
      return { ...found, rows };
    };
    for (const after of [undefined, utf8(nameOf(25_000)), utf8(nameOf(rowCount - 1002))]) {
      for (const reverse of [false, true]) {
        const { items, truncated, rows } = await page({ after, reverse });
        expect(items).toHaveLength(1000);
        expect(truncated).toBe(true);
        expect(rows).toBe(1001);
      }
    }
    // Ten groups of 5,000 names each: a few rows for each, none of the names inside is walked.
    for (const reverse of [false, true]) {
      const { items, truncated, rows } = await page({ delimiter: utf8('/'), reverse });
      expect(items).toHaveLength(10);
      expect(truncated).toBe(false);
      expect(rows).toBeLessThan(40);
    }
    // A marker deep inside a group costs no more.
    const marked = await page({ delimiter: utf8('/'), after: utf8(nameOf(2500)), limit: 3 });
    expect(marked.items.map((item) => Buffer.from(item.name).toString())).toEqual([
      'dir01/',
      'dir02/',
      'dir03/',
    ]);
    expect(marked.rows).toBeLessThan(20);
  });
});

import type { AbstractIterator } from 'abstract-level';
import { compareBytes } from '../../base/bytes.ts';
import { epoch, micros, sequence, shardId } from '../../base/units.ts';
import { encodeRecord, entryOps, recordTypes } from '../../storage/shard/log/record.ts';
import type { Index } from '../../storage/shard/row.ts';
import type { Row, RowView, RowWrite } from '../../storage/shard/shard.ts';

export const noPrefix: Uint8Array = new Uint8Array(0);

type Entry = [Uint8Array, Uint8Array];

interface Stored {
  readonly row: Row;
  readonly body: Uint8Array | undefined;
  /** As an index has it. */
  readonly entry: Entry;
}

/** One shard's rows in the order of their keys, with their inline bodies. */
export class StoredRows implements RowView {
  readonly #rows = new Map<string, Stored>();
  #sorted: readonly Stored[] | undefined;

  get(key: Uint8Array): Row | undefined {
    return this.#rows.get(textOf(key))?.row;
  }

  bodyOf(key: Uint8Array): Uint8Array | undefined {
    return this.#rows.get(textOf(key))?.body;
  }

  /** Bodies are those that rows had before. */
  apply(writes: readonly RowWrite[]): void {
    const bodies = writes.map((write) => {
      if (write.type === 'put-with-body-of') return this.bodyOf(write.from);
      return write.type === 'put' ? write.body?.slice() : undefined;
    });
    for (const [place, write] of writes.entries()) {
      if (write.type === 'delete') this.#rows.delete(textOf(write.key));
      else this.#rows.set(textOf(write.key), stored(write.key, write.meta, bodies[place]));
    }
    this.#sorted = undefined;
  }

  /** Rows from `gte` on, before `lt`, in order, as they are now. */
  range(gte: Uint8Array, lt: Uint8Array): readonly Row[] {
    return this.#between(gte, lt).map(({ row }) => row);
  }

  #between(gte: Uint8Array, lt: Uint8Array): readonly Stored[] {
    this.#sorted ??= [...this.#rows.values()].sort((a, b) => compareBytes(a.row.key, b.row.key));
    const sorted = this.#sorted;
    return sorted.slice(placeOf(sorted, gte), Math.max(placeOf(sorted, gte), placeOf(sorted, lt)));
  }

  /** What listings and scans need of an index: an iterator over the rows as they are now. */
  index(): Index {
    const iterator = (bounds: { gte: Uint8Array; lt: Uint8Array; reverse?: boolean }): unknown => {
      const entries = this.#between(bounds.gte, bounds.lt).map(({ entry }) => entry);
      return new Entries(entries, bounds.reverse === true);
    };
    return { iterator } as unknown as Index;
  }
}

type View = Pick<AbstractIterator<unknown, Uint8Array, Uint8Array>, 'nextv' | 'seek' | 'close'>;

class Entries implements View {
  readonly #entries: readonly Entry[];
  readonly #isReverse: boolean;
  #at = 0;

  constructor(entries: readonly Entry[], isReverse: boolean) {
    this.#entries = isReverse ? entries.toReversed() : entries;
    this.#isReverse = isReverse;
  }

  nextv(size: number): Promise<Entry[]> {
    const found = this.#entries.slice(this.#at, this.#at + size);
    this.#at += found.length;
    return Promise.resolve(found);
  }

  seek(target: Uint8Array): void {
    const sign = this.#isReverse ? -1 : 1;
    const place = this.#entries.findIndex(([key]) => sign * compareBytes(key, target) >= 0);
    this.#at = place < 0 ? this.#entries.length : place;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

function textOf(key: Uint8Array): string {
  return Buffer.from(key.buffer, key.byteOffset, key.byteLength).toString('latin1');
}

function placeOf(sorted: readonly Stored[], key: Uint8Array): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const found = sorted[middle];
    if (found !== undefined && compareBytes(found.row.key, key) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function stored(key: Uint8Array, meta: Uint8Array, body: Uint8Array | undefined): Stored {
  const op = entryOps.put;
  const record = encodeRecord({
    ...{ type: recordTypes.commit, shard: shardId(1), epoch: epoch(1), time: micros(10) },
    sequence: sequence(1),
    entries: [{ op, key, meta, sequence: sequence(1), ...(body === undefined ? {} : { body }) }],
  });
  const value = record.entries[0]?.value ?? noPrefix;
  return { row: { key, meta, bodyLength: body?.length }, body, entry: [key, value] };
}

import type { SizeOf } from '../../storage/shard/ranges/growth.ts';
import type { Index } from '../../storage/shard/row.ts';

/** LevelDB's; the index of the simulation has none. */
interface Sized {
  approximateSize(start: Uint8Array, end: Uint8Array): Promise<number>;
}

function isSized(index: Index): index is Index & Sized {
  return 'approximateSize' in index && typeof index.approximateSize === 'function';
}

/** What a range takes up in files: what is in memory alone does not count. */
export const indexSize: SizeOf = async (index, { gte, lt }) =>
  isSized(index) ? index.approximateSize(gte, lt) : undefined;

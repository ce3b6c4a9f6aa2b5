import { hasMoved } from '../../storage/shard/ranges/extent.ts';
import { keyAfter } from '../../storage/shard/row-key.ts';
import type { Row, Shard } from '../../storage/shard/shard.ts';
import type { ClaimRow } from '../core/model.ts';
import { decodeRow, encodeKey, localRange } from '../proxy/row-codec.ts';
import { isSame, type ShardMap } from '../proxy/rows.ts';

export interface Claim {
  readonly shard: Shard;
  readonly row: ClaimRow;
}

/** The row that claims a stored body, wherever it is; undefined for an orphan. It is most often where the container is that the bytes were written for. */
export async function findClaim(
  shards: ShardMap,
  objectId: string,
  containerId?: string,
): Promise<Claim | undefined> {
  const key = encodeKey('claim', { containerId: '', objectId });
  const likely = containerId === undefined ? [] : [shards.route(containerId)];
  const all = shards.all();
  for (const shard of new Set([...likely, ...all])) {
    const row = await shard.get(key);
    if (row !== undefined) return { shard, row: decodeRow<'claim'>(row.meta) };
  }
  // It may have gone to a shard that was split off meanwhile.
  return isSame(shards.all(), all) ? undefined : findClaim(shards, objectId, containerId);
}

/** Walks all claims of the shards that there are at its start, a page at a time. */
export class ClaimWalk {
  readonly #map: ShardMap;
  readonly #shards: readonly Shard[];
  readonly #pageRows: number;
  #shard = 0;
  #from: Uint8Array | undefined;

  constructor(shards: ShardMap, pageRows: number) {
    this.#map = shards;
    this.#shards = [...shards.all()];
    this.#pageRows = pageRows;
  }

  /** Whether the shards are still those of its start: claims may have gone from one to the other meanwhile. */
  get isWhole(): boolean {
    return isSame(this.#map.all(), this.#shards);
  }

  /** The next page (it may be empty); undefined at the end of the walk. Shards that are no more have none. */
  async next(): Promise<readonly Claim[] | undefined> {
    const shard = this.#shards[this.#shard];
    if (shard === undefined) return undefined;
    const { gte, lt } = localRange('claim');
    const page = { gte: this.#from ?? gte, lt, limit: this.#pageRows };
    const rows = await shard.scan(page).catch((error: unknown): readonly Row[] => {
      if (hasMoved(error)) return [];
      throw error;
    });
    const last = rows.at(-1);
    if (rows.length < this.#pageRows || last === undefined) {
      this.#shard++;
      this.#from = undefined;
    } else {
      this.#from = keyAfter(last.key);
    }
    return rows.map((row) => ({ shard, row: decodeRow<'claim'>(row.meta) }));
  }
}

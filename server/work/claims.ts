import type { Shard } from '../../storage/shard/shard.ts';
import type { ClaimRow } from '../core/model.ts';
import { decodeRow, encodeKey, localRange } from '../proxy/row-codec.ts';
import type { ShardMap } from '../proxy/rows.ts';

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

function isSame(a: readonly Shard[], b: readonly Shard[]): boolean {
  return a.length === b.length && a.every(({ id }, place) => id === b[place]?.id);
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

  /** The next page (it may be empty); undefined at the end of the walk. */
  async next(): Promise<readonly Claim[] | undefined> {
    const shard = this.#shards[this.#shard];
    if (shard === undefined) return undefined;
    const range = localRange('claim');
    const rows = await shard.scan({
      gte: this.#from ?? range.gte,
      lt: range.lt,
      limit: this.#pageRows,
    });
    const last = rows.at(-1);
    if (rows.length < this.#pageRows || last === undefined) {
      this.#shard++;
      this.#from = undefined;
    } else {
      this.#from = Buffer.concat([last.key, Uint8Array.of(0)]);
    }
    return rows.map((row) => ({ shard, row: decodeRow<'claim'>(row.meta) }));
  }
}

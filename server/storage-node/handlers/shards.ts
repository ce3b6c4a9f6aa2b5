/** Shards whose primary is here, served to other nodes. */
import { StoreError } from '../../../base/errors.ts';
import { type ShardId, shardId } from '../../../base/units.ts';
import type { Shard } from '../../../storage/shard/shard.ts';
import type { Handler, Request, Result } from '../wire/answering.ts';
import { flagIn, type Head, numberIn } from '../wire/head.ts';
import { methods } from '../wire/methods.ts';
import {
  decodePlain,
  decodeQuery,
  decodeRange,
  encodeFound,
  encodePage,
  encodePlain,
  encodeRows,
} from './shard-head.ts';

/** The shard as it is served here, never forwarded; undefined when the map does not have it. */
export type ServedShards = (id: ShardId) => Shard | undefined;

const limitMax = 100_000;

export function shardHandlers(shards: ServedShards): Map<number, Handler> {
  const shardOf = (head: Head): Shard => {
    const shard = shards(shardId(numberIn(head, 'shard')));
    if (shard !== undefined) return shard;
    throw new StoreError('stale-epoch', 'shard', 'this node does not know the shard');
  };
  return new Map<number, Handler>([
    [methods.shardExecute.number, (request) => execute(shardOf(request.head), request)],
    [methods.shardGet.number, (request) => get(shardOf(request.head), request)],
    [
      methods.shardScan.number,
      async ({ head }) => {
        const range = decodeRange(head);
        const rows = await shardOf(head).scan({ ...range, limit: Math.min(range.limit, limitMax) });
        const encoded = encodeRows(rows);
        const more = encoded.isCut || (rows.length === limitMax && range.limit > limitMax);
        return { head: { ...encoded.head, more }, bytes: encoded.bytes };
      },
    ],
    [
      methods.shardList.number,
      async ({ head }) => {
        const query = decodeQuery(head);
        const limit = Math.min(query.limit, limitMax);
        return encodePage(await shardOf(head).list({ ...query, limit }));
      },
    ],
  ]);
}

async function execute(shard: Shard, { head, bytes }: Request): Promise<Result> {
  return encodePlain(await shard.execute(decodePlain(head, bytes)));
}

async function get(shard: Shard, { head, bytes }: Request): Promise<Result> {
  if (flagIn(head, 'body')) {
    const found = await shard.getWithBody(bytes);
    return found === undefined ? { head: {} } : encodeFound(found);
  }
  const row = await shard.get(bytes);
  return row === undefined ? { head: {} } : encodeFound({ row, body: undefined });
}

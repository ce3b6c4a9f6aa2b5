/** A shard whose primary is on another machine. */
import { isStoreError, StoreError } from '../../../base/errors.ts';
import type { ShardId } from '../../../base/units.ts';
import { keyAfter } from '../../../storage/shard/row-key.ts';
import type { ListPage, ListQuery, Row, ScanRange, Shard } from '../../../storage/shard/shard.ts';
import {
  decodeFound,
  decodePage,
  decodePlain,
  decodeRows,
  encodePlain,
  encodeQuery,
  encodeRange,
} from '../handlers/shard-head.ts';
import type { Reply } from '../wire/asking.ts';
import { flagIn, type Head } from '../wire/head.ts';
import { type Method, methods } from '../wire/methods.ts';
import { type Asker, patience } from './ask.ts';

export class RemoteShard implements Shard {
  readonly id: ShardId;
  readonly #asker: Asker;

  constructor(asker: Asker, id: ShardId) {
    this.#asker = asker;
    this.id = id;
  }

  #ask(method: Method, head: Head, bytes: readonly Uint8Array[] = []): Promise<Reply> {
    const timeoutMillis = patience.rowsMillis;
    return this.#asker.ask({ method, head: { shard: this.id, ...head }, bytes, timeoutMillis });
  }

  async execute(command: unknown): Promise<unknown> {
    const { head, bytes } = encodePlain(command);
    const reply = await this.#ask(methods.shardExecute, head, bytes);
    return decodePlain(reply.head, reply.bytes);
  }

  async get(key: Uint8Array): Promise<Row | undefined> {
    const { head, bytes } = await this.#ask(methods.shardGet, {}, [key]);
    return decodeFound(head, bytes)?.row;
  }

  async getWithBody(
    key: Uint8Array,
  ): Promise<{ row: Row; body: Uint8Array | undefined } | undefined> {
    const { head, bytes } = await this.#ask(methods.shardGet, { body: true }, [key]);
    return decodeFound(head, bytes);
  }

  /** Asks again where an answer was cut short: rows that were read one after the other, as by a scan of many pages. */
  async scan(range: ScanRange): Promise<readonly Row[]> {
    const rows: Row[] = [];
    let { gte, lt } = range;
    for (;;) {
      const rest = { ...range, gte, lt, limit: range.limit - rows.length };
      const { head, bytes } = await this.#ask(methods.shardScan, encodeRange(rest));
      const found = decodeRows(head, bytes);
      rows.push(...found);
      const last = found.at(-1);
      if (!flagIn(head, 'more') || last === undefined || rows.length >= range.limit) return rows;
      if (range.reverse === true) lt = last.key;
      else gte = keyAfter(last.key);
    }
  }

  async list(query: ListQuery): Promise<ListPage> {
    const { head, bytes } = await this.#ask(methods.shardList, encodeQuery(query));
    return decodePage(head, bytes, query.region);
  }
}

/** Before a request has left this machine nothing can have been done. */
export function notSent(error: unknown): StoreError {
  const reason = isStoreError(error) ? error.message : String(error);
  return new StoreError('stale-epoch', 'shard', `the shard's node cannot be reached: ${reason}`, {
    cause: error,
  });
}

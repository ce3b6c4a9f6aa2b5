/** The shard that owns an id, whichever that is: a call that meets a split or a merge goes on at the next owner. */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { ShardId } from '../../../base/units.ts';
import type { ListPage, ListQuery, Row, ScanRange, Shard } from '../shard.ts';
import { hasMoved } from './extent.ts';

/** The map may show here some moments later what the shard knows already. */
const pauseMillis = 5;
const patienceMillis = 8000;

export class FollowingShard implements Shard {
  readonly #find: () => Shard;
  readonly #clock: Clock;

  /** `find`: who owns the id by what is known now. */
  constructor(find: () => Shard, clock: Clock) {
    this.#find = find;
    this.#clock = clock;
  }

  get id(): ShardId {
    return this.#find().id;
  }

  async #follow<Result>(call: (shard: Shard) => Promise<Result>): Promise<Result> {
    let until: number | undefined;
    for (;;) {
      const shard = this.#find();
      try {
        return await call(shard);
      } catch (error) {
        if (!hasMoved(error)) throw error;
        if (this.#find() !== shard) continue;
        until ??= this.#clock.monotonic() + patienceMillis;
        if (this.#clock.monotonic() >= until) throw lost(error);
        await this.#clock.sleep(pauseMillis);
      }
    }
  }

  execute(command: unknown): Promise<unknown> {
    return this.#follow((shard) => shard.execute(command));
  }

  get(key: Uint8Array): Promise<Row | undefined> {
    return this.#follow((shard) => shard.get(key));
  }

  getWithBody(key: Uint8Array): Promise<{ row: Row; body: Uint8Array | undefined } | undefined> {
    return this.#follow((shard) => shard.getWithBody(key));
  }

  scan(range: ScanRange): Promise<readonly Row[]> {
    return this.#follow((shard) => shard.scan(range));
  }

  list(query: ListQuery): Promise<ListPage> {
    return this.#follow((shard) => shard.list(query));
  }
}

function lost(cause: StoreError): StoreError {
  return new StoreError('unavailable', 'shards', 'the shard that owns this is not found', {
    cause,
  });
}

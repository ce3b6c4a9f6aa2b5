/**
 * A shard as any process of a cluster reaches it: served here, or by the machine that has its primary.
 * While there is none, requests wait for the next one, as long as nobody can know that they were begun.
 */
import type { Clock } from '../../base/clock.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import type { ShardId } from '../../base/units.ts';
import { type Coordinator, holderLives } from './coordinator.ts';
import { hasMoved } from './ranges/extent.ts';
import type { ServedShard } from './primary/served-shard.ts';
import type { RemoteMachines } from './remote.ts';
import type { ListPage, ListQuery, Row, ScanRange, Shard } from './shard.ts';

export interface RoutedShardOptions {
  readonly served: ServedShard;
  readonly remote: RemoteMachines;
  readonly coordinator: Coordinator;
  readonly clock: Clock;
}

/** A failover takes some 6 s: who waits that long is answered by the next primary. */
const patienceMillis = 8000;
const pollMillis = 100;
/** Requests that wait for a primary of this shard; more are told to come again. */
const waitingMax = 512;

export class RoutedShard implements Shard {
  readonly id: ShardId;
  readonly #options: RoutedShardOptions;
  #waiting = 0;

  constructor(options: RoutedShardOptions) {
    this.id = options.served.id;
    this.#options = options;
  }

  /** Where the primary is by what is known here; undefined while there is none. */
  #target(): Shard | undefined {
    const { served, remote, coordinator } = this.#options;
    if (served.primary !== undefined) return served;
    const { state } = served;
    if (!holderLives(coordinator.current(), state)) return undefined;
    return remote.shard(state.primary, this.id);
  }

  async #ask<Result>(
    isDone: (error: unknown) => boolean,
    call: (shard: Shard) => Promise<Result>,
  ): Promise<Result> {
    const { clock } = this.#options;
    const until = clock.monotonic() + patienceMillis;
    for (;;) {
      let failure: unknown;
      const target = this.#target();
      if (target !== undefined) {
        try {
          return await call(target);
        } catch (error) {
          if (isDone(error)) throw error;
          failure = error;
        }
      }
      if (clock.monotonic() >= until || this.#waiting >= waitingMax) throw this.#none(failure);
      this.#waiting++;
      await clock.sleep(pollMillis);
      this.#waiting--;
    }
  }

  #none(cause: unknown): StoreError {
    return new StoreError('unavailable', 'shard', 'the shard has no primary', {
      cause: cause ?? this.#options.served.failure,
      detail: { shard: this.id },
    });
  }

  execute(command: unknown): Promise<unknown> {
    return this.#ask(isAnswer, (shard) => shard.execute(command));
  }

  get(key: Uint8Array): Promise<Row | undefined> {
    return this.#ask(isReadAnswer, (shard) => shard.get(key));
  }

  getWithBody(key: Uint8Array): Promise<{ row: Row; body: Uint8Array | undefined } | undefined> {
    return this.#ask(isReadAnswer, (shard) => shard.getWithBody(key));
  }

  scan(range: ScanRange): Promise<readonly Row[]> {
    return this.#ask(isReadAnswer, (shard) => shard.scan(range));
  }

  list(query: ListQuery): Promise<ListPage> {
    return this.#ask(isReadAnswer, (shard) => shard.list(query));
  }
}

/** Only `stale-epoch` says for certain that nothing was done. Who has taken something over, others know. */
function isAnswer(error: unknown): boolean {
  return !isStoreError(error, 'stale-epoch') || hasMoved(error);
}

/** A read does nothing: whatever stood in its way may be gone the next time. */
function isReadAnswer(error: unknown): boolean {
  if (isStoreError(error, 'unavailable')) return error.detail['corrupt'] === true;
  return isAnswer(error);
}

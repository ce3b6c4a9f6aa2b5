/** Finds the piece of a container that a name lies in, and waits while the container's row is being changed. */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { Id } from '../../core/model.ts';
import { isElsewhere, isFencedOff } from '../../core/pieces/elsewhere.ts';
import type { Piece } from '../../core/pieces/piece.ts';
import { Chains, type Found } from './chain.ts';

export interface RouterOptions {
  /** What stands in the row of a piece; undefined: the container lies in one. */
  readonly pieceOf: (id: Id) => Promise<Piece | undefined>;
  /** Brings the change of a container's row to its end that somebody else began. */
  readonly finishRound: (of: Id) => Promise<unknown>;
  readonly clock: Clock;
}

/** Who meets a fence for longer than this brings the change to its end. */
const politeMillis = 500;
const pauseMillis = 5;
const patienceMillis = 8000;
/** More pieces than any container has that were not known here, or that came meanwhile. */
const hopsMax = 100_000;

export class PieceRouter {
  readonly #options: RouterOptions;
  readonly #chains = new Chains();

  constructor(options: RouterOptions) {
    this.#options = options;
  }

  /** Calls with the id of the piece that the name lies in. `id`: of the container, or of one of its pieces that is not behind the name. */
  at<Result>(id: Id, name: string, call: (piece: Id) => Promise<Result>): Promise<Result> {
    return this.follow(
      id,
      (chains) => chains.at(id, name),
      (found) => call(found.id),
    );
  }

  /** Calls what `find` finds, until it is not elsewhere. */
  async follow<Result>(
    id: Id,
    find: (chains: Chains) => Found,
    call: (found: Found) => Promise<Result>,
  ): Promise<Result> {
    const { clock } = this.#options;
    let fencedAt: number | undefined;
    for (let hops = 0; ; ) {
      const found = find(this.#chains);
      try {
        return await call(found);
      } catch (error) {
        if (isElsewhere(error) && hops++ < hopsMax) {
          await this.#learn(id, found.id);
          continue;
        }
        if (!isFencedOff(error)) throw error;
        fencedAt ??= clock.monotonic();
        const waited = clock.monotonic() - fencedAt;
        if (waited >= patienceMillis) throw unavailable(error);
        if (waited >= politeMillis) await this.#finishRound(found.id);
        await clock.sleep(pauseMillis);
      }
    }
  }

  async #learn(id: Id, piece: Id): Promise<void> {
    const row = await this.#options.pieceOf(piece);
    if (row !== undefined) this.#chains.learn(id, piece, row);
  }

  async #finishRound(piece: Id): Promise<void> {
    const row = await this.#options.pieceOf(piece);
    if (row !== undefined) await this.#options.finishRound(row.of);
  }
}

function unavailable(cause: StoreError): StoreError {
  return new StoreError('unavailable', 'pieces', "the container's change does not come to an end", {
    cause,
  });
}

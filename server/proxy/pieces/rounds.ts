/**
 * Changes the row of a container in pieces, step by step (core/decide/pieces/round.ts). Whoever began a
 * round may die at any step: anyone who meets it goes on from there.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { RoundChange, RoundRow } from '../../core/commands.ts';
import type { Id, UsageRow } from '../../core/model.ts';
import { isRoundUnderWay } from '../../core/pieces/elsewhere.ts';
import type { RowStore } from '../../core/ports.ts';
import { addUsage, noUsage } from '../../core/quota/usage.ts';

/** Rounds of others that are brought to their end before it is our turn. */
const turnsMax = 100;

export class Rounds {
  readonly #rows: Pick<RowStore, 'execute' | 'get'>;
  readonly #clock: Clock;

  /** `rows` asks the piece that is named, and no other. */
  constructor(rows: Pick<RowStore, 'execute' | 'get'>, clock: Clock) {
    this.#rows = rows;
    this.#clock = clock;
  }

  /** Throws what the change would have thrown of a container in one piece. */
  async change(containerId: Id, change: RoundChange): Promise<void> {
    const number = await this.#begin(containerId, change);
    const ended = await this.finish(containerId);
    if (change.type !== 'container.delete') return;
    const refusal = ended?.number === number ? ended.refusal : await this.#refusal(containerId);
    if (refusal === undefined) return;
    throw new StoreError('container-not-empty', 'container.delete', 'the container is not empty', {
      detail: refusal,
    });
  }

  /** Of a deletion that somebody else brought to its end, and that other changes followed. */
  async #refusal(containerId: Id): Promise<RoundRow['refusal']> {
    const row = await this.#rows.get('container', { containerId });
    return row?.state === 'live' ? { versionsLeft: false, uploadsLeft: false } : undefined;
  }

  async #begin(containerId: Id, change: RoundChange): Promise<number> {
    for (let turn = 0; ; turn++) {
      try {
        return await this.#rows.execute({ type: 'round.begin', containerId, change });
      } catch (error) {
        if (!isRoundUnderWay(error) || turn >= turnsMax) throw error;
      }
      await this.#clock.sleep(pauseMillis);
      await this.finish(containerId);
    }
  }

  /** Brings the round that is under way to its end; gives the last one, as it ended. */
  async finish(containerId: Id): Promise<RoundRow | undefined> {
    const round = await this.#rows.get('round', { containerId });
    if (round === undefined || round.state === 'over') return round;
    const { number } = round;
    if (round.state === 'begun') {
      const { others, last } = await this.#fence(containerId, number);
      if (last >= number) {
        // Others may have brought it to its end meanwhile: then nothing is raised.
        await this.#rows.execute({ type: 'round.raise', containerId, round: number, to: last + 1 });
        return this.finish(containerId);
      }
      await this.#rows.execute({ type: 'round.decide', containerId, round: number, others });
    }
    await this.#tell(containerId, round);
    return this.#rows.execute({ type: 'round.end', containerId, round: number });
  }

  /**
   * For whoever met a fence. No round is under way, and yet there is one: a piece's shard was made again from an
   * older backup. Then the piece gets the last change, as if it were late.
   */
  async lift(containerId: Id): Promise<void> {
    const round = await this.#rows.get('round', { containerId });
    if (round?.state !== 'over') {
      await this.finish(containerId);
      return;
    }
    await this.#fence(containerId, round.number);
    await this.#tell(containerId, round);
  }

  /** Gives their sums, which stay as they are while they are fenced, and the last change that any of them has. */
  async #fence(
    containerId: Id,
    round: number,
  ): Promise<{ readonly others: UsageRow; readonly last: number }> {
    let others = noUsage;
    let last = 0;
    const first = await this.#rows.get('container', { containerId });
    let next = first?.piece?.next;
    while (next !== undefined) {
      const fence = { type: 'piece.fence', containerId: next, round } as const;
      const { piece, usage } = await this.#rows.execute(fence);
      others = addUsage(others, usage);
      last = Math.max(last, piece.round);
      next = piece.next;
    }
    return { others, last };
  }

  async #tell(containerId: Id, { number: round, change }: RoundRow): Promise<void> {
    const container = await this.#rows.get('container', { containerId });
    if (container === undefined) return;
    let next = container.piece?.next;
    while (next !== undefined) {
      const piece = next;
      // Before it may be written, and divided, again.
      const row = await this.#rows.get('container', { containerId: piece });
      const adopt = { type: 'piece.adopt', containerId: piece, round, container, change } as const;
      await this.#rows.execute(adopt);
      next = row?.piece?.next;
    }
  }
}

const pauseMillis = 5;

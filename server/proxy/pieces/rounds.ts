/**
 * Changes the row of a container in pieces, step by step (core/decide/pieces/round.ts). Whoever began a
 * round may die at any step: anyone who meets it goes on from there.
 */
import type { Clock } from '../../../base/clock.ts';
import { StoreError } from '../../../base/errors.ts';
import type { ContainerRow, Id, UsageRow } from '../../core/model.ts';
import { isRoundUnderWay } from '../../core/pieces/elsewhere.ts';
import type { Round, RoundChange } from '../../core/pieces/piece.ts';
import type { RowStore } from '../../core/ports.ts';
import { addUsage, noUsage } from '../../core/quota/usage.ts';

/** Rounds of others that are brought to their end before it is our turn. */
const turnsMax = 100;

export class Rounds {
  readonly #rows: Pick<RowStore, 'execute' | 'get'>;
  readonly #clock: Clock;

  /** `rows` asks the piece that it names. */
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

  /** Of a deletion that somebody else brought to its end, and that others followed. */
  async #refusal(containerId: Id): Promise<Round['refusal']> {
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
  async finish(containerId: Id): Promise<Round | undefined> {
    let row = await this.#rows.get('container', { containerId });
    const round = row?.round;
    if (row === undefined || round === undefined || round.state === 'over') return round;
    const { number } = round;
    if (round.state === 'begun') {
      const others = await this.#fence(row, number);
      const decide = { type: 'round.decide', containerId, round: number, others } as const;
      row = (await this.#rows.execute(decide)).container;
    }
    await this.#tell(row, number);
    const ended = await this.#rows.execute({ type: 'round.end', containerId, round: number });
    return ended ?? undefined;
  }

  /** Their sums, which stay as they are while they are fenced. */
  async #fence(first: ContainerRow, round: number): Promise<UsageRow> {
    let others = noUsage;
    let next = first.piece?.next;
    while (next !== undefined) {
      const fence = { type: 'piece.fence', containerId: next, round } as const;
      const { piece, usage } = await this.#rows.execute(fence);
      others = addUsage(others, usage);
      next = piece.next;
    }
    return others;
  }

  async #tell(container: ContainerRow, round: number): Promise<void> {
    let next = container.piece?.next;
    while (next !== undefined) {
      const containerId = next;
      // Before it may be written, and divided, again.
      const row = await this.#rows.get('container', { containerId });
      await this.#rows.execute({ type: 'piece.adopt', containerId, round, container });
      next = row?.piece?.next;
    }
  }
}

const pauseMillis = 5;

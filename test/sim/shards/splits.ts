/** Shards that are split again and again while clients are at work. */
import type { Cell } from '../../../server/cell/cell.ts';
import { inOrder } from '../../../storage/shard/ranges/extent.ts';
import { address, context, type Reachable } from '../clients.ts';
import type { SimClock } from '../clock.ts';
import type { SeededRandom } from '../random.ts';

interface Splitting extends Reachable {
  readonly cell: Cell;
}

/** Nothing of a split is left to do. */
export function isSettled({ coordinator }: Cell): boolean {
  return coordinator
    .current()
    .shards.every(({ takesFrom, untrimmed }) => takesFrom === undefined && untrimmed !== true);
}

/** Enough, so that a run comes to an end. */
const shardsMax = 24;

export class Splits {
  readonly #clock: SimClock;
  readonly #random: SeededRandom;

  constructor(clock: SimClock, random: SeededRandom) {
    this.#clock = clock;
    this.#random = random;
  }

  /** Asks for some splits, one after the other, of whoever serves then. */
  async run(
    serving: () => readonly Splitting[],
    pace: {
      readonly rounds: number;
      readonly pauseMillis: number;
      readonly patienceMillis: number;
    },
  ): Promise<void> {
    for (let round = 0; round < pace.rounds; round++) {
      await this.#clock.sleep(this.#random.fraction() * pace.pauseMillis);
      const asked = this.#ask(serving());
      // One that fails, or dies with the process, leaves everything as it was, or is: the checks will tell.
      asked.catch(() => undefined);
      const patience = this.#clock.sleep(pace.patienceMillis);
      await Promise.race([asked.catch(() => undefined), patience]);
    }
  }

  /** Most often at the container that everything here lies in. */
  async #ask(serving: readonly Splitting[]): Promise<void> {
    const [any] = serving;
    if (any === undefined) return;
    const shards = inOrder(any.cell.coordinator.current().shards);
    if (shards.length >= shardsMax) return;
    const { containerId } = await any.core.headContainer(context, address);
    const low = this.#random.below(0x10000).toString(16).padStart(4, '0');
    const at = this.#random.chance(0.7) ? containerId : low.padEnd(32, '0');
    const owner = shards.findLast(({ start }) => start <= at);
    if (owner === undefined) return;
    const cut = owner.start === at ? `${at.slice(0, 31)}f` : at;
    if (cut === owner.start) return;
    const primary = serving.find(({ cell }) => cell.group.find(owner.id)?.primary !== undefined);
    await primary?.cell.workers.split({ shard: owner.id, at: cut });
  }
}

/** Shards that are split and merged again and again while clients are at work. */
import type { Cell } from '../../../server/cell/cell.ts';
import { inOrder } from '../../../storage/shard/ranges/extent.ts';
import { address, context, type Reachable, Violation } from '../clients.ts';
import { Dividing, type Serving } from './pieces.ts';
import type { ShardId } from '../../../base/units.ts';
import type { SimClock } from '../clock.ts';
import type { SeededRandom } from '../random.ts';

/** Nothing of a split or a merge is left to do. */
export function isSettled({ coordinator }: Cell): boolean {
  return coordinator
    .current()
    .shards.every(
      ({ takesFrom, untrimmed, joins }) =>
        takesFrom === undefined && untrimmed !== true && joins === undefined,
    );
}

/** The account's sums, added up over all shards, are those of its one container. */
export async function checkSums({ core }: Reachable): Promise<void> {
  const [{ usage: sums }, { usage }] = await Promise.all([
    core.headAccount(context, address.account),
    core.headContainer(context, address),
  ]);
  if (sums.objects === usage.objects && sums.bytes === usage.versionBytes) return;
  const [all, own] = [sums, usage].map((one) => JSON.stringify(one));
  throw new Violation(`the account's sums are ${all}, its container's ${own}`);
}

/** Enough, so that a run comes to an end. */
const shardsMax = 24;

export class Reshaping {
  readonly #clock: SimClock;
  readonly #random: SeededRandom;
  readonly #dividing: Dividing;

  constructor(clock: SimClock, random: SeededRandom) {
    this.#clock = clock;
    this.#random = random;
    this.#dividing = new Dividing(random);
  }

  /** Asks for some splits and merges, one after the other, of whoever serves then. */
  async run(
    serving: () => readonly Serving[],
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

  /** Most often about the container that everything here lies in. */
  async #ask(serving: readonly Serving[]): Promise<void> {
    const [any] = serving;
    if (any === undefined) return;
    const asked = this.#dividing.next(serving);
    if (asked !== undefined) return asked;
    const shards = inOrder(any.cell.coordinator.current().shards);
    const { containerId } = await any.core.headContainer(context, address);
    const low = this.#random.below(0x10000).toString(16).padStart(4, '0');
    const at = this.#random.chance(0.7) ? containerId : low.padEnd(32, '0');
    const place = shards.findLastIndex(({ start }) => start <= at);
    const owner = shards[place];
    if (owner === undefined) return;
    const servedBy = (id: ShardId): Serving | undefined =>
      serving.find(({ cell }) => cell.group.find(id)?.primary !== undefined);
    if (shards.length >= shardsMax || (shards.length > 1 && this.#random.chance(0.5))) {
      // It, or what lies behind it.
      const { id } = (this.#random.chance(0.5) ? shards[place + 1] : undefined) ?? owner;
      await servedBy(id)?.cell.workers.merge({ shard: id });
      return;
    }
    const cut = owner.start === at ? `${at.slice(0, 31)}f` : at;
    if (cut === owner.start) return;
    await servedBy(owner.id)?.cell.workers.split({ shard: owner.id, at: cut });
  }
}

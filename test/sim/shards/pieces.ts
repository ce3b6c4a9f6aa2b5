/** Containers that are divided again and again, and changed meanwhile, while clients are at work (decision 0036). */
import type { Cell } from '../../../server/cell/cell.ts';
import type { ContainerRow } from '../../../server/core/model.ts';
import { encodeKey, readRow } from '../../../server/proxy/row-codec.ts';
import { ownerIn } from '../../../storage/shard/ranges/extent.ts';
import { address, context, type Reachable, Violation } from '../clients.ts';
import type { SeededRandom } from '../random.ts';

export interface Serving extends Reachable {
  readonly cell: Cell;
}

/** Enough for the few names of a run. */
const piecesMax = 6;

export class Dividing {
  readonly #random: SeededRandom;
  #asked = 0;
  #changes = 0;

  constructor(random: SeededRandom) {
    this.#random = random;
  }

  /** Undefined: not this time. */
  next(serving: readonly Serving[]): Promise<void> | undefined {
    const roll = this.#random.fraction();
    if (roll < 0.3 && this.#asked < piecesMax) return this.#divide(serving);
    return roll < 0.45 ? this.#change(serving) : undefined;
  }

  /** One of the container's pieces. */
  async #divide(serving: readonly Serving[]): Promise<void> {
    const [any] = serving;
    if (any === undefined) return;
    const { containerId } = await any.core.headContainer(context, address);
    let divide = containerId;
    for (let steps = this.#random.below(this.#asked + 1); steps > 0; steps--) {
      divide = (await rowOf(any.cell, divide))?.piece?.next ?? divide;
    }
    const shard = ownerIn(any.cell.coordinator.current().shards, divide)?.id;
    if (shard === undefined) return;
    const server = serving.find(({ cell }) => cell.group.find(shard)?.primary !== undefined);
    this.#asked++;
    await server?.cell.workers.split({ shard, divide });
  }

  async #change(serving: readonly Serving[]): Promise<void> {
    if (serving.length === 0) return;
    const { core } = this.#random.pick(serving);
    const settings = { 'meta:changes': String(++this.#changes) };
    await core.updateContainer(context, address, { settings });
  }
}

async function rowOf({ group }: Cell, containerId: string): Promise<ContainerRow | undefined> {
  const row = await group.route(containerId).get(encodeKey('container', { containerId }));
  return row && readRow<'container'>(row);
}

/** Each piece begins where the one before it ends, and has the container's row as it is. */
export async function checkPieces({ core, cell }: Serving): Promise<void> {
  // Whatever change was cut short comes to its end before this one.
  await core.updateContainer(context, address, { settings: { 'meta:changes': 'last' } });
  const { containerId } = await core.headContainer(context, address);
  let next: string | undefined = containerId;
  let from = '';
  while (next !== undefined) {
    const row: ContainerRow | undefined = await rowOf(cell, next);
    const piece = row?.piece;
    if (row?.settings['meta:changes'] !== 'last') {
      throw new Violation(`piece ${next} missed a change: ${JSON.stringify(row)}`);
    }
    if (piece === undefined) return;
    if (piece.of !== containerId || piece.from !== from || piece.fence !== undefined) {
      throw new Violation(`piece ${next} does not begin at ${from}: ${JSON.stringify(piece)}`);
    }
    from = piece.to ?? '';
    next = piece.next;
  }
  if (from !== '') throw new Violation(`no piece begins at ${from}`);
}

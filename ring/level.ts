import { invariant } from '../base/invariant.ts';
import type { Layout } from './layout.ts';
import { tieHash } from './tie-hash.ts';

/** Moves fragments from devices above their quota to devices below it, until none is above. */
export function level(layout: Layout, quotas: Int32Array): void {
  const leveller = new Leveller(layout, quotas);
  leveller.moveDirectly();
  leveller.moveAlongChains();
}

/**
 * One exchange of a chain: `from` gives its fragment of `partition` to the device it was found for.
 */
interface Step {
  readonly from: number;
  readonly partition: number;
}

/** Knows, beside the layout, in which partitions each device has fragments. */
class Leveller {
  readonly #layout: Layout;
  readonly #quotas: Int32Array;
  readonly #places: readonly number[];
  /** By place: partitions where it has a fragment, and some where it had one before a move. */
  readonly #held: readonly number[][];

  constructor(layout: Layout, quotas: Int32Array) {
    this.#layout = layout;
    this.#quotas = quotas;
    this.#places = layout.topology.devices.map((_, place) => place);
    this.#held = this.#places.map(() => []);
    if (this.#places.every((place) => this.#surplus(place) === 0)) return;
    // In the order in which they are to be given away: those that move anyway before the others.
    this.#hold(true);
    this.#hold(false);
  }

  #hold(fresh: boolean): void {
    const held = this.#places.map((): number[] => []);
    for (const [index, row] of this.#layout.rows.entries()) {
      for (const [p, place] of row.entries()) {
        if (this.#layout.isFresh(index, p) === fresh) held[place]?.push(p);
      }
    }
    for (const [place, partitions] of held.entries()) {
      // By hash, so that what goes from one device to another comes from all over the ring.
      if (this.#surplus(place) > 0) {
        partitions.sort((a, b) => tieHash(a, place, 3) - tieHash(b, place, 3));
      }
      for (const p of partitions) this.#held[place]?.push(p);
    }
  }

  /** Fragments above (or, negative, below) its quota. */
  #surplus(place: number): number {
    const leaf = this.#layout.leaf(place);
    return (this.#layout.totals[leaf] ?? 0) - (this.#quotas[leaf] ?? 0);
  }

  /**
   * The bulk of the work: single moves from a device above to the one furthest below that may take
   * it.
   */
  moveDirectly(): void {
    for (const from of this.#places) {
      if (this.#surplus(from) <= 0) continue;
      let takers = this.#places.filter((place) => this.#surplus(place) < 0);
      for (const p of this.#held[from] ?? []) {
        if (this.#surplus(from) <= 0 || takers.length === 0) break;
        const to = this.#bestTaker(p, from, takers);
        if (to === undefined) continue;
        this.#move(p, from, to);
        if (this.#surplus(to) >= 0) takers = takers.filter((place) => place !== to);
      }
    }
  }

  #bestTaker(partition: number, from: number, takers: readonly number[]): number | undefined {
    let best: number | undefined;
    let lowest = 0;
    for (const to of takers) {
      const surplus = this.#surplus(to);
      if (surplus > lowest || !this.#mayMove(partition, from, to)) continue;
      const tied = surplus === lowest && best !== undefined;
      if (tied && tieHash(partition, to) < tieHash(partition, best ?? 0)) continue;
      best = to;
      lowest = surplus;
    }
    return best;
  }

  #mayMove(partition: number, from: number, to: number): boolean {
    this.#layout.load(partition);
    if (this.#layout.counts[this.#layout.leaf(from)] !== 1) return false;
    return this.#layout.mayMove(from, to);
  }

  #move(partition: number, from: number, to: number): void {
    this.#layout.load(partition);
    const index = this.#layout.indexOf(from);
    this.#layout.vacate(index);
    this.#layout.place(index, to);
    this.#held[to]?.push(partition);
  }

  /**
   * The rest, one fragment at a time: a gives to b in one partition, b to c in another, and so on.
   */
  moveAlongChains(): void {
    for (const from of this.#places) {
      while (this.#surplus(from) > 0) {
        const moved = this.#moveAlongChain(from);
        invariant(moved, 'while a device is above its quota, a chain leads to one below');
      }
    }
  }

  /** A shortest chain, found breadth first; false when there is none. */
  #moveAlongChain(start: number): boolean {
    const steps = new Map<number, Step>();
    const queue = [start];
    let unseen = this.#places.filter((place) => place !== start);
    for (const from of queue) {
      for (const partition of this.#held[from] ?? []) {
        if (unseen.length === 0) break;
        const found = unseen.filter((to) => this.#mayMove(partition, from, to));
        if (found.length === 0) continue;
        for (const to of found) {
          steps.set(to, { from, partition });
          queue.push(to);
        }
        const end = found.find((to) => this.#surplus(to) < 0);
        if (end !== undefined) return this.#walkBack(steps, start, end);
        unseen = unseen.filter((place) => !steps.has(place));
      }
    }
    return false;
  }

  /**
   * Makes the moves of a chain from its end. A shortest chain has no shortcut, so each stays
   * allowed.
   */
  #walkBack(steps: ReadonlyMap<number, Step>, start: number, end: number): boolean {
    let to = end;
    while (to !== start) {
      const step = steps.get(to);
      invariant(step !== undefined, 'a chain leads back to its start');
      if (!this.#mayMove(step.partition, step.from, to)) return false;
      this.#move(step.partition, step.from, to);
      to = step.from;
    }
    return true;
  }
}

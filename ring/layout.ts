import { invariant } from '../base/invariant.ts';
import type { Targets } from './targets.ts';
import { levels, type Topology } from './topology.ts';

/** Stands in a row where a fragment has no device yet. */
export const vacant = 0xffff;

/**
 * An assignment while it is being built. One partition at a time is loaded, because its counts by
 * tier are needed often and would not fit in memory for all partitions of a large ring.
 *
 * Invariants: `totals` and `owed` agree with the rows after every call, and a device holds at most
 * one fragment of a partition.
 */
export class Layout {
  readonly topology: Topology;
  readonly targets: Targets;
  /** Row i, column p: the place in `topology.devices` of the home of fragment i, or `vacant`. */
  readonly rows: readonly Uint16Array[];
  /** By tier: fragments of the loaded partition. */
  readonly counts: Int32Array;
  /** By tier: fragments of all partitions. */
  readonly totals: Int32Array;
  /** By tier: fragments that partitions below the tier's least must still get there. */
  readonly owed: Int32Array;
  /** The rows as they were handed over. */
  readonly #origin: readonly Uint16Array[];
  /** The partition that is loaded; -1 before the first. */
  loaded = -1;

  /** Owns `rows` from now on. */
  constructor(topology: Topology, targets: Targets, rows: readonly Uint16Array[]) {
    const size = topology.tiers.length;
    this.topology = topology;
    this.targets = targets;
    this.rows = rows;
    this.#origin = rows.map((row) => row.slice());
    this.counts = new Int32Array(size);
    this.totals = new Int32Array(size);
    this.owed = new Int32Array(size);
    for (let p = 0; p < this.partitions; p++) {
      this.load(p);
      for (let tier = 0; tier < size; tier++) {
        const count = this.counts[tier] ?? 0;
        this.totals[tier] = (this.totals[tier] ?? 0) + count;
        const missing = Math.max(0, (targets.least[tier] ?? 0) - count);
        this.owed[tier] = (this.owed[tier] ?? 0) + missing;
      }
    }
  }

  get partitions(): number {
    return this.rows[0]?.length ?? 0;
  }

  /** The tier that is the device at this place. */
  leaf(place: number): number {
    return this.topology.paths[place * levels + levels - 1] ?? 0;
  }

  load(partition: number): void {
    if (this.loaded === partition) return;
    if (this.loaded >= 0) this.#countAll(-1);
    this.loaded = partition;
    this.#countAll(1);
  }

  #countAll(step: 1 | -1): void {
    for (const row of this.rows) {
      const place = row[this.loaded] ?? vacant;
      if (place === vacant) continue;
      this.counts[0] = (this.counts[0] ?? 0) + step;
      for (let level = 0; level < levels; level++) {
        const tier = this.topology.paths[place * levels + level] ?? 0;
        this.counts[tier] = (this.counts[tier] ?? 0) + step;
      }
    }
  }

  /** Gives fragment `index` of the loaded partition, which is vacant, to a device. */
  place(index: number, place: number): void {
    const row = this.rows[index];
    invariant(row?.[this.loaded] === vacant, 'only a vacant fragment is placed');
    invariant(this.counts[this.leaf(place)] === 0, 'a device holds one fragment of a partition');
    row[this.loaded] = place;
    this.#adjust(place, 1);
  }

  /** Takes fragment `index` of the loaded partition from its device. */
  vacate(index: number): void {
    const row = this.rows[index];
    const place = row?.[this.loaded] ?? vacant;
    invariant(row !== undefined && place !== vacant, 'only a placed fragment is vacated');
    row[this.loaded] = vacant;
    this.#adjust(place, -1);
  }

  #adjust(place: number, step: 1 | -1): void {
    this.#adjustTier(0, step);
    for (let level = 0; level < levels; level++) {
      this.#adjustTier(this.topology.paths[place * levels + level] ?? 0, step);
    }
  }

  #adjustTier(tier: number, step: 1 | -1): void {
    const before = this.counts[tier] ?? 0;
    const after = before + step;
    const least = this.targets.least[tier] ?? 0;
    const debt = Math.max(0, least - after) - Math.max(0, least - before);
    this.counts[tier] = after;
    this.totals[tier] = (this.totals[tier] ?? 0) + step;
    this.owed[tier] = (this.owed[tier] ?? 0) + debt;
  }

  /** Which fragment of the loaded partition a device holds; -1 when none. */
  indexOf(place: number): number {
    return this.rows.findIndex((row) => row[this.loaded] === place);
  }

  /** Whether the fragment is not where it was at first: to move it again costs nothing. */
  isFresh(index: number, partition: number): boolean {
    return this.rows[index]?.[partition] !== this.#origin[index]?.[partition];
  }

  /**
   * Whether the loaded partition stays within every tier's least and most when the fragment on
   * `from` moves to `to`, which holds none of it.
   */
  mayMove(from: number, to: number): boolean {
    const { paths } = this.topology;
    const { least, most } = this.targets;
    for (let level = levels - 1; level >= 0; level--) {
      const source = paths[from * levels + level] ?? 0;
      const target = paths[to * levels + level] ?? 0;
      // Above the tier that both share nothing changes.
      if (source === target) return true;
      if ((this.counts[source] ?? 0) <= (least[source] ?? 0)) return false;
      if ((this.counts[target] ?? 0) >= (most[target] ?? 0)) return false;
    }
    return true;
  }
}

/** Which shard has grown too large, or has too much to do, and between which ids it is best split. */
import type { Clock } from '../../../base/clock.ts';
import type { ShardId } from '../../../base/units.ts';
import type { Coordinator } from '../coordinator.ts';
import type { ShardGroup } from '../group.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import type { LocalReplica } from '../replica/replica.ts';
import { containerIdBytes } from '../row-key.ts';
import { type Index, indexKey } from '../row.ts';
import { type Extent, idOfKey } from './extent.ts';
import { rowsOfIds } from './key-ranges.ts';

export interface GrowthSettings {
  /** Rows of a shard, without inline bodies. */
  readonly bytesMax: number;
  /** Commands a second, for two looks in a row. */
  readonly commandsMax: number;
  readonly lookMillis: number;
  /** Beyond so many shards a device none is split by itself. */
  readonly shardsPerDeviceMax: number;
}

/**
 * 512 MiB are some million objects: copied in minutes. One primary takes some 7,000 commands a second
 * where it has a core for itself; at half of that it is time.
 */
export const defaultGrowthSettings: GrowthSettings = {
  bytesMax: 512 * 1024 * 1024,
  commandsMax: 3500,
  lookMillis: 30_000,
  shardsPerDeviceMax: 64,
};

/** Bytes that a range of an index takes up, more or less; undefined: it cannot tell. */
export type SizeOf = (
  index: Index,
  range: { readonly gte: Uint8Array; readonly lt: Uint8Array },
) => Promise<number | undefined>;

export interface GrowthOptions {
  readonly group: Pick<ShardGroup, 'served'>;
  readonly coordinator: Pick<Coordinator, 'current'>;
  readonly clock: Clock;
  readonly sizeOf: SizeOf;
  readonly settings?: Partial<GrowthSettings>;
}

interface Look {
  readonly at: number;
  readonly commands: number;
  /** It had too much to do. */
  readonly isBusy: boolean;
}

export class Growth {
  readonly #options: GrowthOptions;
  readonly #settings: GrowthSettings;
  readonly #looks = new Map<ShardId, Look>();
  #nextAt: number;

  constructor(options: GrowthOptions) {
    this.#options = options;
    this.#settings = { ...defaultGrowthSettings, ...options.settings };
    this.#nextAt = options.clock.monotonic() + this.#settings.lookMillis;
  }

  /** The first shard that is to be split; looks at most every `lookMillis`. */
  async next(): Promise<{ readonly shard: ShardId; readonly at: string } | undefined> {
    const { clock, coordinator, group } = this.#options;
    if (clock.monotonic() < this.#nextAt) return undefined;
    this.#nextAt = clock.monotonic() + this.#settings.lookMillis;
    const { shards, devices } = coordinator.current();
    const isFull = shards.length >= devices.length * this.#settings.shardsPerDeviceMax;
    for (const { id, primary } of group.served()) {
      if (primary === undefined) this.#looks.delete(id);
      else {
        const at = this.#busy(primary) ?? (await this.#large(primary));
        if (at !== undefined && !isFull) return { shard: id, at };
      }
    }
    return undefined;
  }

  #busy({ state: { id }, range }: ShardPrimary): string | undefined {
    const { commands } = range;
    const at = this.#options.clock.monotonic();
    const before = this.#looks.get(id) ?? { at, commands, isBusy: false };
    const millis = Math.max(1, at - before.at);
    const isBusy = ((commands - before.commands) * 1000) / millis > this.#settings.commandsMax;
    this.#looks.set(id, { at, commands, isBusy });
    return isBusy && before.isBusy ? middleOf(range.recentIds, range.extent) : undefined;
  }

  /** Where a shard is best split if it must be. */
  async middleOf(primary: ShardPrimary): Promise<string | undefined> {
    const { recentIds, extent } = primary.range;
    return (await this.#large(primary, 0)) ?? middleOf(recentIds, extent);
  }

  async #large(
    { local, range }: ShardPrimary,
    bytesMax: number = this.#settings.bytesMax,
  ): Promise<string | undefined> {
    const { extent } = range;
    const { prefix } = local.rows;
    const size = (ids: Extent): Promise<number | undefined> =>
      sizeOfIds(this.#options.sizeOf, local, ids);
    const all = (await size(extent)) ?? 0;
    if (all <= bytesMax) return undefined;
    const half = await halfOf(extent, async (id) => {
      return ((await size({ start: extent.start, end: id })) ?? 0) < all / 2;
    });
    const ids = { start: half, end: extent.end };
    return half === '' ? undefined : firstId(local.index, prefix, ids);
  }
}

/** Bytes that the rows of these ids take up at a replica. */
export function sizeOfIds(
  sizeOf: SizeOf,
  { index, rows: { prefix } }: Pick<LocalReplica, 'index' | 'rows'>,
  ids: Extent,
): Promise<number | undefined> {
  const { gte, lt } = rowsOfIds(ids);
  return sizeOf(index, { gte: indexKey(prefix, gte), lt: indexKey(prefix, lt) });
}

/** Of the ids of the last commands the one from which on about half of them are; undefined: they are all about one. */
export function middleOf(ids: readonly string[], { start }: Extent): string | undefined {
  const sorted = ids.toSorted();
  const [first = ''] = sorted;
  const middle = sorted[sorted.length >> 1] ?? '';
  const least = middle > first ? middle : sorted.find((id) => id > first);
  return least !== undefined && least > start ? least : undefined;
}

/** Bits of an id that are looked at: enough to tell 65,536 containers apart. */
const bits = 24;

/** About the least id before which half is, or more; empty: there is none. */
async function halfOf(
  { start, end }: Extent,
  isBelow: (id: string) => Promise<boolean>,
): Promise<string> {
  const unit = 1n << BigInt(8 * containerIdBytes - bits);
  let low = BigInt(`0x${start}`) / unit;
  let high = end === undefined ? 1n << BigInt(bits) : BigInt(`0x${end}`) / unit;
  const idAt = (number: bigint): string => (number * unit).toString(16).padStart(32, '0');
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (await isBelow(idAt(middle))) low = middle;
    else high = middle;
  }
  return high < 1n << BigInt(bits) && (end === undefined || idAt(high) < end) ? idAt(high) : '';
}

/** The first id of a row in a range. */
async function firstId(index: Index, prefix: Uint8Array, ids: Extent): Promise<string | undefined> {
  const { gte, lt } = rowsOfIds(ids);
  const range = { gte: indexKey(prefix, gte), lt: indexKey(prefix, lt), limit: 1 };
  const [found] = await index.keys(range).all();
  return found === undefined ? undefined : idOfKey(found.subarray(prefix.length));
}

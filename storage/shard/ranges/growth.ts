/** Which shard has grown too large, or has too much to do, and between which ids it is best split. */
import type { Clock } from '../../../base/clock.ts';
import type { ShardId } from '../../../base/units.ts';
import type { Coordinator } from '../coordinator.ts';
import type { ShardGroup } from '../group.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import type { LocalReplica } from '../replica/replica.ts';
import { containerIdBytes } from '../row-key.ts';
import { type Index, indexKey } from '../row.ts';
import type { Divider } from './division.ts';
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
  readonly divider?: Pick<Divider, 'isWorthwhile'>;
  readonly settings?: Partial<GrowthSettings>;
}

/** Between two ids, or by dividing what lies under one. */
export type Cut = { readonly at: string } | { readonly divide: string };

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
  async next(): Promise<({ readonly shard: ShardId } & Cut) | undefined> {
    const { clock, coordinator, group } = this.#options;
    if (clock.monotonic() < this.#nextAt) return undefined;
    this.#nextAt = clock.monotonic() + this.#settings.lookMillis;
    const { shards, devices } = coordinator.current();
    const isFull = shards.length >= devices.length * this.#settings.shardsPerDeviceMax;
    for (const { id, primary } of group.served()) {
      if (primary === undefined) this.#looks.delete(id);
      else {
        const cut = this.#busy(primary) ?? (await this.#large(primary));
        if (cut !== undefined && !isFull) return { shard: id, ...cut };
      }
    }
    return undefined;
  }

  #busy(primary: ShardPrimary): Cut | undefined {
    const { state, range } = primary;
    const { id } = state;
    const { commands } = range;
    const at = this.#options.clock.monotonic();
    const before = this.#looks.get(id) ?? { at, commands, isBusy: false };
    const millis = Math.max(1, at - before.at);
    const isBusy = ((commands - before.commands) * 1000) / millis > this.#settings.commandsMax;
    this.#looks.set(id, { at, commands, isBusy });
    return isBusy && before.isBusy ? this.#cutOfRecent(primary) : undefined;
  }

  #cutOfRecent(primary: ShardPrimary): Cut | undefined {
    const { recentIds, extent } = primary.range;
    const most = mostOf(recentIds);
    if (most !== undefined && this.#isDivisible(primary, most)) return { divide: most };
    const at = middleOf(recentIds, extent);
    return at === undefined ? undefined : { at };
  }

  #isDivisible(primary: ShardPrimary, id: string): boolean {
    return this.#options.divider?.isWorthwhile(primary, id) === true;
  }

  /** How a shard is best split if it must be. */
  async cutOf(primary: ShardPrimary): Promise<Cut | undefined> {
    return (await this.#large(primary, 0)) ?? this.#cutOfRecent(primary);
  }

  async #large(
    primary: ShardPrimary,
    bytesMax: number = this.#settings.bytesMax,
  ): Promise<Cut | undefined> {
    const { local, range } = primary;
    const { extent } = range;
    const size = async (ids: Extent): Promise<number> =>
      (await sizeOfIds(this.#options.sizeOf, local, ids)) ?? 0;
    const all = await size(extent);
    if (all <= bytesMax) return undefined;
    const [below, half] = await halfOf(extent, async (id) => {
      return (await size({ start: extent.start, end: id })) < all / 2;
    });
    const first = (ids: Extent): Promise<string | undefined> =>
      firstId(local.index, local.rows.prefix, ids);
    // What lies in the middle may be most of it.
    const middle = await first({ start: below, end: half === '' ? extent.end : half });
    if (middle !== undefined && this.#isDivisible(primary, middle)) {
      const own = await size({ start: middle, end: idAfter(middle) });
      if (own > mostParts * all) return { divide: middle };
    }
    const at = half === '' ? undefined : await first({ start: half, end: extent.end });
    return at === undefined ? undefined : { at };
  }
}

/** An id with more than this of a shard is divided. */
const mostParts = 0.6;

/** Of the ids of the last commands the one that most of them are about; undefined: there is none. */
export function mostOf(ids: readonly string[]): string | undefined {
  const middle = ids.toSorted()[ids.length >> 1];
  const count = ids.filter((id) => id === middle).length;
  return count > mostParts * ids.length ? middle : undefined;
}

function idAfter(id: string): string | undefined {
  const next = (BigInt(`0x${id}`) + 1n).toString(16).padStart(2 * containerIdBytes, '0');
  return next.length > 2 * containerIdBytes ? undefined : next;
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

/** About the greatest id before which less than half is, and the least before which half is, or more; empty: there is none. */
async function halfOf(
  { start, end }: Extent,
  isBelow: (id: string) => Promise<boolean>,
): Promise<readonly [string, string]> {
  const unit = 1n << BigInt(8 * containerIdBytes - bits);
  let low = BigInt(`0x${start}`) / unit;
  let high = end === undefined ? 1n << BigInt(bits) : BigInt(`0x${end}`) / unit;
  const idAt = (number: bigint): string => (number * unit).toString(16).padStart(32, '0');
  while (high - low > 1n) {
    const middle = (low + high) / 2n;
    if (await isBelow(idAt(middle))) low = middle;
    else high = middle;
  }
  const below = idAt(low) > start ? idAt(low) : start;
  const isWithin = high < 1n << BigInt(bits) && (end === undefined || idAt(high) < end);
  return [below, isWithin ? idAt(high) : ''];
}

/** The first id of a row in a range. */
async function firstId(index: Index, prefix: Uint8Array, ids: Extent): Promise<string | undefined> {
  const { gte, lt } = rowsOfIds(ids);
  const range = { gte: indexKey(prefix, gte), lt: indexKey(prefix, lt), limit: 1 };
  const [found] = await index.keys(range).all();
  return found === undefined ? undefined : idOfKey(found.subarray(prefix.length));
}

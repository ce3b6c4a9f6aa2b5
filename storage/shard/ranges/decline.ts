/** Which two neighbours have so little in them, and so little to do, that one shard will do. */
import type { ShardId } from '../../../base/units.ts';
import type { ShardPrimary } from '../primary/primary.ts';
import { inOrder } from './extent.ts';
import { defaultGrowthSettings, type GrowthOptions, sizeOfIds } from './growth.ts';
import type { MergeRequest } from './merger.ts';

export interface DeclineSettings {
  /** Rows of both together, without inline bodies. */
  readonly bytesMax: number;
  /** Commands a second of both together. */
  readonly commandsMax: number;
  /** Of both, what one alone may have that goes over to another machine. */
  readonly tinyShare: number;
  readonly lookMillis: number;
  /** Looks in a row that must find them so. */
  readonly looks: number;
  /** With so many shards a device, or fewer, none is merged by itself: as many as there are at first. */
  readonly shardsPerDeviceMin: number;
}

/** A quarter of what a shard is split at, for ten minutes: what was merged is far from being split again, and what was split from being merged. */
export const defaultDeclineSettings: DeclineSettings = {
  bytesMax: defaultGrowthSettings.bytesMax / 4,
  commandsMax: defaultGrowthSettings.commandsMax / 4,
  tinyShare: 1 / 16,
  lookMillis: 30_000,
  looks: 20,
  shardsPerDeviceMin: 2,
};

/** It looks at shards as Growth does. */
export interface DeclineOptions extends Omit<GrowthOptions, 'settings'> {
  readonly settings?: Partial<DeclineSettings>;
}

interface Look {
  readonly at: number;
  readonly commands: number;
  readonly perSecond: number;
}

export class Decline {
  readonly #options: DeclineOptions;
  readonly #settings: DeclineSettings;
  readonly #looks = new Map<ShardId, Look>();
  /** How many looks in a row found the shard and the one behind it small. */
  #small = new Map<string, number>();
  #nextAt: number;

  constructor(options: DeclineOptions) {
    this.#options = options;
    this.#settings = { ...defaultDeclineSettings, ...options.settings };
    this.#nextAt = options.clock.monotonic() + this.#settings.lookMillis;
  }

  /** The first that is to be merged, of those whose primary is here; looks at most every `lookMillis`. */
  async next(): Promise<MergeRequest | undefined> {
    const { clock, coordinator } = this.#options;
    const now = clock.monotonic();
    if (now < this.#nextAt) return undefined;
    this.#nextAt = now + this.#settings.lookMillis;
    const { shards, devices } = coordinator.current();
    const primaries = this.#look(now);
    const isFew = shards.length <= devices.length * this.#settings.shardsPerDeviceMin;
    const small = new Map<string, number>();
    let found: MergeRequest | undefined;
    const order = inOrder(shards);
    for (const [place, { id: shard }] of order.entries()) {
      const into = order[place - 1]?.id;
      const primary = primaries.get(shard);
      if (into === undefined || primary === undefined) continue;
      const other = primaries.get(into);
      const areSmall = other === undefined ? this.#isTiny(primary) : this.#areSmall(primary, other);
      if (!(await areSmall)) continue;
      const pair = `${into} ${shard}`;
      const looks = (this.#small.get(pair) ?? 0) + 1;
      small.set(pair, looks);
      if (looks >= this.#settings.looks && !isFew) found ??= { shard };
    }
    this.#small = small;
    return found;
  }

  #look(at: number): ReadonlyMap<ShardId, ShardPrimary> {
    const primaries = new Map<ShardId, ShardPrimary>();
    for (const { id, primary } of this.#options.group.served()) {
      if (primary === undefined) this.#looks.delete(id);
      else {
        primaries.set(id, primary);
        const { commands } = primary.range;
        const before = this.#looks.get(id) ?? { at: at - 1, commands: 0 };
        const millis = Math.max(1, at - before.at);
        const perSecond = ((commands - before.commands) * 1000) / millis;
        this.#looks.set(id, { at, commands, perSecond });
      }
    }
    return primaries;
  }

  #areSmall(a: ShardPrimary, b: ShardPrimary): Promise<boolean> {
    const { bytesMax, commandsMax } = this.#settings;
    return this.#haveAtMost([a, b], { bytesMax, commandsMax });
  }

  /** So small that it does not matter what the one before it has, which another machine serves: that one is asked nothing. */
  #isTiny(primary: ShardPrimary): Promise<boolean> {
    const { bytesMax, commandsMax, tinyShare } = this.#settings;
    const bounds = { bytesMax: bytesMax * tinyShare, commandsMax: commandsMax * tinyShare };
    return this.#haveAtMost([primary], bounds);
  }

  async #haveAtMost(
    primaries: readonly ShardPrimary[],
    { bytesMax, commandsMax }: Pick<DeclineSettings, 'bytesMax' | 'commandsMax'>,
  ): Promise<boolean> {
    const perSecond = primaries.reduce(
      (sum, { state }) => sum + (this.#looks.get(state.id)?.perSecond ?? 0),
      0,
    );
    if (perSecond > commandsMax) return false;
    let bytes = 0;
    for (const { local, range } of primaries) {
      const size = await sizeOfIds(this.#options.sizeOf, local, range.extent);
      if (size === undefined) return false;
      bytes += size;
    }
    return bytes <= bytesMax;
  }
}

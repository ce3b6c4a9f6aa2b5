import { StoreError } from '../../base/errors.ts';
import type { DeviceId } from '../../base/units.ts';
import { partition } from '../../base/units.ts';
import { homes } from '../../ring/homes.ts';
import { partitionOf } from '../../ring/hash.ts';
import type { Scheme } from '../../ring/policy.ts';
import type { Ring } from '../../ring/ring.ts';
import type { Codec } from '../../storage/erasure/codec.ts';
import type { PolicyState } from '../../storage/shard/coordinator.ts';
import type { FragmentHeader, FragmentId, FragmentStore } from '../../storage/fragment/fragment.ts';
import type { StoredBody } from '../core/model.ts';
import type { BodyTarget } from '../core/ports.ts';

/** A storage policy ready for use: its scheme, rings and codec. */
export interface Policy {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly isDeprecated: boolean;
  readonly scheme: Scheme;
  /** Where bodies are written. */
  readonly ring: Ring;
  /** Newest first: where fragments may lie that have not moved yet. */
  readonly former: readonly Ring[];
  /** The ring that is to be reached, in steps. */
  readonly goal: Ring | undefined;
  /** Bodies of older rings than this version are not taken any more: nothing would look for them. */
  readonly oldestRing: number;
  readonly codec: Codec;
  /** What the map says of it. */
  readonly line: PolicyState;
}

/** What a fragment's header says of its scheme besides k and m. */
export function codeOf({ kind }: Scheme): Pick<FragmentHeader, 'code'> {
  return kind === 'lrc' ? { code: 'lrc' } : {};
}

/** A device that may hold a fragment; `store` is undefined while it is away. */
export interface Place {
  readonly device: DeviceId;
  readonly store: FragmentStore | undefined;
}

/** The device that is home to one fragment index. */
export interface Home extends Place {
  readonly index: number;
  /** Where the fragment may lie besides: homes of before that it has not left yet, the likeliest first. */
  readonly others: readonly Place[];
}

/** Devices that are asked at once for what cannot be found where it belongs. */
const searchedAtOnce = 16;

/** Where fragments go: policies by name, and the devices that are there now. */
export class Placement {
  readonly #policies: ReadonlyMap<string, Policy>;
  readonly #stores: (device: DeviceId) => FragmentStore | undefined;
  readonly #devices: () => readonly DeviceId[];

  constructor(
    policies: ReadonlyMap<string, Policy>,
    cluster: {
      /** The device's fragments, if it serves at this moment. */
      readonly stores: (device: DeviceId) => FragmentStore | undefined;
      /** Every device that the map knows. */
      readonly devices: () => readonly DeviceId[];
    },
  ) {
    this.#policies = policies;
    this.#stores = cluster.stores;
    this.#devices = cluster.devices;
  }

  policy(name: string): Policy {
    const policy = this.#policies.get(name);
    if (policy === undefined) {
      throw new StoreError('unavailable', 'placement.policy', `no ring for policy ${name}`);
    }
    return policy;
  }

  all(): readonly Policy[] {
    return [...this.#policies.values()];
  }

  partitionFor(policy: Policy, target: BodyTarget, objectId: string): number {
    return partitionOf(policy.ring, {
      account: target.account,
      container: target.container,
      key: target.key,
      objectId,
    });
  }

  #place(device: DeviceId): Place {
    return { device, store: this.#stores(device) };
  }

  /** Every device that the map knows. */
  places(): readonly Place[] {
    return this.#devices().map((device) => this.#place(device));
  }

  /** One home for each fragment index, in order. */
  homes({ ring, former }: Policy, partitionNumber: number): readonly Home[] {
    const number = partition(partitionNumber);
    const before = former.map((old) => homes(old, number));
    return homes(ring, number).map((device, index) => {
      const others = new Set(before.flatMap((old) => old[index] ?? []));
      others.delete(device);
      return { index, ...this.#place(device), others: [...others].map((one) => this.#place(one)) };
    });
  }

  /** The homes of a stored body, as they are at this moment. */
  homesOf(stored: StoredBody): readonly Home[] {
    return this.homes(this.policy(stored.policy), stored.partition);
  }

  /** Every device that may hold fragments of a stored body. */
  placesOf(stored: StoredBody): readonly Place[] {
    const places = this.homesOf(stored).flatMap((home) => [home, ...home.others]);
    return [...new Map(places.map((place) => [place.device, place])).values()];
  }

  /**
   * Looks on every device that serves for fragments that are not where they belong: the last resort, for
   * bytes that cannot be had otherwise. A device for each one, undefined where none has it.
   */
  async search(ids: readonly FragmentId[]): Promise<readonly (Place | undefined)[]> {
    const found: (Place | undefined)[] = ids.map(() => undefined);
    const devices = this.#devices();
    for (let from = 0; from < devices.length; from += searchedAtOnce) {
      const asked = devices.slice(from, from + searchedAtOnce).map((device) => this.#place(device));
      await Promise.all(
        asked.map(async (place) => {
          // One that does not answer is as one that has nothing.
          const known = await place.store?.has(ids).catch(() => undefined);
          for (const [i, has] of known?.entries() ?? []) if (has) found[i] ??= place;
        }),
      );
      if (found.every((place) => place !== undefined)) break;
    }
    return found;
  }
}

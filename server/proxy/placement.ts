import { StoreError } from '../../base/errors.ts';
import type { DeviceId } from '../../base/units.ts';
import { partition } from '../../base/units.ts';
import { homes } from '../../ring/homes.ts';
import { partitionOf } from '../../ring/hash.ts';
import type { Scheme } from '../../ring/policy.ts';
import type { Ring } from '../../ring/ring.ts';
import type { Codec } from '../../storage/erasure/codec.ts';
import type { FragmentHeader, FragmentStore } from '../../storage/fragment/fragment.ts';
import type { BodyTarget } from '../core/ports.ts';

/** A storage policy ready for use: its scheme, ring and codec. */
export interface Policy {
  readonly name: string;
  readonly aliases: readonly string[];
  readonly isDeprecated: boolean;
  readonly scheme: Scheme;
  readonly ring: Ring;
  readonly codec: Codec;
}

/** What a fragment's header says of its scheme besides k and m. */
export function codeOf({ kind }: Scheme): Pick<FragmentHeader, 'code'> {
  return kind === 'lrc' ? { code: 'lrc' } : {};
}

/** The device that is home to one fragment index; `store` is undefined while the device is away. */
export interface Home {
  readonly index: number;
  readonly device: DeviceId;
  readonly store: FragmentStore | undefined;
}

/** Where fragments go: policies by name, and the devices that are there now. */
export class Placement {
  readonly #policies: ReadonlyMap<string, Policy>;
  readonly #stores: (device: DeviceId) => FragmentStore | undefined;

  /** `stores` answers which device is serving at this moment. */
  constructor(
    policies: ReadonlyMap<string, Policy>,
    stores: (device: DeviceId) => FragmentStore | undefined,
  ) {
    this.#policies = policies;
    this.#stores = stores;
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

  /** One home for each fragment index, in order. */
  homes(policy: Policy, partitionNumber: number): readonly Home[] {
    return homes(policy.ring, partition(partitionNumber)).map((device, index) => ({
      index,
      device,
      store: this.#stores(device),
    }));
  }
}

/** A cell over simulated disks: devices outlive it, so that it can be opened again with other settings. */
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/log.ts';
import { type Cell, openCell } from '../../../server/cell/cell.ts';
import type { DeviceFolder } from '../../../server/cell/open-device.ts';
import { openCluster } from '../../../server/cell/open-cluster.ts';
import type { PolicyChoice, PolicySpec } from '../../../server/cell/policies.ts';
import { cellSettings } from '../../../server/config/defaults.ts';
import { SimDisk } from '../../sim/disk.ts';
import { SimIndexStore } from '../../sim/index-store.ts';
import { SeededRandom } from '../../sim/random.ts';

export class Machine {
  readonly random: SeededRandom = new SeededRandom(1);
  readonly #data = new SimDisk();
  readonly #disks: readonly SimDisk[];
  readonly #indexes: readonly SimIndexStore[];

  constructor(devices: number) {
    this.#disks = Array.from({ length: devices }, () => new SimDisk());
    this.#indexes = this.#disks.map(() => new SimIndexStore());
  }

  #folders(without: readonly number[]): DeviceFolder[] {
    return this.#disks.flatMap((disk, place) => {
      const index = this.#indexes[place];
      if (without.includes(place) || index === undefined) return [];
      return {
        path: `/device-${place}`,
        disk,
        openIndex: () => Promise.resolve(index.open()),
        destroyIndex: () => Promise.resolve(index.wipe()),
        makeFolder: () => Promise.resolve(),
      };
    });
  }

  async open(policies: PolicyChoice, without: readonly number[] = []): Promise<Cell> {
    // What an earlier cell had open is gone with it.
    for (const index of this.#indexes) await index.killed();
    const folders = this.#folders(without);
    const { random } = this;
    const now = systemClock.now();
    const coordinator = await openCluster({ data: this.#data, folders, policies, random, now });
    const settings = { ...cellSettings, releaseGraceMillis: 0 };
    return openCell({
      ...{ coordinator, folders, settings, random },
      clock: systemClock,
      logger: silentLogger,
    });
  }
}

export function listed(
  ...policies: readonly (Partial<PolicySpec> & { scheme: string })[]
): PolicyChoice {
  return {
    type: 'listed',
    policies: policies.map((policy, place) => ({
      name: policy.scheme,
      aliases: [],
      isDeprecated: false,
      isDefault: place === 0,
      ...policy,
    })),
  };
}

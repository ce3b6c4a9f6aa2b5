/** A cell over simulated disks: devices outlive it, so that it can be opened again with other settings. */
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/log.ts';
import { type Cell, type CellSettings, openCell } from '../../../server/cell/cell.ts';
import type { DeviceFolder } from '../../../server/cell/open-device.ts';
import { encodeMap, writeMap } from '../../../server/coordinator/map-file.ts';
import type { ClusterMap } from '../../../storage/shard/coordinator.ts';
import { openCluster } from '../../../server/cell/open-cluster.ts';
import type { PolicyChoice, PolicySpec } from '../../../server/cell/policies.ts';
import { cellSettings } from '../../../server/config/defaults.ts';
import { SimDisk } from '../../sim/disk.ts';
import { SimIndexStore } from '../../sim/index-store.ts';
import { SeededRandom } from '../../sim/random.ts';

interface Device {
  readonly path: string;
  readonly disk: SimDisk;
  readonly index: SimIndexStore;
}

export class Machine {
  readonly random: SeededRandom = new SeededRandom(1);
  readonly #data = new SimDisk();
  readonly #devices: Device[];
  readonly #settings: Partial<CellSettings>;

  constructor(devices: number, settings: Partial<CellSettings> = {}) {
    this.#devices = Array.from({ length: devices }, (_, place) => newDevice(`/device-${place}`));
    this.#settings = settings;
  }

  /** Also of a device that was not there before: an empty one. */
  #folderAt(path: string, without: readonly number[] = []): DeviceFolder {
    const place = this.#devices.findIndex((device) => device.path === path);
    const known = without.includes(place) ? undefined : this.#devices[place];
    const { disk, index } = known ?? newDevice(path);
    if (place < 0) this.#devices.push({ path, disk, index });
    return {
      ...{ path, disk },
      openIndex: () => Promise.resolve(index.open()),
      destroyIndex: () => Promise.resolve(index.wipe()),
      makeFolder: () => Promise.resolve(),
    };
  }

  /** Every log and every index of these devices is gone, also what an index says of fragments: these and the map are all that is left. */
  async loseMetadata(places: readonly number[] = [...this.#devices.keys()]): Promise<void> {
    for (const place of places) {
      const { disk, index } = this.#devices[place] ?? newDevice('/none');
      index.wipe();
      for (const name of await disk.list('log')) await disk.remove(`log/${name}`);
    }
  }

  /** The map is what it was: on every device an older one outranks what lies there. */
  async setMapBack(map: ClusterMap): Promise<void> {
    const bytes = encodeMap({ map, generation: 1_000_000 });
    for (const { disk } of this.#devices) await writeMap(disk, bytes);
  }

  /** Without the devices at these places: their folders are empty. */
  async open(policies: PolicyChoice, without: readonly number[] = []): Promise<Cell> {
    // What an earlier cell had open is gone with it.
    for (const { index } of this.#devices) await index.killed();
    const there = this.#devices.filter((_, place) => !without.includes(place));
    const folders = there.map(({ path }) => this.#folderAt(path));
    const { random } = this;
    const now = systemClock.now();
    const coordinator = await openCluster({ data: this.#data, folders, policies, random, now });
    const settings = { ...cellSettings, releaseGraceMillis: 0, ...this.#settings };
    return openCell({
      ...{ coordinator, folders, settings, random },
      folderAt: (path) => this.#folderAt(path, without),
      clock: systemClock,
      logger: silentLogger,
    });
  }
}

function newDevice(path: string): Device {
  return { path, disk: new SimDisk(), index: new SimIndexStore() };
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

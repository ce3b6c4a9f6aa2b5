/** The devices of this machine: those that serve, those that do not, and how one is replaced. */
import { toHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Random } from '../../base/random.ts';
import type { DeviceId } from '../../base/units.ts';
import { openSuperblock } from '../../storage/device/superblock.ts';
import type { Coordinator, DeviceState } from '../../storage/shard/coordinator.ts';
import {
  type DeviceFolder,
  type DeviceSettings,
  initialiseFolder,
  type OpenDevice,
  openDevice,
} from './open-device.ts';

export interface FleetOptions {
  readonly coordinator: Coordinator;
  readonly folders: readonly DeviceFolder[];
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: DeviceSettings;
  /** Only devices of this node; undefined: of all. */
  readonly node: string | undefined;
  /** Told when a device fails after it was opened. */
  readonly onChange: () => void;
  /** A damaged fragment of this body was met. */
  readonly onDamaged: (objectId: string) => void;
}

/** A device that does not serve, and why. */
export interface AwayDevice {
  readonly id: DeviceId;
  readonly path: string;
  readonly reason: string;
}

export class Fleet {
  readonly #options: FleetOptions;
  readonly #open = new Map<DeviceId, OpenDevice>();
  readonly #away = new Map<DeviceId, AwayDevice>();
  /** By device uuid: a folder that was moved is still its device. */
  readonly #byUuid = new Map<string, DeviceFolder>();

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  async openAll(): Promise<void> {
    const { folders, coordinator, logger } = this.#options;
    await Promise.all(folders.map((folder) => this.#identify(folder)));
    const { node } = this.#options;
    const own = coordinator
      .current()
      .devices.filter((one) => node === undefined || one.node === node);
    await Promise.all(own.map((expected) => this.#openOne(expected)));
    for (const { id, path, reason } of this.#away.values()) {
      logger.warn({ event: 'device.away', device: id, path, reason }, 'A device is away.');
    }
  }

  async #identify(folder: DeviceFolder): Promise<void> {
    try {
      const found = await openSuperblock(folder.disk);
      if (found.state === 'ok') this.#byUuid.set(found.superblock.deviceUuid, folder);
    } catch (error) {
      // What is wrong with the folder is told when its device is opened.
      if (!isStoreError(error)) throw error;
    }
  }

  #folderOf(expected: DeviceState): DeviceFolder | undefined {
    const { folders } = this.#options;
    return (
      this.#byUuid.get(expected.uuid) ?? folders.find((folder) => folder.path === expected.path)
    );
  }

  async #openOne(expected: DeviceState): Promise<OpenDevice | undefined> {
    const { coordinator, clock, logger, settings, onDamaged } = this.#options;
    const folder = this.#folderOf(expected);
    if (folder === undefined) {
      this.#setAway(expected.id, 'no folder is configured for it');
      return undefined;
    }
    const opening = await openDevice(folder, expected, {
      clusterId: coordinator.current().clusterId,
      ...{ clock, logger, settings },
      onCorrupt: (_device, fragment) => onDamaged(fragment.objectId),
      onFailed: (device, reason) => {
        this.#setAway(device, reason);
        this.#options.onChange();
      },
    });
    if (opening.type === 'away') {
      this.#setAway(expected.id, opening.reason);
      return undefined;
    }
    this.#open.set(expected.id, opening.device);
    return opening.device;
  }

  #setAway(id: DeviceId, reason: string): void {
    this.#away.set(id, { id, path: this.#state(id).path, reason });
  }

  #state(id: DeviceId): DeviceState {
    const found = this.#options.coordinator.current().devices.find((device) => device.id === id);
    if (found === undefined) {
      throw new StoreError('invalid-argument', 'device', `there is no device ${id}`);
    }
    return found;
  }

  /** Devices that take calls: opened, and not failed since. */
  serving(): readonly OpenDevice[] {
    return [...this.#open.values()].filter((device) => !this.#away.has(device.id));
  }

  get(id: DeviceId): OpenDevice | undefined {
    return this.#away.has(id) ? undefined : this.#open.get(id);
  }

  away(): readonly AwayDevice[] {
    return [...this.#away.values()];
  }

  /** Everything that was opened, failed devices included: to be closed. */
  opened(): readonly OpenDevice[] {
    return [...this.#open.values()];
  }

  /**
   * Makes an empty folder the device `id` again, under a new identity; what it held is rebuilt by the
   * workers. Only for a device that was away when the process started. The map changes first: a crash
   * in between leaves a device that is missing, which can be replaced again. Throws
   * `invalid-argument`, `conflict`.
   */
  async replace(id: DeviceId): Promise<OpenDevice> {
    const { coordinator, random, clock } = this.#options;
    const old = this.#state(id);
    if (this.#open.has(id)) {
      throw new StoreError(
        'conflict',
        'device.replace',
        'the device is in use: stop, empty its folder, start',
      );
    }
    const folder = this.#options.folders.find((one) => one.path === old.path);
    if (folder === undefined) {
      throw new StoreError('conflict', 'device.replace', `no folder is configured at ${old.path}`);
    }
    const found = await openSuperblock(folder.disk);
    if (found.state !== 'missing') {
      throw new StoreError(
        'conflict',
        'device.replace',
        `${old.path} is not empty (${found.state})`,
      );
    }
    const next: DeviceState = { ...old, uuid: toHex(random.bytes(16)), status: 'replacing' };
    const { clusterId } = await coordinator.updateDevice(id, old.uuid, next);
    await initialiseFolder(folder, { clusterId, device: next, now: clock.now() });
    const device = await this.#openOne(next);
    if (device === undefined) {
      throw new StoreError('unavailable', 'device.replace', 'the new device could not be opened');
    }
    this.#away.delete(id);
    return device;
  }
}

/** The devices of this machine: those that serve, those that do not, and how one is replaced. */
import { toHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { isStoreError, StoreError, toStoreError } from '../../base/errors.ts';
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
  /** A folder that is none of these: of a device that the map gives this machine later. */
  readonly folderAt: ((path: string) => DeviceFolder) | undefined;
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
  readonly #folders: DeviceFolder[];
  /** Uuids of devices whose folders cannot be taken. */
  readonly #refused = new Set<string>();
  readonly #open = new Map<DeviceId, OpenDevice>();
  readonly #away = new Map<DeviceId, AwayDevice>();
  /** By device uuid: a folder that was moved is still its device. */
  readonly #byUuid = new Map<string, DeviceFolder>();

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#folders = [...options.folders];
  }

  async openAll(): Promise<void> {
    const { logger } = this.#options;
    await Promise.all(this.#folders.map((folder) => this.#identify(folder)));
    for (const expected of this.#own()) this.#takeFolder(expected);
    await Promise.all(this.#own().map((expected) => this.#openOne(expected)));
    for (const { id, path, reason } of this.#away.values()) {
      logger.warn({ event: 'device.away', device: id, path, reason }, 'A device is away.');
    }
  }

  /** The devices of this machine, as the map has them now. */
  #own(): readonly DeviceState[] {
    const { coordinator, node } = this.#options;
    const { devices } = coordinator.current();
    return devices.filter((one) => node === undefined || one.node === node);
  }

  /**
   * Follows the map: opens devices that it has given this machine since, made of empty folders, and
   * lets those go that it does not name any more. Not to be called again before it resolves.
   */
  async follow(): Promise<{ readonly added: OpenDevice[]; readonly left: OpenDevice[] }> {
    const own = this.#own();
    const added: OpenDevice[] = [];
    for (const expected of own) {
      const isKnown = this.#open.has(expected.id) || this.#refused.has(expected.uuid);
      if (expected.status !== 'new' || isKnown) continue;
      const device = await this.#adopt(expected);
      if (device !== undefined) added.push(device);
    }
    const named = new Set(own.map(({ id }) => id));
    const left = [...this.#open.values()].filter(({ id }) => !named.has(id));
    for (const { id } of left) {
      this.#open.delete(id);
      this.#away.delete(id);
    }
    return { added, left };
  }

  /** Of devices that came while it ran the configuration says nothing. */
  #takeFolder(expected: DeviceState): DeviceFolder | undefined {
    const known = this.#folderOf(expected);
    if (known !== undefined) return known;
    const folder = this.#options.folderAt?.(expected.path);
    if (folder !== undefined) this.#folders.push(folder);
    return folder;
  }

  async #adopt(expected: DeviceState): Promise<OpenDevice | undefined> {
    const { coordinator, clock, logger } = this.#options;
    const folder = this.#takeFolder(expected);
    if (folder === undefined) return undefined;
    try {
      if ((await openSuperblock(folder.disk)).state === 'missing') {
        const { clusterId } = coordinator.current();
        await initialiseFolder(folder, { clusterId, device: expected, now: clock.now() });
      }
      await coordinator.keepOn?.(folder.disk);
    } catch (error) {
      const { message } = toStoreError(error, 'device.adopt');
      this.#refused.add(expected.uuid);
      this.#setAway(expected.id, message);
      const fields = { event: 'device.not-adopted', device: expected.id, path: expected.path };
      logger.warn({ ...fields, reason: message }, 'A new device cannot be used.');
      return undefined;
    }
    const device = await this.#openOne(expected);
    if (device !== undefined) this.#away.delete(expected.id);
    return device;
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
    return (
      this.#byUuid.get(expected.uuid) ??
      this.#folders.find((folder) => folder.path === expected.path)
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
        const fields = { event: 'device.failed', device, path: folder.path, reason };
        logger.error(
          fields,
          'A device has failed: it is away until this server is started again, or the device replaced.',
        );
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
    const { devices } = this.#options.coordinator.current();
    const path = devices.find((device) => device.id === id)?.path;
    // One that has left is nobody's concern.
    if (path !== undefined) this.#away.set(id, { id, path, reason });
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
    const folder = this.#folders.find((one) => one.path === old.path);
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

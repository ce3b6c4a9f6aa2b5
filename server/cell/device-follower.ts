import { toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Coordinator } from '../../storage/shard/coordinator.ts';
import type { ShardGroup } from '../../storage/shard/group.ts';
import type { Fleet } from './fleet.ts';
import { closeDevice } from './open-device.ts';

export interface DeviceFollowerOptions {
  readonly coordinator: Coordinator;
  readonly fleet: Fleet;
  readonly group: ShardGroup;
  readonly logger: Logger;
  /** Told when other devices serve here than before. */
  readonly onChange: () => void;
}

/** Opens the devices that the map gives this machine while it runs, and closes those that have left. */
export class DeviceFollower {
  readonly #options: DeviceFollowerOptions;
  readonly #end: () => void;
  #following: Promise<void> = Promise.resolve();

  constructor(options: DeviceFollowerOptions) {
    this.#options = options;
    let { devices } = options.coordinator.current();
    this.#end = options.coordinator.watch((map) => {
      if (map.devices === devices) return;
      devices = map.devices;
      this.#soon();
    });
    this.#soon();
  }

  #soon(): void {
    this.#following = this.#following
      .then(() => this.#follow())
      .catch((error: unknown) => {
        const reason = toStoreError(error, 'devices').message;
        const fields = { event: 'devices.not-followed', reason };
        this.#options.logger.warn(fields, 'Devices that have come or left are not followed.');
      });
  }

  async #follow(): Promise<void> {
    const { fleet, group, logger, onChange } = this.#options;
    const { added, left } = await fleet.follow();
    for (const { id, folder, shards } of added) {
      await group.attach(shards);
      logger.info({ event: 'device.new', device: id, path: folder.path }, 'A device has come.');
    }
    for (const { id } of left) group.detach(id);
    if (added.length + left.length > 0) onChange();
    // What was asked of them before has been answered by then, or is answered with an error.
    for (const device of left) await closeDevice(device);
  }

  async close(): Promise<void> {
    this.#end();
    await this.#following;
  }
}

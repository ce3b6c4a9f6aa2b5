/** Changes of the cluster's devices, as an operator asks for them: planned, and then written into the map. */
import { toHex } from '../../base/bytes.ts';
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Random } from '../../base/random.ts';
import { type DeviceId, deviceId } from '../../base/units.ts';
import type { Coordinator, DeviceState } from '../../storage/shard/coordinator.ts';
import type { Policy } from '../proxy/placement.ts';
import { changedDevice, type ChangePlan, type DeviceChange, planChange } from './plan.ts';

export interface RingChangesOptions {
  readonly coordinator: Coordinator;
  readonly policies: () => readonly Policy[];
  readonly serves: (device: DeviceId) => boolean;
  readonly random: Random;
  readonly clock: Clock;
}

type AddChange = Extract<DeviceChange, { type: 'add' }>;

/** How long a new device may take to serve: its machine makes a folder and opens it. */
const openMillis = 30_000;
const lookMillis = 100;

export class RingChanges {
  readonly #options: RingChangesOptions;

  constructor(options: RingChangesOptions) {
    this.#options = options;
  }

  /** Changes nothing. Throws `invalid-argument`. */
  plan(changes: readonly DeviceChange[], allowsLess: boolean): ChangePlan {
    const { coordinator, policies, serves } = this.#options;
    return planChange(coordinator.current(), policies(), changes, { serves, allowsLess });
  }

  /**
   * Writes the changes into the map: from then on the ring steward takes them through their steps. Returns
   * the devices. Throws `invalid-argument` with what the plan refuses, `conflict`, and `unavailable`
   * where a new device does not come to serve: it is registered then, and may be added again.
   */
  async apply(changes: readonly DeviceChange[], allowsLess: boolean): Promise<readonly DeviceId[]> {
    const { refusals } = this.plan(changes, allowsLess);
    if (refusals.length > 0) {
      throw new StoreError('invalid-argument', 'ring.change', refusals.join('\n'));
    }
    const changed: DeviceId[] = [];
    for (const change of changes) changed.push(await this.#apply(change));
    return changed;
  }

  async #apply(change: DeviceChange): Promise<DeviceId> {
    if (change.type === 'add') return this.#add(change);
    await this.#change(change.device, (device) => changedDevice(device, change));
    return change.device;
  }

  async #add(change: AddChange): Promise<DeviceId> {
    const { coordinator } = this.#options;
    const uuid = toHex(this.#options.random.bytes(16));
    const known = this.#registered(change);
    if (known === undefined) {
      await coordinator.addDevice((last) => ({
        ...{ ...change.at, id: deviceId(last + 1), uuid, weight: 0, status: 'new' },
      }));
    } else if (!this.#options.serves(known.id)) {
      // Another identity: its machine tries once more.
      await coordinator.updateDevice(known.id, known.uuid, { ...known, uuid });
    }
    const added = this.#registered(change);
    if (added === undefined) throw new StoreError('conflict', 'ring.add', 'the device has changed');
    await this.#untilItServes(added);
    const { weight } = change;
    await this.#change(added.id, (device) => ({ ...device, weight, status: 'up' }));
    return added.id;
  }

  #registered({ at }: AddChange): DeviceState | undefined {
    const { devices } = this.#options.coordinator.current();
    return devices.find(({ node, path }) => node === at.node && path === at.path);
  }

  async #untilItServes({ id, path }: DeviceState): Promise<void> {
    const { clock, serves } = this.#options;
    const end = clock.monotonic() + openMillis;
    while (!serves(id)) {
      if (clock.monotonic() >= end) {
        throw new StoreError(
          'unavailable',
          'ring.add',
          `device ${id} at ${path} does not come to serve: is the folder there, empty, and its node running?`,
        );
      }
      await clock.sleep(lookMillis);
    }
  }

  async #change(id: DeviceId, edit: (device: DeviceState) => DeviceState): Promise<void> {
    const { coordinator } = this.#options;
    const found = coordinator.current().devices.find((device) => device.id === id);
    if (found === undefined) {
      throw new StoreError('invalid-argument', 'ring.change', `there is no device ${id}`);
    }
    await coordinator.updateDevice(id, found.uuid, edit(found));
  }
}

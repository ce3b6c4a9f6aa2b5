import type { Clock } from '../../base/clock.ts';
import type { DeviceId } from '../../base/units.ts';
import type { FragmentId, FragmentStore } from '../../storage/fragment/fragment.ts';

/** A device that serves now, as the workers see it. */
export interface ServingDevice {
  readonly id: DeviceId;
  readonly store: FragmentStore;
}

export interface DevicePage {
  readonly device: DeviceId;
  readonly store: FragmentStore;
  readonly ids: readonly FragmentId[];
}

/** Walks the fragments of all serving devices, a page at a time, and rests between two rounds. */
export class DeviceWalk {
  readonly #devices: () => readonly ServingDevice[];
  readonly #clock: Clock;
  readonly #pageFragments: number;
  readonly #roundMillis: number;
  #position = 0;
  #after: FragmentId | undefined;
  #nextRoundAt: number;
  #rounds = 0;

  /** `roundMillis`: from the end of one round (and from the start of the process) to the next. */
  constructor(options: {
    devices: () => readonly ServingDevice[];
    clock: Clock;
    pageFragments: number;
    roundMillis: number;
  }) {
    this.#devices = options.devices;
    this.#clock = options.clock;
    this.#pageFragments = options.pageFragments;
    this.#roundMillis = options.roundMillis;
    this.#nextRoundAt = options.clock.monotonic() + options.roundMillis;
  }

  /** Whole rounds finished since the start. */
  get rounds(): number {
    return this.#rounds;
  }

  /** Begins the next round now. */
  request(): void {
    this.#nextRoundAt = this.#clock.monotonic();
  }

  async next(): Promise<DevicePage | undefined> {
    if (this.#clock.monotonic() < this.#nextRoundAt) return undefined;
    for (;;) {
      const device = this.#devices()[this.#position];
      if (device === undefined) {
        this.#position = 0;
        this.#rounds++;
        this.#nextRoundAt = this.#clock.monotonic() + this.#roundMillis;
        return undefined;
      }
      const ids = await device.store.scan(this.#after, this.#pageFragments);
      this.#after = ids.at(-1);
      if (ids.length < this.#pageFragments) {
        this.#position++;
        this.#after = undefined;
      }
      if (ids.length > 0) return { device: device.id, store: device.store, ids };
    }
  }
}

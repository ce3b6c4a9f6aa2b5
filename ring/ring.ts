import type { DeviceId, FragmentIndex, Partition } from '../base/units.ts';

/** A device as placement sees it; weight is its share of the capacity. */
export interface RingDevice {
  readonly id: DeviceId;
  readonly region: string;
  readonly zone: string;
  readonly node: string;
  readonly weight: number;
}

/** Partition → n devices, fixed for one version. Immutable. */
export interface Ring {
  /** Grows by one at every rebalance. */
  readonly version: number;
  /** 2^partitionPower partitions. */
  readonly partitionPower: number;
  /** n: devices a partition is spread over (k + m). */
  readonly width: number;
  readonly devices: readonly RingDevice[];
  /** `width` rows of 2^partitionPower entries; row i, column p: the position in `devices` that is home to fragment i of partition p. */
  readonly assignment: readonly Uint16Array[];
}

/** The devices that are home to a partition's fragments: place i holds fragment i. */
export type Homes = (ring: Ring, partition: Partition) => readonly DeviceId[];

/** One fragment of a partition goes from the device that was its home to the one that is. */
export interface RingMove {
  readonly partition: Partition;
  readonly index: FragmentIndex;
  /** May be missing in the new ring: the device was removed. */
  readonly from: DeviceId;
  readonly to: DeviceId;
}

/**
 * Branded numbers: an index, a count and a size never mix. This is the only file, besides decoders
 * of outside input, that may use `as`.
 */
declare const unit: unique symbol;
type Unit<Name extends string> = number & { readonly [unit]: Name };

/** Partition of a ring: 0 to 2^power - 1. */
export type Partition = Unit<'Partition'>;
export const partition = (value: number): Partition => value as Partition;

/** Which of a stripe's k + m fragments: 0 to k - 1 hold data, k to k + m - 1 parity. */
export type FragmentIndex = Unit<'FragmentIndex'>;
export const fragmentIndex = (value: number): FragmentIndex => value as FragmentIndex;

/** A device's number in the cluster map; never reused. */
export type DeviceId = Unit<'DeviceId'>;
export const deviceId = (value: number): DeviceId => value as DeviceId;

/** A shard's number in the cluster map; never reused. */
export type ShardId = Unit<'ShardId'>;
export const shardId = (value: number): ShardId => value as ShardId;

/** A shard's term; grows by one at every change of its primary or in-sync set. */
export type Epoch = Unit<'Epoch'>;
export const epoch = (value: number): Epoch => value as Epoch;

/** Place of a commit in a shard's order: 1, 2, 3, … with no gaps. */
export type Sequence = Unit<'Sequence'>;
export const sequence = (value: number): Sequence => value as Sequence;

/** Microseconds since 1970, always a multiple of 10 (Swift prints five decimals). Safe to year 2255. */
export type Micros = Unit<'Micros'>;
export const micros = (value: number): Micros => value as Micros;

export const KiB: number = 1024;
export const MiB: number = 1024 * KiB;
export const GiB: number = 1024 * MiB;

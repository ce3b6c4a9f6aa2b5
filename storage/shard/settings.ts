/** Limits of a shard's primary, with the arithmetic behind them. */
export interface ShardSettings {
  /** A replica that does not answer for so long leaves the in-sync set. */
  readonly patienceMillis: number;
  /** A replica that is being brought level, or elected, has so long for one call; wiping a large one takes its time. */
  readonly answerMillis: number;
  /** Commits decided and not yet acknowledged, per shard. */
  readonly commitsInFlightMax: number;
  /** Their bytes. 16 shards a process: 512 MiB at the very worst, and only with every device hanging. */
  readonly bytesInFlightMax: number;
  /** Shipments on their way: the next one gathers commits meanwhile. */
  readonly shipmentsInFlightMax: number;
  readonly shipmentBytesMax: number;
}

export const defaultShardSettings: ShardSettings = {
  patienceMillis: 2000,
  answerMillis: 60_000,
  commitsInFlightMax: 2048,
  bytesInFlightMax: 32 * 1024 * 1024,
  shipmentsInFlightMax: 2,
  shipmentBytesMax: 1024 * 1024,
};

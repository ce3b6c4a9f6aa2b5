/** The control plane's port: implementations in server/coordinator (embedded now, etcd later). */
import type { DeviceId, ShardId } from '../../base/units.ts';
import type { ShardState } from './shard.ts';

export interface DeviceState {
  readonly id: DeviceId;
  /** The superblock's uuid (hex) that the map expects on it. */
  readonly uuid: string;
  readonly region: string;
  readonly zone: string;
  readonly node: string;
  /** Where the node that owns it finds it (a folder). */
  readonly path: string;
  readonly weight: number;
  /** `replacing`: re-initialised, being rebuilt; counts as a home, holds nothing that must be believed. */
  readonly status: 'up' | 'replacing';
}

/** A storage policy. It is never removed: stored bodies name it. */
export interface PolicyState {
  readonly name: string;
  /** Other names that clients may use for it. */
  readonly aliases?: readonly string[];
  /** No new container may name it. */
  readonly isDeprecated?: boolean;
  /** e.g. `ec:4+2`, `replica:3`, `lrc:8+2+2`; never changes. */
  readonly scheme: string;
  /** Ring file bytes (ring/ring-file.ts), base64. */
  readonly ring: string;
}

export interface ClusterMap {
  readonly format: 1;
  readonly clusterId: string;
  /** Grows by one at every change. */
  readonly version: number;
  readonly devices: readonly DeviceState[];
  readonly policies: readonly PolicyState[];
  readonly defaultPolicy: string;
  /** Id of the key ring that the store was made with (docs/format/encryption.md). */
  readonly keyRing?: string;
  readonly shards: readonly ShardState[];
}

/** A node's right to serve as primary, in monotonic time. */
export interface Lease {
  /** Whether the right holds now, by the local monotonic clock. */
  held(): boolean;
  release(): Promise<void>;
}

export interface Coordinator {
  /** The newest map this process knows; never goes back. Synchronous: the request path asks nothing of the engine. */
  current(): ClusterMap;
  /** Compare-and-set of one shard: fails with `stale-epoch` when the map's epoch is not `next.epoch - 1`. Durable when it resolves. */
  updateShard(id: ShardId, next: ShardState): Promise<ClusterMap>;
  /** Compare-and-set of one device's line by its current uuid; `conflict` when it differs. */
  updateDevice(id: DeviceId, expectedUuid: string, next: DeviceState): Promise<ClusterMap>;
  /**
   * Compare-and-set of one policy's line: `expected` is the line that stands there, undefined to add
   * one; `conflict` when it differs.
   */
  updatePolicy(expected: PolicyState | undefined, next: PolicyState): Promise<ClusterMap>;
  /** New containers that name no policy get this one; `conflict` unless the map has it. */
  setDefaultPolicy(name: string): Promise<ClusterMap>;
  /** Calls back after every change, in order; returns the unsubscriber. */
  watch(listener: (map: ClusterMap) => void): () => void;
  lease(node: string): Promise<Lease>;
  close(): Promise<void>;
}

/** The control plane's port: implementations in server/coordinator (embedded, and over an engine such as etcd). */
import type { Disk } from '../../base/disk.ts';
import type { DeviceId, Epoch, ShardId } from '../../base/units.ts';
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
  /** `replacing`: re-initialised, being rebuilt; counts as a home, holds nothing that must be believed. `new`: known, in no ring, holds nothing. */
  readonly status: 'up' | 'replacing' | 'new';
  /** It is to be taken out of the map when nothing lies on it any more. */
  readonly isLeaving?: true;
}

/** A ring that a policy is on its way to (server/work/rings), in steps. */
export interface RingGoal {
  /** Ring file bytes, base64; its version does not count. */
  readonly ring: string;
  /** Fragments of partitions that one step moves, at most. */
  readonly stepMoves: number;
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
  /** Ring file bytes (ring/ring-file.ts), base64: where bodies are written. */
  readonly ring: string;
  /** Rings before it, newest first, whose homes may still hold fragments: they are read, too. */
  readonly former?: readonly string[] | undefined;
  /** No body that a former ring placed is taken any more: they are about to be given up. */
  readonly isClosing?: true | undefined;
  readonly goal?: RingGoal | undefined;
}

/** A machine of the cluster. Absent from the map of a single machine. */
export interface NodeState {
  readonly name: string;
  /** HOST:PORT under which other nodes reach it. */
  readonly address: string;
  readonly region: string;
  readonly zone: string;
}

/** What a running process tells of itself. */
export interface Presence {
  readonly node: string;
  /** Random, new with every process. */
  readonly instance: string;
  /** HOST:PORT under which other nodes reach it. */
  readonly address: string;
  /** Its devices that serve now. */
  readonly devices: readonly DeviceId[];
  /** It follows shards that are split; older releases do not know how. */
  readonly followsSplits?: true;
  /** The same of shards that are merged. */
  readonly followsMerges?: true;
  /** It finds what is divided within a shard (`ranges/division.ts`). */
  readonly knowsPieces?: true;
}

/** A process whose lease has not ended. */
export interface SessionState extends Presence {
  readonly id: string;
}

export interface ClusterMap {
  readonly format: 1;
  readonly clusterId: string;
  /** Grows at every change. */
  readonly version: number;
  readonly nodes?: readonly NodeState[];
  /** Processes that live; what is not there must not be asked. Absent on a single machine. */
  readonly sessions?: readonly SessionState[];
  readonly devices: readonly DeviceState[];
  /** The highest number that a device ever had, where that one has left. */
  readonly lastDevice?: DeviceId;
  readonly policies: readonly PolicyState[];
  readonly defaultPolicy: string;
  /** Id of the key ring that the store was made with (docs/format/encryption.md). */
  readonly keyRing?: string;
  /** Of a single machine that has become a node: where the map lives since. */
  readonly movedTo?: string;
  readonly shards: readonly ShardState[];
  /** The highest number that a shard ever had, when those of `shards` do not tell: a number is never given twice. */
  readonly lastShard?: number;
}

/** One shard's line as it was and as it shall be. */
export interface ShardEdit {
  readonly id: ShardId;
  /** That the line has now; undefined: there is none, and never was one of this number. */
  readonly epoch: Epoch | undefined;
  /** Under the next epoch, or the first; undefined: the shard is no more. */
  readonly next: ShardState | undefined;
}

/**
 * A process's right to serve as primary, in its own time. It is over here before it is over for the
 * others: nobody else may have taken a shard over while `held` answers true.
 */
export interface Lease {
  /** Names it in the map; undefined on a single machine. */
  readonly session: string | undefined;
  /** Whether the right holds now. It may come back, with the next renewal, until it is lost. */
  held(): boolean;
  /** Calls back once, when it is over for good: a new lease is needed. Returns the unsubscriber. */
  onLost(listener: () => void): () => void;
  /** Tells which devices serve now. */
  present(devices: readonly DeviceId[]): Promise<void>;
  /** Ends it at once, for all. */
  release(): Promise<void>;
}

export interface Coordinator {
  /** The newest map this process knows; never goes back. Synchronous: the request path asks nothing of the engine. */
  current(): ClusterMap;
  /**
   * Compare-and-set of one shard: fails with `stale-epoch` when the map's epoch is not `next.epoch - 1`.
   * Durable when it resolves. With `ended`, the session that held the shard: fails with `conflict`
   * while it lives. `unavailable`: the map may hold either.
   */
  updateShard(id: ShardId, next: ShardState, ended?: string): Promise<ClusterMap>;
  /** Compare-and-set of several shards at once: all or none. Fails as `updateShard` does. */
  reshape(edits: readonly ShardEdit[]): Promise<ClusterMap>;
  /** Compare-and-set of one device's line by its current uuid; `conflict` when it differs. */
  updateDevice(id: DeviceId, expectedUuid: string, next: DeviceState): Promise<ClusterMap>;
  /** One more device, as `make` says, given the highest number that a device ever had. */
  addDevice(make: (last: DeviceId) => DeviceState): Promise<ClusterMap>;
  /** Takes out the device that has this uuid; `conflict` when there is none. Its number is not given again. */
  removeDevice(id: DeviceId, expectedUuid: string): Promise<ClusterMap>;
  /**
   * Compare-and-set of one policy's line: `expected` is the line that stands there, undefined to add
   * one; `conflict` when it differs.
   */
  updatePolicy(expected: PolicyState | undefined, next: PolicyState): Promise<ClusterMap>;
  /** New containers that name no policy get this one; `conflict` unless the map has it. */
  setDefaultPolicy(name: string): Promise<ClusterMap>;
  /** Of one that keeps the map on the machine's own devices: on this one, too. Durable when it resolves. */
  keepOn?(disk: Disk): Promise<void>;
  /** Calls back after every change, in order; returns the unsubscriber. */
  watch(listener: (map: ClusterMap) => void): () => void;
  /** The right to serve, for the process that this tells of. */
  lease(presence: Presence): Promise<Lease>;
  close(): Promise<void>;
}

/** Whether the process that the shard names as its primary's may still serve it. Always false on a single machine: its one process takes every shard. */
export function holderLives(map: ClusterMap, shard: ShardState): boolean {
  const { session } = shard;
  if (session === undefined) return false;
  return map.sessions?.some((one) => one.id === session) ?? false;
}

/** The highest number that a shard has, or ever had. */
export function lastShardOf({ shards, lastShard = 0 }: ClusterMap): number {
  return shards.reduce((last, { id }) => Math.max(last, id), lastShard);
}

const shardsById = new WeakMap<readonly ShardState[], ReadonlyMap<ShardId, ShardState>>();

/** One shard's line, found without looking at all of them. */
export function shardIn({ shards }: ClusterMap, id: ShardId): ShardState | undefined {
  let byId = shardsById.get(shards);
  if (byId === undefined) {
    byId = new Map(shards.map((shard) => [shard.id, shard]));
    shardsById.set(shards, byId);
  }
  return byId.get(id);
}

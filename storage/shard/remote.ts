/** Other machines as the shard layer sees them: implemented over the network in server/storage-node. */
import type { StoreError } from '../../base/errors.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import type { ReplicaPeer } from './peer.ts';
import type { Shard } from './shard.ts';

export interface RemoteMachines {
  /** The shard's replica on a device of another machine, as it runs now; undefined when it cannot be reached or the device does not serve. */
  replica(device: DeviceId, shard: ShardId): ReplicaPeer | undefined;
  /** The shard as the machine of this device serves it; undefined when it cannot be reached. */
  shard(device: DeviceId, shard: ShardId): Shard | undefined;
  /** Whether the device's machine lives and serves the device, whether or not it can be reached from here. */
  lives(device: DeviceId): boolean;
  /** Calls back when replicas on these devices, as they were handed out, are lost. */
  onLost(listener: (devices: readonly DeviceId[], error: StoreError) => void): () => void;
}

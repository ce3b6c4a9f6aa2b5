/** All other processes of the cluster, as the map's sessions name them. */
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Net } from '../../base/net.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import type { FragmentStore } from '../../storage/fragment/fragment.ts';
import type { ClusterMap, Coordinator, SessionState } from '../../storage/shard/coordinator.ts';
import type { ReplicaPeer } from '../../storage/shard/peer.ts';
import type { RemoteMachines } from '../../storage/shard/remote.ts';
import type { Shard } from '../../storage/shard/shard.ts';
import { Peer, type Self } from './peer.ts';
import { RemoteFragments } from './remote/fragments.ts';
import { RemoteReplica } from './remote/replica.ts';
import { RemoteShard } from './remote/shard.ts';
import type { AskingTimes } from './wire/asking.ts';

export interface PeersOptions {
  readonly net: Net;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly coordinator: Coordinator;
  readonly self: Self;
  readonly times?: AskingTimes;
}

type LostListener = (devices: readonly DeviceId[], error: StoreError) => void;

export class Peers implements RemoteMachines {
  readonly #options: PeersOptions;
  /** By session. */
  readonly #peers = new Map<string, Peer>();
  readonly #byDevice = new Map<DeviceId, Peer>();
  #sessions: readonly SessionState[] | undefined;
  readonly #listeners = new Set<LostListener>();
  readonly #endWatch: () => void;
  #turn = 0;
  #closed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#endWatch = options.coordinator.watch((map) => this.#follow(map));
    this.#follow(options.coordinator.current());
  }

  #follow({ sessions = [] }: ClusterMap): void {
    if (sessions === this.#sessions || this.#closed) return;
    this.#sessions = sessions;
    const others = sessions.filter(({ instance }) => instance !== this.#options.self.instance);
    const living = new Set(others.map((session) => session.id));
    this.#byDevice.clear();
    for (const session of others) {
      const peer = this.#peers.get(session.id) ?? this.#add(session);
      for (const device of session.devices) this.#byDevice.set(device, peer);
    }
    for (const [id, peer] of this.#peers) {
      if (living.has(id)) continue;
      this.#peers.delete(id);
      peer.close(new StoreError('unavailable', 'peer', `node ${peer.session.node} has left`));
    }
  }

  #add(session: SessionState): Peer {
    const { coordinator: _coordinator, ...options } = this.#options;
    const peer = new Peer({
      ...options,
      session,
      nextTurn: () => ++this.#turn,
      onLost: (lane, error) => {
        if (lane === 'rows') this.#lost(session.id, error);
      },
    });
    this.#peers.set(session.id, peer);
    return peer;
  }

  /** The devices that the session has now, not those that it had at first. */
  #lost(id: string, error: StoreError): void {
    const session = this.#sessions?.find((one) => one.id === id);
    const devices = session?.devices ?? this.#peers.get(id)?.session.devices ?? [];
    for (const listener of this.#listeners) listener(devices, error);
  }

  replica(device: DeviceId, shard: ShardId): ReplicaPeer | undefined {
    const asker = this.#byDevice.get(device)?.boundAsker('rows');
    return asker && new RemoteReplica(asker, device, shard);
  }

  shard(device: DeviceId, shard: ShardId): Shard | undefined {
    const peer = this.#byDevice.get(device);
    return peer?.mayAnswer('rows') === true
      ? new RemoteShard(peer.asker('rows'), shard)
      : undefined;
  }

  lives(device: DeviceId): boolean {
    return this.#byDevice.has(device);
  }

  onLost(listener: LostListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The fragments of a device on another machine; undefined while that cannot be reached. */
  fragments(device: DeviceId): FragmentStore | undefined {
    const peer = this.#byDevice.get(device);
    if (peer?.mayAnswer('bytes') !== true) return undefined;
    return new RemoteFragments(peer.asker('bytes'), device);
  }

  /** Every other process that lives. */
  all(): readonly Peer[] {
    return [...this.#peers.values()];
  }

  close(): void {
    this.#closed = true;
    this.#endWatch();
    const reason = new StoreError('cancelled', 'peer', 'this process stops');
    for (const peer of this.#peers.values()) peer.close(reason);
    this.#peers.clear();
    this.#byDevice.clear();
  }
}

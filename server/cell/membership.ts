/** This process among others: its lease, the others as it reaches them, and what it serves them. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Net, NetAddress, NetServer, NetStream } from '../../base/net.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import type { FragmentStore } from '../../storage/fragment/fragment.ts';
import type { Coordinator } from '../../storage/shard/coordinator.ts';
import type { ShardDevice } from '../../storage/shard/device.ts';
import type { ShardGroup } from '../../storage/shard/group.ts';
import type { Shard } from '../../storage/shard/shard.ts';
import type { Self } from '../storage-node/peer.ts';
import { Peers } from '../storage-node/peers.ts';
import { type Offered, serveNode } from '../storage-node/serve.ts';
import type { AskingTimes } from '../storage-node/wire/asking.ts';
import { listIn } from '../storage-node/wire/head.ts';
import { methods } from '../storage-node/wire/methods.ts';
import type { ChangeProgress } from '../rings/steward.ts';
import { decodeProgress } from '../storage-node/handlers/changes.ts';
import { SessionKeeper } from './session-keeper.ts';

/** What makes a process a member of a cluster. */
export interface MemberOptions {
  readonly net: Net;
  readonly self: Self;
  /** Where other nodes are listened to. */
  readonly listen: NetAddress;
  /** HOST:PORT under which they reach it. */
  readonly address: string;
  /** What else is spoken on that port: joining. */
  readonly otherProtocols?: ReadonlyMap<string, (stream: NetStream) => void>;
  readonly times?: AskingTimes;
}

interface Machine {
  readonly coordinator: Coordinator;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** What this release does with shards, and older ones do not. */
const knows = { followsSplits: true, followsMerges: true, knowsPieces: true } as const;

/** For what every other process is asked. */
const askMillis = 5000;

/** Nothing is offered before everything is open. */
class LaterOffered implements Offered {
  offered: Offered | undefined;

  fragments(device: DeviceId): FragmentStore | undefined {
    return this.offered?.fragments(device);
  }

  device(device: DeviceId): ShardDevice | undefined {
    return this.offered?.device(device);
  }

  shards(id: ShardId): Shard | undefined {
    return this.offered?.shards(id);
  }

  /** Before everything is open nothing is counted, and nothing written. */
  changes(): ChangeProgress {
    return this.offered?.changes() ?? { counted: new Map(), oldestWritten: new Map() };
  }

  /** What cannot be known yet counts as so. */
  isOpen(objectId: string): boolean {
    return this.offered?.isOpen(objectId) ?? true;
  }
}

export class Membership {
  readonly peers: Peers;
  readonly keeper: SessionKeeper;
  readonly #later: LaterOffered;
  readonly #server: NetServer;

  private constructor(parts: {
    readonly later: LaterOffered;
    readonly server: NetServer;
    readonly keeper: SessionKeeper;
    readonly peers: Peers;
  }) {
    this.#later = parts.later;
    this.#server = parts.server;
    this.keeper = parts.keeper;
    this.peers = parts.peers;
  }

  /** Listens to other nodes, takes a lease, and connects to the others. Throws `unavailable`. */
  static async join(options: MemberOptions, machine: Machine): Promise<Membership> {
    const { net, self, address, times, listen, otherProtocols } = options;
    const { node, instance } = self;
    const later = new LaterOffered();
    const server = await serveNode({
      ...{ ...machine, net, self, address: listen, offered: later },
      map: () => machine.coordinator.current(),
      ...(otherProtocols === undefined ? {} : { otherProtocols }),
    });
    try {
      const presence = { node, instance, address, devices: [], ...knows } as const;
      const keeper = await SessionKeeper.start({ ...machine, presence });
      const rest = times === undefined ? {} : { times };
      const peers = new Peers({ ...machine, net, self, ...rest });
      return new Membership({ later, server, keeper, peers });
    } catch (error) {
      await server.close();
      throw error;
    }
  }

  /** From now on the shards here follow the lease, and what is here is offered to the others. */
  serve(group: ShardGroup, offered: Offered): void {
    this.keeper.listen({ lost: () => group.leaseLost(), taken: () => group.leaseTaken() });
    this.#later.offered = offered;
  }

  present(devices: readonly DeviceId[]): void {
    this.keeper.present(devices);
  }

  /** Whether clients of another node may still be writing this body. Throws `unavailable` when one that lives cannot be asked. */
  async isOpenElsewhere(objectId: string): Promise<boolean> {
    const asked = await Promise.all(
      this.peers.all().map(async (peer) => {
        const { head } = await peer.asker('rows').ask({
          method: methods.bodyIsOpen,
          head: { ids: [objectId] },
          timeoutMillis: askMillis,
        });
        return listIn(head, 'open')[0] === true;
      }),
    );
    return asked.includes(true);
  }

  /** How far all others are with changes of rings. Throws `unavailable` when one that lives cannot be asked. */
  changesElsewhere(): Promise<readonly ChangeProgress[]> {
    return Promise.all(
      this.peers.all().map(async (peer) => {
        const asker = peer.asker('rows');
        const method = methods.ringProgress;
        const { head } = await asker.ask({ method, head: {}, timeoutMillis: askMillis });
        return decodeProgress(head);
      }),
    );
  }

  /** After the shards were handed on. */
  async close(): Promise<void> {
    await this.keeper.close();
    this.peers.close();
    await this.#server.close();
  }
}

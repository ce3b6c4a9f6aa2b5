/** Takes the connections of other nodes, and answers what they ask. */
import type { Clock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { Net, NetAddress, NetServer, NetStream } from '../../base/net.ts';
import type { DeviceId, ShardId } from '../../base/units.ts';
import type { FragmentStore } from '../../storage/fragment/fragment.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import type { ShardDevice } from '../../storage/shard/device.ts';
import type { Shard } from '../../storage/shard/shard.ts';
import type { ChangeProgress } from '../rings/steward.ts';
import { encodeProgress } from './handlers/changes.ts';
import { fragmentHandlers } from './handlers/fragments.ts';
import { replicaHandlers } from './handlers/replicas.ts';
import { shardHandlers } from './handlers/shards.ts';
import type { Self } from './peer.ts';
import {
  AnsweringConnection,
  answeringLimits,
  type Handler,
  type Handlers,
} from './wire/answering.ts';
import {
  agree,
  type Hello,
  type Lane,
  lanes,
  type Welcome,
  wireProtocol,
} from './wire/greeting.ts';
import { listIn } from './wire/head.ts';
import { methods } from './wire/methods.ts';

/** What this node has to offer. */
export interface Offered {
  fragments(device: DeviceId): FragmentStore | undefined;
  device(device: DeviceId): ShardDevice | undefined;
  /** As it is served here, never forwarded. */
  shards(id: ShardId): Shard | undefined;
  /** Whether a client of this node is writing the body, or has just done so. */
  isOpen(objectId: string): boolean;
  /** How far this process is with changes of rings. */
  changes(): ChangeProgress;
}

export interface ServeNodeOptions {
  readonly net: Net;
  readonly address: NetAddress;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly self: Self;
  readonly map: () => ClusterMap;
  readonly offered: Offered;
  /** Other things that are spoken on the same port, by protocol: joining. */
  readonly otherProtocols?: ReadonlyMap<string, (stream: NetStream) => void>;
}

function notHere(): StoreError {
  return new StoreError('unavailable', 'wire.answer', 'the device does not serve here');
}

function handlersOf(offered: Offered): ReadonlyMap<Lane, Handlers> {
  const all = new Map<number, Handler>([
    ...fragmentHandlers((id) => offered.fragments(id) ?? fail(notHere())),
    ...replicaHandlers((id) => offered.device(id) ?? fail(notHere())),
    ...shardHandlers((id) => offered.shards(id)),
    [
      methods.bodyIsOpen.number,
      async ({ head }) => ({
        head: {
          open: listIn(head, 'ids').map((id) => typeof id === 'string' && offered.isOpen(id)),
        },
      }),
    ],
    [methods.ringProgress.number, async () => ({ head: encodeProgress(offered.changes()) })],
  ]);
  const laneOf = new Map<number, Lane>(
    Object.values(methods).map(({ number, lane }) => [number, lane]),
  );
  return new Map(
    lanes.map((lane) => [
      lane,
      new Map([...all].filter(([number]) => laneOf.get(number) === lane)),
    ]),
  );
}

function fail(error: StoreError): never {
  throw error;
}

/** The newest connection of each process and lane. */
class Newest {
  readonly #connections = new Map<string, { turn: number; connection: AnsweringConnection }>();

  /** Ends the older connection of the same process and lane. Throws `stale-epoch` when this one is the older. */
  take(hello: Hello, connection: AnsweringConnection): void {
    const key = `${hello.node} ${hello.instance} ${hello.lane}`;
    const known = this.#connections.get(key);
    if (known !== undefined && known.turn >= hello.turn) {
      throw new StoreError('stale-epoch', 'wire.hello', 'there is a newer connection');
    }
    const own = { turn: hello.turn, connection };
    this.#connections.set(key, own);
    known?.connection.close();
    connection.onClosed(() => {
      if (this.#connections.get(key) === own) this.#connections.delete(key);
    });
  }
}

/** Throws `unavailable` when the address cannot be had. */
export async function serveNode(options: ServeNodeOptions): Promise<NetServer> {
  const { net, address, clock, logger, self, map, otherProtocols = new Map() } = options;
  const handlers = handlersOf(options.offered);
  const newest = new Newest();
  const greet = (hello: Hello, connection: AnsweringConnection): Welcome => {
    checkHello(hello, self, map());
    const protocol = agree(hello);
    newest.take(hello, connection);
    const { node, instance, release } = self;
    return { protocol, node, instance, windowBytes: answeringLimits.windowBytes, release };
  };
  return net.serve({
    ...address,
    protocols: [wireProtocol, ...otherProtocols.keys()],
    accept: (stream) => {
      const other = otherProtocols.get(stream.protocol);
      if (other !== undefined) {
        other(stream);
        return;
      }
      new AnsweringConnection({
        ...{ stream, clock, logger, greet },
        handlers: (lane) => handlers.get(lane) ?? new Map<number, Handler>(),
      });
    },
  });
}

function checkHello(hello: Hello, self: Self, { nodes = [] }: ClusterMap): void {
  if (hello.cluster !== self.cluster || !nodes.some(({ name }) => name === hello.node)) {
    throw new StoreError('access-denied', 'wire.hello', 'not a node of this cluster');
  }
  if (hello.to !== self.node || hello.toInstance !== self.instance) {
    throw new StoreError('stale-epoch', 'wire.hello', 'this is another process');
  }
}

/** A node of a cluster at its start: the map, its own devices in it, and what makes it a member. */
import { toHex } from '../../base/bytes.ts';
import { isStoreError, StoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import { TlsNet } from '../../base/tls-net.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import type { MemberOptions } from '../cell/membership.ts';
import type { DeviceFolder } from '../cell/open-device.ts';
import { MapCoordinator, type MapCoordinatorOptions } from '../coordinator/map-coordinator.ts';
import { addressOf } from '../storage-node/peer.ts';
import { engineFor } from './init.ts';
import type { Machine } from './join.ts';
import { createJoinServer } from './join-server.ts';
import { joinProtocol } from './join-wire.ts';
import type { NodeFolder } from './node-folder.ts';
import { registerDevices } from './register.ts';
import { CertificateKeeper } from './renew.ts';

export interface OpenedNode {
  readonly coordinator: MapCoordinator;
  readonly member: MemberOptions;
  /** To be started when the node serves. */
  readonly certificate: CertificateKeeper;
}

/** At its start a node asks etcd for so long. */
const patienceMillis = 30_000;
const retryMillis = 1000;

/** Only for the one process that has the data folder's lock: its earlier processes are dead. Throws a sentence for the operator. */
export async function openNode(
  own: NodeFolder,
  folders: readonly DeviceFolder[],
  machine: Machine & { readonly logger: Logger; readonly release: string },
): Promise<OpenedNode> {
  const { disk, clock, random, logger, release } = machine;
  const { node, identity } = own;
  const engine = engineFor(node, identity, () => clock.now());
  const coordinator = await openMap({ engine, clock, logger });
  if (coordinator === undefined) {
    await engine.close();
    throw new StoreError(
      'unavailable',
      'cluster.open',
      `etcd (${node.etcd.join(', ')}) holds no map of cluster ${node.clusterId}: if it has lost everything, see torc cluster restore`,
    );
  }
  try {
    checkKnown(coordinator, own);
    await coordinator.endSessionsOf(node.name);
    await registerDevices(coordinator, node, folders, machine);
  } catch (error) {
    await coordinator.close();
    throw error;
  }
  const join = createJoinServer({ disk, own, coordinator, clock, random, logger });
  const instance = toHex(random.bytes(8));
  const net = new TlsNet(identity);
  const member: MemberOptions = {
    net,
    self: { cluster: node.clusterId, node: node.name, instance, release },
    listen: addressOf(node.listen),
    address: node.address,
    ...(own.authorityKey === undefined ? {} : { otherProtocols: new Map([[joinProtocol, join]]) }),
  };
  const map = (): ClusterMap => coordinator.current();
  const certificate = new CertificateKeeper({ disk, clock, random, own, net, map, logger });
  return { coordinator, member, certificate };
}

/** Where everything starts at one time etcd may be late: what starts this process need not do it again and again. */
export async function openMap(options: MapCoordinatorOptions): Promise<MapCoordinator | undefined> {
  const { engine, clock, logger } = options;
  const end = clock.monotonic() + patienceMillis;
  for (;;) {
    try {
      return await MapCoordinator.open(options);
    } catch (error) {
      if (!isStoreError(error, 'unavailable') || clock.monotonic() >= end) {
        await engine.close();
        throw error;
      }
      const fields = { event: 'cluster.no-map-yet', reason: error.message };
      logger.warn(fields, 'The cluster map cannot be read yet; it is tried again.');
      await clock.sleep(retryMillis);
    }
  }
}

function checkKnown(coordinator: MapCoordinator, { node }: NodeFolder): void {
  if (coordinator.current().nodes?.some(({ name }) => name === node.name) === true) return;
  const sentence = `the cluster does not know node ${node.name} (any more)`;
  throw new StoreError('access-denied', 'cluster.open', sentence);
}

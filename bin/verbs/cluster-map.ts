/** The map of a cluster, from the data folder of one of its nodes: whether a server runs there or not. */
import { resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { StoreError } from '../../base/errors.ts';
import { createLogger } from '../../base/log.ts';
import { NodeDisk } from '../../base/node-disk.ts';
import type { MapCoordinator } from '../../server/coordinator/map-coordinator.ts';

export async function isNodeData(data: string): Promise<boolean> {
  const { loadNodeFolder } = await import('../../server/cluster/node-folder.ts');
  return (await loadNodeFolder(new NodeDisk(resolve(data)))) !== undefined;
}

/** The cluster map, as any node may read and change it. Throws where `data` is not the folder of a node. */
export async function withMap<Result>(
  data: string,
  task: (coordinator: MapCoordinator) => Promise<Result>,
): Promise<Result> {
  const { loadNodeFolder } = await import('../../server/cluster/node-folder.ts');
  const { engineFor } = await import('../../server/cluster/init.ts');
  const { MapCoordinator: Coordinator } = await import(
    '../../server/coordinator/map-coordinator.ts'
  );
  const own = await loadNodeFolder(new NodeDisk(resolve(data)));
  if (own === undefined) {
    throw new StoreError('invalid-argument', 'cluster', `${data} is not the folder of a node`);
  }
  const engine = engineFor(own.node, own.identity, () => systemClock.now());
  const logger = createLogger('error');
  const coordinator = await Coordinator.open({ engine, clock: systemClock, logger });
  if (coordinator === undefined) {
    await engine.close();
    throw new StoreError('unavailable', 'cluster', 'etcd holds no map of this cluster');
  }
  try {
    return await task(coordinator);
  } finally {
    await coordinator.close();
  }
}

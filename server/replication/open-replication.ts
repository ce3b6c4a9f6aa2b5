/** A worker for each store that the settings name. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { Core } from '../core/api.ts';
import type { RowStore } from '../core/ports.ts';
import type { FeedSource } from '../feeds/source.ts';
import { FeedWorker } from '../feeds/worker.ts';
import { Replicator } from './replicator.ts';
import type { ReplicationStores } from './targets.ts';

/** Versions of different keys that are under way to one store: with two stripes read ahead for each, 8 MiB. */
const PARALLEL_VERSIONS = 4;

export function replicationWorkers(parts: {
  readonly stores: ReplicationStores;
  readonly source: FeedSource;
  readonly core: Core;
  readonly rows: RowStore;
  readonly clock: Clock;
  readonly logger: Logger;
}): readonly Worker[] {
  const { stores, source, core, rows, clock, logger } = parts;
  return stores.all.map((client) => {
    const consumer = new Replicator({ core, rows, client, clock, logger });
    return new FeedWorker({ source, consumer, clock, logger, parallel: PARALLEL_VERSIONS });
  });
}

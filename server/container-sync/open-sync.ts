/** A worker for each cluster that the settings name. */
import type { Clock } from '../../base/clock.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { FeedSource } from '../feeds/source.ts';
import { FeedWorker } from '../feeds/worker.ts';
import { targetsOf } from '../swift/sync/realms.ts';
import { type SenderParts, SyncSender } from './sender.ts';

/** Objects under way to one cluster: with two stripes read ahead for each, 16 MiB. */
const PARALLEL_OBJECTS = 8;

export function syncWorkers(
  parts: SenderParts & { readonly source: FeedSource; readonly clock: Clock },
): readonly Worker[] {
  const { source, clock, logger } = parts;
  return targetsOf(parts.settings).map((target) => {
    const consumer = new SyncSender(target, parts);
    const how = { parallel: PARALLEL_OBJECTS, restsEach: true } as const;
    return new FeedWorker({ source, consumer, clock, logger, ...how });
  });
}

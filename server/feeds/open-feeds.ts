/** What follows the commits of this cell, made of the settings: targets, and a worker for each. */
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/log.ts';
import type { Worker } from '../../storage/work/worker.ts';
import type { ShardMap } from '../proxy/rows.ts';
import { FeedExpiry } from './expiry.ts';
import { Notifier, type Render } from './notifier.ts';
import { ShardFeeds } from './source.ts';
import { Targets } from './targets/open-targets.ts';
import type { TargetSettings } from './targets/target.ts';
import { FeedWorker } from './worker.ts';

export interface OpenFeeds {
  readonly targets: Targets;
  readonly source: ShardFeeds;
  readonly workers: readonly Worker[];
}

/** Messages of different keys that are under way to one target. */
const PARALLEL_MESSAGES = 8;

export function openFeeds(options: {
  readonly shards: ShardMap;
  readonly targets: readonly TargetSettings[];
  readonly render: Render;
  readonly clock: Clock;
  readonly logger: Logger;
}): OpenFeeds {
  const { clock, logger, render } = options;
  const source = new ShardFeeds(options.shards);
  const targets = new Targets(options.targets, clock);
  const workers = targets.all.map((target) => {
    const consumer = new Notifier(target, render);
    return new FeedWorker({ source, consumer, clock, logger, parallel: PARALLEL_MESSAGES });
  });
  return { targets, source, workers: [...workers, new FeedExpiry(source, clock)] };
}

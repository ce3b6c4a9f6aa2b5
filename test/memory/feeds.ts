/** Feeds over rows in memory: one shard. */
import type { Backlog, FeedSource } from '../../server/feeds/source.ts';
import type { MemoryRows } from './rows.ts';

export function memoryFeeds(rows: MemoryRows): FeedSource {
  return {
    backlogs: async (target) => {
      await Promise.resolve();
      return rows
        .rowsOf('backlog')
        .filter(({ key }) => target === undefined || key.target === target)
        .map(({ key, row }): Backlog => ({ ...row, target: key.target, feedId: key.feedId }));
    },
    events: async (feed, limit) => {
      await Promise.resolve();
      return rows
        .rowsOf('event')
        .filter(({ key }) => key.feedId === feed.feedId)
        .map(({ key, row }) => ({ ...row, stamp: key.stamp }))
        .sort((a, b) => a.stamp - b.stamp)
        .slice(0, limit);
    },
    done: async (feed, done) => {
      const { containerId, target, feedId } = feed;
      await rows.execute({ type: 'feed.done', containerId, target, feedId, ...done });
    },
    container: (containerId) => rows.get('container', { containerId }),
  };
}

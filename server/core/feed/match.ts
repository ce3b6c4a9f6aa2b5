import { TAGS } from '../metadata.ts';
import type { ContainerRow, Feed, VersionRow } from '../model.ts';
import type { ObjectEvent } from './events.ts';

/** Which of the container's feeds hear of this. Of those of one group, the one with the highest priority. */
export function matchFeeds(
  container: ContainerRow,
  event: ObjectEvent,
  object: { readonly key: string; readonly system: VersionRow['system'] },
): readonly Feed[] {
  const { feeds } = container;
  if (feeds === undefined) return [];
  const matching = feeds.filter((feed) => matches(feed, event, object));
  return matching.filter((feed) => !isOutranked(feed, matching));
}

function matches(
  feed: Feed,
  event: ObjectEvent,
  { key, system }: { readonly key: string; readonly system: VersionRow['system'] },
): boolean {
  if (!feed.events.includes(event)) return false;
  if (!key.startsWith(feed.prefix) || !key.endsWith(feed.suffix)) return false;
  if (feed.tags === undefined) return true;
  const pieces = system[TAGS]?.split('&') ?? [];
  return feed.tags.every((wanted) => pieces.includes(wanted));
}

function isOutranked(feed: Feed, others: readonly Feed[]): boolean {
  if (feed.group === undefined) return false;
  return others.some(
    (other) => other.group === feed.group && (other.priority ?? 0) > (feed.priority ?? 0),
  );
}

/** Amazon's names of events, and what they mean in the model ("Event notification types and destinations"). */
import type { ObjectEvent } from '../../core/feed/events.ts';

/** As they stand in a configuration; records leave the `s3:` out. Those without a counterpart name what never happens here: no storage class loses objects, nothing is tiered by itself, and replication has no time that it promises. */
const events: Readonly<Record<string, ObjectEvent | undefined>> = {
  's3:ObjectCreated:Put': 'created:put',
  's3:ObjectCreated:Post': 'created:post',
  's3:ObjectCreated:Copy': 'created:copy',
  's3:ObjectCreated:CompleteMultipartUpload': 'created:complete',
  's3:ObjectRemoved:Delete': 'removed:delete',
  's3:ObjectRemoved:DeleteMarkerCreated': 'removed:marker',
  's3:ObjectTagging:Put': 'tagging:put',
  's3:ObjectTagging:Delete': 'tagging:delete',
  's3:ObjectAcl:Put': 'acl:put',
  's3:ObjectRestore:Post': 'restore:post',
  's3:ObjectRestore:Completed': 'restore:completed',
  's3:ObjectRestore:Delete': 'restore:delete',
  's3:LifecycleExpiration:Delete': 'expired:delete',
  's3:LifecycleExpiration:DeleteMarkerCreated': 'expired:marker',
  's3:LifecycleTransition': 'transitioned',
  's3:Replication:OperationFailedReplication': 'replication:failed',
  's3:Replication:OperationMissedThreshold': undefined,
  's3:Replication:OperationReplicatedAfterThreshold': undefined,
  's3:Replication:OperationNotTracked': undefined,
  's3:ReducedRedundancyLostObject': undefined,
  's3:IntelligentTiering': undefined,
};

const wildcards: ReadonlySet<string> = new Set(
  Object.keys(events)
    .filter((name) => name.split(':').length === 3)
    .map((name) => `${name.slice(0, name.lastIndexOf(':'))}:*`),
);

export function isEventName(name: string): boolean {
  return Object.hasOwn(events, name) || wildcards.has(name);
}

/** The names that one of a configuration stands for: itself, or all of its family. */
export function expandEventName(name: string): readonly string[] {
  if (!name.endsWith(':*')) return [name];
  return Object.keys(events).filter((one) => one.startsWith(name.slice(0, -1)));
}

export function eventsOf(names: readonly string[]): readonly ObjectEvent[] {
  const found = names.flatMap(expandEventName).map((name) => events[name]);
  return [...new Set(found.filter((event) => event !== undefined))];
}

/** As records name it, e.g. `ObjectCreated:Put`; undefined: Amazon has no name for it. */
export function recordNameOf(event: ObjectEvent): string | undefined {
  const name = Object.keys(events).find((one) => events[one] === event);
  return name?.slice('s3:'.length);
}

/** Which devices of a cluster are served by some process, as its map tells. */
import type { DeviceId } from '../../base/units.ts';
import type { ClusterMap, Coordinator } from '../../storage/shard/coordinator.ts';

/** Undefined on a single machine: its map names no sessions. */
export function servedDevices({ sessions }: ClusterMap): ReadonlySet<DeviceId> | undefined {
  if (sessions === undefined) return undefined;
  return new Set(sessions.flatMap(({ devices }) => devices));
}

function signatureOf(map: ClusterMap): string {
  const served = servedDevices(map);
  return map.devices
    .filter(({ id }) => served?.has(id) ?? true)
    .map(({ id, uuid }) => `${id}:${uuid}`)
    .join(' ');
}

/** Calls back whenever a device of the cluster comes, goes, or is made anew; returns what ends it. */
export function watchServedDevices(
  coordinator: Pick<Coordinator, 'current' | 'watch'>,
  changed: () => void,
): () => void {
  let known = signatureOf(coordinator.current());
  return coordinator.watch((map) => {
    const now = signatureOf(map);
    if (now === known) return;
    known = now;
    changed();
  });
}

/**
 * The cluster map as a node last saw it, in its data folder: from one such copy an etcd that has lost everything is
 * filled again (docs/operations.md). Nothing else ever reads it: while etcd has a map, that one counts.
 */
import type { Clock } from '../../base/clock.ts';
import { createDurably, type Disk } from '../../base/disk.ts';
import { StoreError, toStoreError } from '../../base/errors.ts';
import type { Logger } from '../../base/log.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import type { MapCoordinator } from '../coordinator/map-coordinator.ts';
import type { MapEngine } from '../coordinator/map-engine.ts';
import { decodeMap, encodeMap } from '../coordinator/map-file.ts';
import { writeNewMap } from '../coordinator/new-map.ts';

const path = 'cluster/map';
/** Changes that come together, as when a node goes, are written once. */
const paceMillis = 2000;

/** What outlives the processes of the cluster. */
function lasting(map: ClusterMap): ClusterMap {
  const { sessions: _sessions, ...rest } = map;
  const shards = map.shards.map(({ session: _session, ...shard }) => shard);
  return { ...rest, shards };
}

/** Writes a copy now and after changes; resolves what it returns when nothing is being written any more. */
export function keepMapCopy(
  coordinator: MapCoordinator,
  { disk, clock, logger }: { readonly disk: Disk; readonly clock: Clock; readonly logger: Logger },
): () => Promise<void> {
  let written = '';
  let last = Promise.resolve();
  let cancel: (() => void) | undefined;
  const write = async (): Promise<void> => {
    const map = { ...lasting(coordinator.current()), lastDevice: coordinator.lastDevice };
    // The version grows with every lease, too.
    const text = JSON.stringify({ ...map, version: 0 });
    if (text === written) return;
    const generation = Math.floor(clock.now() / 1000);
    await createDurably(disk, path, encodeMap({ map, generation }));
    written = text;
  };
  const begin = (): void => {
    last = last.then(write).catch((error: unknown) => {
      const fields = { event: 'map.not-copied', reason: toStoreError(error, 'map.copy').message };
      logger.warn(fields, 'The copy of the cluster map in the data folder could not be written.');
    });
  };
  begin();
  const unwatch = coordinator.watch(() => {
    cancel ??= clock.after(paceMillis, () => {
      cancel = undefined;
      begin();
    });
  });
  return () => {
    unwatch();
    cancel?.();
    return last;
  };
}

export interface KeptMap {
  readonly map: ClusterMap;
  /** Milliseconds since 1970, to the second. */
  readonly writtenAt: number;
}

/** `disk` is the data folder. Throws `invalid-argument` where there is no copy, `corrupt` where it is bad. */
export async function readMapCopy(disk: Disk): Promise<KeptMap> {
  const bytes = await disk.readAll(path);
  if (bytes === undefined) {
    const sentence = 'this data folder has no copy of the cluster map';
    throw new StoreError('invalid-argument', 'map.copy', sentence);
  }
  const { map, generation } = decodeMap(bytes);
  return { map, writtenAt: generation * 1000 };
}

/** Fills an engine that holds no map of this cluster. No node may be serving. Throws `conflict` when there is a map. */
export async function restoreMap(engine: MapEngine, { map }: KeptMap): Promise<void> {
  await writeNewMap(engine, map);
}

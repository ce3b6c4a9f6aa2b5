/** The copy of the cluster map in a node's data folder, and an etcd that is filled from it. */
import { expect, it } from 'vitest';
import { silentLogger } from '../../../base/log.ts';
import { deviceId, epoch, shardId } from '../../../base/units.ts';
import { keepMapCopy, readMapCopy, restoreMap } from '../../../server/cluster/map-copy.ts';
import { openMap } from '../../../server/cluster/open-node.ts';
import { MapCoordinator } from '../../../server/coordinator/map-coordinator.ts';
import type { MapEngine } from '../../../server/coordinator/map-engine.ts';
import { deviceKey } from '../../../server/coordinator/map-keys.ts';
import { writeNewMap } from '../../../server/coordinator/new-map.ts';
import type { ClusterMap } from '../../../storage/shard/coordinator.ts';
import { SimClock } from '../../sim/clock.ts';
import { alwaysReached, SimEngine } from '../../sim/cluster/engine.ts';
import { SimDisk } from '../../sim/disk.ts';
import { SeededRandom } from '../../sim/random.ts';

const logger = silentLogger;

function deviceOf(id: number): ClusterMap['devices'][number] {
  return {
    ...{ id: deviceId(id), uuid: `${id}`.padStart(32, '0'), region: 'r1', zone: 'z1', node: 'n1' },
    ...{ path: `/d${id}`, weight: 1, status: 'up' },
  };
}

const first: ClusterMap = {
  ...{ format: 1, clusterId: 'ab'.repeat(16), version: 1, keyRing: 'ring', defaultPolicy: 'p' },
  nodes: [{ name: 'n1', address: '127.0.0.1:1', region: 'r1', zone: 'z1' }],
  devices: [1, 2].map(deviceOf),
  policies: [{ name: 'p', scheme: 'replica:1', ring: '' }],
  shards: [
    {
      ...{ id: shardId(1), start: '0'.repeat(32), epoch: epoch(1), primary: deviceId(1) },
      ...{ replicas: [1, 2].map(deviceId), inSync: [1, 2].map(deviceId) },
    },
  ],
};

interface World {
  readonly clock: SimClock;
  readonly newEngine: () => MapEngine;
}

function newWorld(): World {
  const clock = new SimClock();
  const random = new SeededRandom(1);
  return { clock, newEngine: () => new SimEngine(clock, random).client(alwaysReached) };
}

async function dataFolder(): Promise<SimDisk> {
  const disk = new SimDisk({});
  await disk.makeDirectory('cluster');
  return disk;
}

async function coordinatorOf(engine: MapEngine, clock: SimClock): Promise<MapCoordinator> {
  const coordinator = await clock.run(MapCoordinator.open({ engine, clock, logger }));
  if (coordinator === undefined) throw new Error('there is no map');
  return coordinator;
}

interface FollowedMap extends World {
  readonly coordinator: MapCoordinator;
  readonly disk: SimDisk;
  readonly end: () => Promise<void>;
}

/** The map of an engine, and its first copy. */
async function followedMap(): Promise<FollowedMap> {
  const { clock, newEngine } = newWorld();
  const engine = newEngine();
  await clock.run(writeNewMap(engine, first));
  const coordinator = await coordinatorOf(engine, clock);
  const disk = await dataFolder();
  const end = keepMapCopy(coordinator, { disk, clock, logger });
  await clock.advance(1);
  return { clock, newEngine, coordinator, disk, end };
}

it('follows the map, and fills an engine that knows nothing', async () => {
  const { clock, newEngine, coordinator, disk, end } = await followedMap();
  expect((await readMapCopy(disk)).map.shards).toEqual(first.shards);

  const [shard] = first.shards;
  if (shard === undefined) throw new Error('there is no shard');
  // A device that has left, and a shard that somebody serves.
  await clock.run(coordinator.addDevice((last) => ({ ...deviceOf(last + 1), weight: 0 })));
  await clock.run(coordinator.change(() => [{ key: deviceKey(deviceId(3)), line: undefined }]));
  const next = { ...shard, epoch: epoch(2), inSync: [deviceId(1)], session: 'some' };
  await clock.run(coordinator.updateShard(shard.id, next));
  await clock.advance(3000);
  await end();
  await coordinator.close();

  const kept = await readMapCopy(disk);
  expect(Math.abs(kept.writtenAt - clock.now())).toBeLessThan(4000);
  const { session: _session, ...lasting } = next;
  const other = newEngine();
  await clock.run(restoreMap(other, kept));
  const restored = await coordinatorOf(other, clock);
  const { version: _version, ...whole } = restored.current();
  const { version: _first, ...expected } = first;
  expect(whole).toEqual({ ...expected, shards: [lasting], sessions: [] });
  // A number is not given twice.
  const { devices } = await clock.run(restored.addDevice((last) => deviceOf(last + 1)));
  expect(devices.map(({ id }) => id)).toEqual([1, 2, 4]);
  await expect(clock.run(restoreMap(other, kept))).rejects.toThrow(/holds a map/);
  await restored.close();
});

it('is not written for what does not outlast a process', async () => {
  const { clock, coordinator, disk, end } = await followedMap();
  const { writtenAt } = await readMapCopy(disk);
  await clock.advance(60_000);
  const presence = { node: 'n1', instance: 'i', address: '127.0.0.1:1', devices: [] };
  const lease = await clock.run(coordinator.lease(presence));
  await clock.advance(60_000);
  expect((await readMapCopy(disk)).writtenAt).toBe(writtenAt);
  await clock.run(lease.release());
  await end();
  await coordinator.close();
});

it('a node waits for an engine that is late, for half a minute', async () => {
  const clock = new SimClock();
  const engine = new SimEngine(clock, new SeededRandom(1));
  await clock.run(writeNewMap(engine.client(alwaysReached), first));
  let isThere = false;
  const reach = { ...alwaysReached, sends: () => isThere };
  clock.after(20_000, () => {
    isThere = true;
  });
  const opened = await clock.run(openMap({ engine: engine.client(reach), clock, logger }));
  expect(opened?.current().clusterId).toBe(first.clusterId);
  await opened?.close();
  isThere = false;
  const never = openMap({ engine: engine.client(reach), clock, logger });
  await expect(clock.run(never)).rejects.toMatchObject({ kind: 'unavailable' });
});

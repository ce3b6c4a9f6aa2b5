/** The coordinator over etcd itself: three members. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { deviceId } from '../../base/units.ts';
import { EtcdEngine } from '../../server/coordinator/etcd-engine.ts';
import { MapCoordinator } from '../../server/coordinator/map-coordinator.ts';
import { writeNewMap } from '../../server/coordinator/new-map.ts';
import type { ClusterMap } from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import { EtcdCluster } from '../process/cluster/etcd.ts';
import { contractMap, coordinatorContract } from './coordinator-contract.ts';

import { firstShard, kindOf, nextOf, open, presence, soon } from './map-shards.ts';

describe('the coordinator over etcd', () => {
  let etcd: EtcdCluster;
  let turn = 0;
  const engines: EtcdEngine[] = [];
  beforeAll(async () => {
    etcd = await EtcdCluster.start(3);
  });
  afterAll(async () => {
    for (const engine of engines) await engine.close();
    await etcd.stop();
  });

  function engineOf(prefix: string): EtcdEngine {
    const engine = new EtcdEngine({ endpoints: etcd.endpoints, prefix, now: () => Date.now() });
    engines.push(engine);
    return engine;
  }

  async function fresh(map: ClusterMap = contractMap): Promise<{
    coordinator: MapCoordinator;
    reopen: () => Promise<MapCoordinator>;
  }> {
    const prefix = `torc/test-${turn++}/`;
    await writeNewMap(engineOf(prefix), map);
    return {
      coordinator: await open(engineOf(prefix)),
      reopen: () => open(engineOf(prefix)),
    };
  }

  coordinatorContract(() => fresh());

  it('takes a map of thousands of lines, and hands it over as it was', async () => {
    const [shard] = contractMap.shards;
    if (shard === undefined) throw new Error('no shard');
    const shards = Array.from({ length: 3000 }, (_, place) => ({
      ...shard,
      id: (place + 1) as ShardState['id'],
      start: place.toString(16).padStart(32, '0'),
    }));
    const { coordinator, reopen } = await fresh({ ...contractMap, shards });
    expect(coordinator.current().shards).toEqual(shards);
    expect((await reopen()).current().shards).toEqual(shards);
  });

  it('shows a session while its process renews it, and not after', async () => {
    const { coordinator, reopen } = await fresh();
    const lease = await coordinator.lease(presence);
    const other = await reopen();
    expect(other.current().sessions).toEqual([{ ...presence, id: lease.session }]);
    await lease.present([deviceId(3)]);
    await lease.release();
    const again = await reopen();
    expect(again.current().sessions).toEqual([]);
  });

  it('goes on when a member dies, says unavailable without a majority, and recovers', async () => {
    const { coordinator, reopen } = await fresh();
    const other = await reopen();
    const lease = await coordinator.lease(presence);
    await etcd.killMember(0);
    const update = async (): Promise<void> => {
      for (let attempt = 0; attempt < 50; attempt++) {
        try {
          const next = nextOf(coordinator);
          await coordinator.updateShard(next.id, next);
          return;
        } catch (error) {
          // Unknown outcomes are settled by looking again.
          if (kindOf(error) !== 'unavailable' && kindOf(error) !== 'stale-epoch') throw error;
          await systemClock.sleep(100);
        }
      }
      throw new Error('no change was taken');
    };
    let lost = false;
    lease.onLost(() => (lost = true));
    await update();
    await soon(() => lease.held() && firstShard(other).epoch === firstShard(coordinator).epoch);
    expect(firstShard(other)).toEqual(firstShard(coordinator));
    expect(lost).toBe(false);
    await etcd.killMember(1);
    const next = nextOf(coordinator);
    expect(await coordinator.updateShard(next.id, next).catch(kindOf)).toBe('unavailable');
    await systemClock.sleep(5500);
    expect(lease.held()).toBe(false);
    etcd.startMember(0);
    etcd.startMember(1);
    await etcd.ready();
    await update();
    await soon(() => lease.held() && firstShard(other).epoch === firstShard(coordinator).epoch);
    expect(lost).toBe(false);
  }, 60_000);
});

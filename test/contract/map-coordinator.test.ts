/** The coordinator over an engine: over the model of etcd that the simulation uses, and over etcd itself. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import { deviceId, epoch } from '../../base/units.ts';
import { EtcdEngine } from '../../server/coordinator/etcd-engine.ts';
import { MapCoordinator } from '../../server/coordinator/map-coordinator.ts';
import type { MapEngine } from '../../server/coordinator/map-engine.ts';
import { writeNewMap } from '../../server/coordinator/new-map.ts';
import type { ClusterMap, Presence } from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';
import { EtcdCluster } from '../process/cluster/etcd.ts';
import { SimClock } from '../sim/clock.ts';
import { alwaysReached, type Reach, SimEngine } from '../sim/cluster/engine.ts';
import { SeededRandom } from '../sim/random.ts';
import { contractMap, coordinatorContract } from './coordinator-contract.ts';

const kindOf = (error: unknown): string => (isStoreError(error) ? error.kind : String(error));
const presence: Presence = { node: 'n1', instance: 'i1', address: '127.0.0.1:1', devices: [] };

function open(engine: MapEngine, clock: Clock = systemClock): Promise<MapCoordinator> {
  return MapCoordinator.open({ engine, clock, logger: silentLogger }).then((coordinator) => {
    if (coordinator === undefined) throw new Error('there is no map');
    return coordinator;
  });
}

function firstShard(coordinator: MapCoordinator): ShardState {
  const [state] = coordinator.current().shards;
  if (state === undefined) throw new Error('no shard');
  return state;
}

function nextOf(coordinator: MapCoordinator, session?: string): ShardState {
  const state = firstShard(coordinator);
  const next = { ...state, epoch: epoch(state.epoch + 1), primary: deviceId(2) };
  return session === undefined ? next : { ...next, session };
}

describe('the coordinator over the model of an engine', () => {
  /** The virtual clock runs by itself while the contract waits. */
  function running(clock: SimClock): () => void {
    let stopped = false;
    const run = async (): Promise<void> => {
      while (!stopped) await clock.advance(5);
    };
    void run();
    return () => {
      stopped = true;
    };
  }

  const stops: (() => void)[] = [];
  afterAll(() => {
    for (const stop of stops) stop();
  });

  coordinatorContract(async () => {
    const clock = new SimClock();
    stops.push(running(clock));
    const engine = new SimEngine(clock, new SeededRandom(3));
    const client = engine.client(alwaysReached);
    await writeNewMap(client, contractMap);
    return {
      coordinator: await open(client, clock),
      reopen: () => open(engine.client(alwaysReached), clock),
    };
  });

  it('takes a lease for ended before the engine does, whatever the wall clock says', async () => {
    for (const jump of [0, -3_600_000, 3_600_000]) {
      const clock = new SimClock();
      const engine = new SimEngine(clock, new SeededRandom(3));
      let reached = true;
      const reach: Reach = { ...alwaysReached, sends: () => reached };
      await clock.run(writeNewMap(engine.client(alwaysReached), contractMap));
      let offset = 0;
      const own = jumping(clock, () => offset);
      const holder = await clock.run(open(engine.client(reach), own));
      const other = await clock.run(open(engine.client(alwaysReached), clock));
      const lease = await clock.run(holder.lease(presence));
      expect(other.current().sessions).toHaveLength(1);
      await clock.advance(20_000);
      expect(lease.held()).toBe(true);
      offset = jump;
      reached = false;
      while (other.current().sessions?.length === 1) {
        await clock.advance(10);
        // As soon as another may take over, the holder knows that it must not serve.
        if (other.current().sessions?.length === 0) expect(lease.held()).toBe(false);
      }
      expect(clock.monotonic()).toBeLessThan(27_000);
      let lost = false;
      lease.onLost(() => (lost = true));
      reached = true;
      await clock.advance(3000);
      expect([lost, lease.held()]).toEqual([true, false]);
    }
  });

  it('gives a held lease back after a forward jump of the wall clock, with the next renewal', async () => {
    const clock = new SimClock();
    const engine = new SimEngine(clock, new SeededRandom(3));
    await clock.run(writeNewMap(engine.client(alwaysReached), contractMap));
    let offset = 0;
    const own = jumping(clock, () => offset);
    const holder = await clock.run(open(engine.client(alwaysReached), own));
    const lease = await clock.run(holder.lease(presence));
    offset = 3_600_000;
    expect(lease.held()).toBe(false);
    await clock.advance(1500);
    expect(lease.held()).toBe(true);
  });

  it('lets nobody take a shard over while its holder lives, and anybody afterwards', async () => {
    const clock = new SimClock();
    const engine = new SimEngine(clock, new SeededRandom(3));
    await clock.run(writeNewMap(engine.client(alwaysReached), contractMap));
    const [a, b] = await clock.run(
      Promise.all([
        open(engine.client(alwaysReached), clock),
        open(engine.client(alwaysReached), clock),
      ]),
    );
    const held = await clock.run(a.lease(presence));
    const session = held.session ?? '';
    await clock.run(a.updateShard(firstShard(a).id, nextOf(a, session)));
    await clock.advance(100);
    const heir = nextOf(b, 'another');
    expect(await clock.run(b.updateShard(heir.id, heir, session).catch(kindOf))).toBe('conflict');
    await clock.run(held.release());
    await clock.run(b.updateShard(heir.id, heir, session));
    expect(firstShard(b)).toEqual(heir);
  });

  it('notices that the history stands still, and reads everything anew', async () => {
    const clock = new SimClock();
    const engine = new SimEngine(clock, new SeededRandom(3));
    await clock.run(writeNewMap(engine.client(alwaysReached), contractMap));
    const deaf: MapEngine = new Proxy(engine.client(alwaysReached), {
      get: (target, name): unknown => {
        if (name === 'watch') return () => () => undefined;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const [a, b] = await clock.run(
      Promise.all([open(deaf, clock), open(engine.client(alwaysReached), clock)]),
    );
    await clock.run(a.lease(presence));
    const next = nextOf(b);
    await clock.run(b.updateShard(next.id, next));
    await clock.advance(4000);
    expect(firstShard(a)).toEqual(next);
    // And its own changes are seen when they resolve.
    const later = nextOf(a);
    await clock.run(a.updateShard(later.id, later));
    expect(firstShard(a)).toEqual(later);
  });

  it('says unavailable without a quorum, and goes on afterwards with every lease', async () => {
    const clock = new SimClock();
    const engine = new SimEngine(clock, new SeededRandom(3));
    await clock.run(writeNewMap(engine.client(alwaysReached), contractMap));
    const coordinator = await clock.run(open(engine.client(alwaysReached), clock));
    const lease = await clock.run(coordinator.lease(presence));
    engine.loseQuorum();
    const next = nextOf(coordinator);
    expect(await clock.run(coordinator.updateShard(next.id, next).catch(kindOf))).toBe(
      'unavailable',
    );
    await clock.advance(60_000);
    expect(lease.held()).toBe(false);
    engine.regainQuorum();
    await clock.advance(2000);
    expect(lease.held()).toBe(true);
    await clock.run(coordinator.updateShard(next.id, next));
  });

  it('puts no second map over the first', async () => {
    const clock = new SimClock();
    const engine = new SimEngine(clock, new SeededRandom(3));
    const client = engine.client(alwaysReached);
    await clock.run(writeNewMap(client, contractMap));
    expect(await clock.run(writeNewMap(client, contractMap).catch(kindOf))).toBe('conflict');
  });
});

/** The same clock, but its wall jumps. */
function jumping(clock: SimClock, offset: () => number): Clock {
  return {
    now: () => clock.now() + offset(),
    monotonic: () => clock.monotonic(),
    sleep: (millis, signal) => clock.sleep(millis, signal),
    after: (millis, task) => clock.after(millis, task),
    turn: () => clock.turn(),
  };
}

async function soon(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !isSo(); turn++) await systemClock.sleep(50);
  expect(isSo()).toBe(true);
}

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

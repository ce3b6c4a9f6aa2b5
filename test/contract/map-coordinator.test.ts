/** The coordinator over an engine: over the model of etcd that the simulation uses. */
import { afterAll, describe, expect, it } from 'vitest';
import { type Clock } from '../../base/clock.ts';
import type { MapEngine } from '../../server/coordinator/map-engine.ts';
import { writeNewMap } from '../../server/coordinator/new-map.ts';
import { SimClock } from '../sim/clock.ts';
import { alwaysReached, type Reach, SimEngine } from '../sim/cluster/engine.ts';
import { SeededRandom } from '../sim/random.ts';
import { contractMap, coordinatorContract } from './coordinator-contract.ts';

import { firstShard, kindOf, nextOf, open, presence } from './map-shards.ts';

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

/** Makes a simulated cluster whole again, with no fault left in it. */
import type { ClusterMap } from '../../../storage/shard/coordinator.ts';
import type { ShardState } from '../../../storage/shard/shard.ts';
import { Violation } from '../clients.ts';
import { isSettled } from '../shards/reshaping.ts';
import type { RingChanges } from './ring-changes.ts';
import type { ClusterWorld } from './world.ts';

/** Everything runs and is joined, until every shard and every body is whole. Throws when that does not come about. */
export async function heal(world: ClusterWorld, rings: RingChanges | undefined): Promise<void> {
  world.trace('healing begins');
  world.net.joinAll();
  world.engine.regainQuorum();
  for (const machine of world.machines) {
    machine.time.wallOffset = 0;
    machine.process?.host.resume();
    for (const device of machine.devices) device.slowMillis = 0;
  }
  for (const machine of world.machines) {
    if (machine.process === undefined) await world.boot(machine);
  }
  // A change of rings goes in steps, each of which is counted twice.
  const rounds = rings === undefined ? 40 : 150;
  for (let round = 0; round < rounds; round++) {
    await world.clock.sleep(3000);
    const cells = world.machines.flatMap(({ running }) => running?.cell ?? []);
    const map = world.machines[0]?.running?.cell.coordinator.current();
    if (partialShards(map).length > 0 || !cells.every(isSettled)) continue;
    if (rings?.isSettled() === false) continue;
    if (await bodiesAreFull(world)) return;
  }
  throw new Violation(`the cluster does not become whole:\n${whatIsLeft(world).join('\n')}`);
}

/** Those that lack a replica, or are served by nobody. */
function partialShards(map: ClusterMap | undefined): readonly ShardState[] {
  const { shards = [], sessions = [] } = map ?? {};
  return shards.filter(
    ({ replicas, inSync, session }) =>
      inSync.length !== replicas.length || sessions.every(({ id }) => id !== session),
  );
}

/** Every machine walks over the claims that are its own, and finds every fragment. */
async function bodiesAreFull({ machines, clock }: ClusterWorld): Promise<boolean> {
  const reconcilers = machines.map((machine) => machine.running?.cell.workers.reconciler);
  const before = reconcilers.map((one) => one?.report);
  for (const one of reconcilers) one?.request();
  for (let wait = 0; wait < 20; wait++) {
    await clock.sleep(500);
    if (reconcilers.every((one, place) => one?.report !== before[place])) break;
  }
  return reconcilers.every(
    (one, place) => one?.report !== before[place] && one?.report?.degradedBodies === 0,
  );
}

function whatIsLeft({ machines }: ClusterWorld): readonly string[] {
  const cells = machines.flatMap(({ name, running }) =>
    running === undefined ? [] : [{ name, cell: running.cell }],
  );
  return [
    ...partialShards(cells[0]?.cell.coordinator.current()).map((shard) => JSON.stringify(shard)),
    ...cells.flatMap(({ name, cell }) => [
      `${name} ${JSON.stringify(cell.workers.reconciler.report)}`,
      ...cell.workers.status().map((status) => `${name} ${JSON.stringify(status)}`),
    ]),
  ];
}

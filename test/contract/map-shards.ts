/** What both suites of the coordinator over an engine do with a map. */
import { expect } from 'vitest';
import { type Clock, systemClock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import { silentLogger } from '../../base/log.ts';
import { deviceId, epoch } from '../../base/units.ts';
import { MapCoordinator } from '../../server/coordinator/map-coordinator.ts';
import type { MapEngine } from '../../server/coordinator/map-engine.ts';
import type { Presence } from '../../storage/shard/coordinator.ts';
import type { ShardState } from '../../storage/shard/shard.ts';

export const kindOf = (error: unknown): string =>
  isStoreError(error) ? error.kind : String(error);
export const presence: Presence = {
  node: 'n1',
  instance: 'i1',
  address: '127.0.0.1:1',
  devices: [],
};

export function open(engine: MapEngine, clock: Clock = systemClock): Promise<MapCoordinator> {
  return MapCoordinator.open({ engine, clock, logger: silentLogger }).then((coordinator) => {
    if (coordinator === undefined) throw new Error('there is no map');
    return coordinator;
  });
}

export function firstShard(coordinator: MapCoordinator): ShardState {
  const [state] = coordinator.current().shards;
  if (state === undefined) throw new Error('no shard');
  return state;
}

export function nextOf(coordinator: MapCoordinator, session?: string): ShardState {
  const state = firstShard(coordinator);
  const next = { ...state, epoch: epoch(state.epoch + 1), primary: deviceId(2) };
  return session === undefined ? next : { ...next, session };
}

export async function soon(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !isSo(); turn++) await systemClock.sleep(50);
  expect(isSo()).toBe(true);
}

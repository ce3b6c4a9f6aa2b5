import type { Id, Versioning } from '../../../../server/core/model.ts';
import { ClusterRows } from '../../../../server/proxy/rows.ts';
import type { StateMachine } from '../../../../storage/shard/shard.ts';
import { pour } from '../../../memory/pour.ts';
import { MemoryShards } from '../../../memory/shards.ts';
import { SimClock } from '../../../sim/clock.ts';

export const containerId: Id = `40${'0'.repeat(29)}1`;

/** Ids that lie in different shards when there are several. */
export function pieceId(number: number): Id {
  return (
    ((number * 97) % 256).toString(16).padStart(2, '0') + number.toString(16).padStart(30, '0')
  );
}

export interface Scene {
  readonly clock: SimClock;
  readonly shards: MemoryShards;
  readonly rows: ClusterRows;
  /** Lets the world run until this is settled. */
  readonly run: <T>(work: Promise<T>) => Promise<T>;
}

export interface SceneOptions {
  readonly shards?: number;
  readonly versioning?: Versioning;
  readonly machine?: StateMachine;
}

/** A container that lies in one piece. */
export async function createScene(options: SceneOptions = {}): Promise<Scene> {
  const clock = new SimClock();
  const { shards: count = 3, machine } = options;
  const shards = new MemoryShards({
    clock,
    shards: count,
    ...(machine === undefined ? {} : { machine }),
  });
  const rows = new ClusterRows(shards, clock);
  await rows.execute({
    type: 'container.create',
    containerId,
    ...{ account: 'AUTH_test', name: 'c', policy: 'default', settings: {} },
    versioning: options.versioning ?? 'off',
  });
  return { clock, shards, rows, run: (work) => clock.run(work) };
}

/** Divides it at these names, which are given in order: the first new piece is number 1. */
export function divide(shards: MemoryShards, ...names: readonly string[]): void {
  for (const [place, name] of names.entries()) {
    if (!pour(shards, place === 0 ? containerId : pieceId(place), name, pieceId(place + 1))) {
      throw new Error(`it was not divided at ${name}`);
    }
  }
}

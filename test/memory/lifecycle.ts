/** The lifecycle workers over memory, run until nothing is due. */
import type { Clock } from '../../base/clock.ts';
import { isStoreError } from '../../base/errors.ts';
import type { LifecycleContext } from '../../server/core/lifecycle/due.ts';
import type { BodyStore, RowStore } from '../../server/core/ports.ts';
import type { DueLane } from '../../server/core/lifecycle/due-key.ts';
import type { StorageClass } from '../../server/core/storage-classes.ts';
import type { DueSource } from '../../server/work/lifecycle/due-jobs.ts';
import { LifecycleKeeper } from '../../server/work/lifecycle/keeper.ts';
import { Mover } from '../../server/work/lifecycle/mover.ts';
import type { MemoryRows } from './rows.ts';

export interface MemoryLifecycle {
  readonly keeper: LifecycleKeeper;
  readonly mover: Mover;
  /** Does what is due now, and what becomes due by it. */
  readonly run: () => Promise<void>;
}

function dueIn(
  rows: MemoryRows,
  clock: Clock,
  lane: DueLane,
  execute: RowStore['execute'],
): DueSource {
  return async (limit) => {
    const due = rows
      .rowsOf('due')
      .filter(({ key }) => key.lane === lane && key.dueAt <= clock.now())
      .sort((a, b) => a.key.dueAt - b.key.dueAt || (a.key.id < b.key.id ? -1 : 1));
    return due.slice(0, limit).map(({ key, row }) => ({
      row,
      done: { ...key, containerId: row.containerId, stamp: row.stamp },
      execute,
    }));
  };
}

export function memoryLifecycle(on: {
  readonly rows: MemoryRows;
  readonly bodies: BodyStore;
  readonly clock: Clock;
  readonly context: LifecycleContext & { readonly classes: readonly StorageClass[] };
  /** In place of the rows' own, for the workers. */
  readonly execute?: RowStore['execute'];
}): MemoryLifecycle {
  const { rows, bodies, clock, context } = on;
  const execute: RowStore['execute'] = on.execute ?? ((command) => rows.execute(command));
  const due = (lane: DueLane): DueSource => dueIn(rows, clock, lane, execute);
  const { classes } = context;
  const keeper = new LifecycleKeeper({ due: due('check'), rows, clock, context });
  const mover = new Mover({ due: due('move'), rows, bodies, clock, classes });
  const step = async (): Promise<boolean> => {
    const jobs = await keeper.next();
    if (jobs !== undefined) await keeper.run(jobs);
    const job = await mover.next();
    try {
      if (job !== undefined) await mover.run(job);
    } catch (error) {
      // It rests, as it does under the loop of workers.
      if (!isStoreError(error)) throw error;
    }
    return jobs !== undefined || job !== undefined;
  };
  return {
    keeper,
    mover,
    run: async () => {
      for (let steps = 0; await step(); steps++) {
        if (steps > 10_000) throw new Error('lifecycle finds something due for ever');
      }
    },
  };
}

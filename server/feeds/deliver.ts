import { type StoreError, toStoreError } from '../../base/errors.ts';
import type { Micros } from '../../base/units.ts';
import type { PendingEvent } from './source.ts';

/** `refused`: the target will never take this one, whatever happens. `later`: it does not take it now; others need not wait for that. */
export type Taken = 'taken' | 'refused' | 'later';

export interface Delivery {
  readonly taken: readonly Micros[];
  readonly refused: readonly Micros[];
  /** Some wait on, though nothing failed. */
  readonly isLate: boolean;
  /** What stopped it before the end. */
  readonly failure: StoreError | undefined;
}

/**
 * Hands events over: those of one key one after the other, `parallel` keys at a time. The first
 * failure ends it; what was under way beside it is waited for. Never rejects.
 */
export async function deliverEvents(
  events: readonly PendingEvent[],
  parallel: number,
  take: (event: PendingEvent) => Promise<Taken>,
): Promise<Delivery> {
  const lanes = [...Map.groupBy(events, (event) => event.key).values()];
  const taken: Micros[] = [];
  const refused: Micros[] = [];
  let isLate = false;
  let failure: StoreError | undefined;
  const run = async (): Promise<void> => {
    for (let lane = lanes.shift(); lane !== undefined; lane = lanes.shift()) {
      for (const event of lane) {
        if (failure !== undefined) return;
        try {
          const outcome = await take(event);
          if (outcome === 'later') {
            isLate = true;
            // What happened to the same key after it waits, too.
            break;
          }
          (outcome === 'taken' ? taken : refused).push(event.stamp);
        } catch (error) {
          failure ??= toStoreError(error, 'feed.deliver');
        }
      }
    }
  };
  await Promise.all(Array.from({ length: parallel }, run));
  return { taken, refused, isLate, failure };
}

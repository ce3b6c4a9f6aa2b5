/**
 * Quotas over sums that no commit sees whole: those of an account, and those of a container in pieces. What a write is
 * going to add is first noted beside the quota, then looked at together with the sums, and given back after the commit (decision 0026).
 */
import { StoreError } from '../../../base/errors.ts';
import { newId } from '../ids.ts';
import type { Id } from '../model.ts';
import type { Services } from '../services.ts';
import type { Growth } from './quota.ts';

/** One quota that a write must keep. */
export interface Bound {
  /**
   * Notes what a write is going to add. The look that it gives reads the sums, and throws `quota-exceeded` where there is no
   * room; false: there may be, once others that are under way have come to an end.
   */
  readonly reserve: (id: Id, growth: Growth) => Promise<() => Promise<boolean>>;
  readonly release: (id: Id) => Promise<unknown>;
  /** What is thrown when the others come to no end. */
  readonly exceeded: () => StoreError;
}

export interface Wanted {
  readonly bounds: readonly Bound[];
  /** Looked up anew in every round: what the write replaces may change meanwhile. */
  readonly growth: () => Promise<Growth>;
}

/** Others that write at the same time may have to come to an end before it shows whether there is room. */
const MAX_ROUNDS = 20;
const PAUSE_MILLIS = 5;

/** Runs a commit that may add no more than `allowance`; it throws `conflict` with detail `allowance` when it would, and is run again. */
export async function withinBounds<T>(
  services: Services,
  { bounds, growth }: Wanted,
  run: (allowance: Growth) => Promise<T>,
): Promise<T> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const amount = await growth();
    const isFree = amount.bytes <= 0 && amount.objects <= 0;
    const done = await reserved(services, isFree ? [] : bounds, amount, run);
    if (done.type === 'done') return done.value;
    await services.clock.sleep(PAUSE_MILLIS);
  }
  const [first] = bounds;
  throw first?.exceeded() ?? new StoreError('conflict', 'quota', 'the object changes too fast');
}

type Attempt<T> = { readonly type: 'done'; readonly value: T } | { readonly type: 'again' };

async function reserved<T>(
  services: Services,
  bounds: readonly Bound[],
  amount: Growth,
  run: (allowance: Growth) => Promise<T>,
): Promise<Attempt<T>> {
  const id = newId(services.random);
  const noted: Bound[] = [];
  let isOver = true;
  try {
    for (const bound of bounds) {
      // Noted before the sums are read: whoever is not among the others is in the sums, or comes later and sees us.
      noted.push(bound);
      const hasRoom = await bound.reserve(id, amount);
      // Others that are under way may yet fail, and for a moment they are counted twice.
      if (!(await hasRoom())) return { type: 'again' };
    }
    return await attempt(run, amount);
  } catch (error) {
    // A commit that may still happen keeps its reservation until that runs out.
    isOver = !(error instanceof StoreError && error.kind === 'unavailable');
    throw error;
  } finally {
    if (isOver) for (const bound of noted) await bound.release(id);
  }
}

async function attempt<T>(
  run: (allowance: Growth) => Promise<T>,
  growth: Growth,
): Promise<Attempt<T>> {
  try {
    return { type: 'done', value: await run(growth) };
  } catch (error) {
    if (error instanceof StoreError && error.detail['allowance'] === true) return { type: 'again' };
    throw error;
  }
}

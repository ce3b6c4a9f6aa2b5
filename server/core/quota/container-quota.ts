/** The quota of a container in pieces: a piece's commit sees its own sums only (decision 0036), so room is reserved at the first piece. */
import { isStoreError } from '../../../base/errors.ts';
import type { Id } from '../model.ts';
import type { Services } from '../services.ts';
import { checkGrowth, exceededOf, quotaExceeded, sumsOf } from './quota.ts';
import type { Bound } from './reserve.ts';

/** Whether a commit was refused because it grows a container in pieces that has a quota, and nothing was reserved. */
export function isUnreserved(error: unknown): boolean {
  return isStoreError(error, 'conflict') && error.detail['unreserved'] === true;
}

export function containerBound({ rows }: Services, containerId: Id): Bound {
  return {
    reserve: async (id, growth) => {
      const reserve = { type: 'container.reserve', containerId, id, ...growth } as const;
      // The quota as it is now: the request may have begun long ago.
      const { quota, others } = await rows.execute(reserve);
      return async () => {
        if (quota === undefined) return true;
        const { bytes, objects } = sumsOf(await rows.usage(containerId));
        checkGrowth(quota, { bytes, objects }, growth);
        const together = { bytes: bytes + others.bytes, objects: objects + others.objects };
        return exceededOf(quota, together, growth) === undefined;
      };
    },
    release: (id) => rows.execute({ type: 'container.release', containerId, id }),
    exceeded: () => quotaExceeded('quota', { quota: 'container' }),
  };
}

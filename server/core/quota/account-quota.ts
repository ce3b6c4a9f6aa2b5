/** Quotas of accounts. An account's sums lie in many shards, so no commit of an object sees them all: room is reserved in the account's own row. */
import { StoreError } from '../../../base/errors.ts';
import { addAccountUsage } from '../account/usage.ts';
import { accountIdOf } from '../ids.ts';
import type { AccountUsageRow, ContainerRow } from '../model.ts';
import type { Services } from '../services.ts';
import type { AccountQuota } from './account-limits.ts';
import { exceededOf, type Growth } from './quota.ts';
import type { Bound } from './reserve.ts';

/** Bytes that the account has left for containers of the policy; Infinity where nothing bounds them. */
export function bytesLeft(quota: AccountQuota, usage: AccountUsageRow, policy: string): number {
  const under = usage.policies?.[policy];
  return Math.min(
    (quota.total.bytes ?? Infinity) - usage.bytes,
    (quota.policies[policy]?.bytes ?? Infinity) - (under?.bytes ?? 0),
  );
}

/** Which quota the growth would exceed; undefined: none. */
export function exceededBy(
  quota: AccountQuota,
  usage: AccountUsageRow,
  policy: string,
  growth: Growth,
): 'account' | 'policy' | undefined {
  if (exceededOf(quota.total, usage, growth) !== undefined) return 'account';
  const own = quota.policies[policy];
  const sums = usage.policies?.[policy] ?? { bytes: 0, objects: 0 };
  if (own === undefined) return undefined;
  return exceededOf(own, sums, growth) === undefined ? undefined : 'policy';
}

/** `policy`: of the container that is written to. */
export function accountBound(
  { rows }: Services,
  quota: AccountQuota,
  { account, policy }: Pick<ContainerRow, 'account' | 'policy'>,
): Bound {
  const accountId = accountIdOf(account);
  return {
    reserve: async (id, growth) => {
      const reserve = { type: 'account.reserve', accountId, id, policy, ...growth } as const;
      const others = await rows.execute(reserve);
      return async () => {
        const usage = await rows.accountUsage(accountId);
        const exceeded = exceededBy(quota, usage, policy, growth);
        if (exceeded !== undefined) throw accountExceeded(exceeded);
        const together = addAccountUsage(usage, others);
        return exceededBy(quota, together, policy, growth) === undefined;
      };
    },
    release: (id) => rows.execute({ type: 'account.release', accountId, id }),
    exceeded: () => accountExceeded('account'),
  };
}

export function accountExceeded(quota: 'account' | 'policy'): StoreError {
  const text = quota === 'policy' ? 'Upload exceeds policy quota.' : 'Upload exceeds quota.';
  return new StoreError('quota-exceeded', 'quota', text, { detail: { quota } });
}

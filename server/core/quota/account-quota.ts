/**
 * Quotas of accounts. An account's sums lie in many shards, so no commit of an object sees them all: what
 * it is going to add is first reserved in the account's own row, then looked at together with the sums,
 * and given back after the commit (decision 0026).
 */
import { StoreError } from '../../../base/errors.ts';
import { addAccountUsage } from '../account/usage.ts';
import { accountIdOf, newId } from '../ids.ts';
import type { AccountUsageRow } from '../model.ts';
import type { Services } from '../services.ts';
import type { Quota } from './quota.ts';
import type { AccountQuota } from './account-limits.ts';

/** What a write adds; negative where it takes away. */
export interface Growth {
  readonly bytes: number;
  readonly objects: number;
}

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
  if (isBeyond(quota.total, usage, growth)) return 'account';
  const own = quota.policies[policy];
  const sums = usage.policies?.[policy] ?? { bytes: 0, objects: 0 };
  return own !== undefined && isBeyond(own, sums, growth) ? 'policy' : undefined;
}

function isBeyond(quota: Quota, sums: Growth, growth: Growth): boolean {
  const { bytes = Infinity, objects = Infinity } = quota;
  if (growth.bytes > 0 && sums.bytes + growth.bytes > bytes) return true;
  return growth.objects > 0 && sums.objects + growth.objects > objects;
}

/** Others that write at the same time may have to come to an end before it shows whether there is room. */
const MAX_ROUNDS = 20;
const PAUSE_MILLIS = 5;

export interface Reserved {
  readonly account: string;
  readonly policy: string;
  /** Looked up anew in every round: what the write replaces may change meanwhile. */
  readonly growth: () => Promise<Growth>;
}

/** Runs a commit that may add no more than `allowance`; it throws `conflict` with detail `allowance` when it would, and is run again. */
export async function withinQuota<T>(
  services: Services,
  quota: AccountQuota,
  wanted: Reserved,
  run: (allowance: Growth) => Promise<T>,
): Promise<T> {
  for (let round = 0; round < MAX_ROUNDS; round++) {
    const growth = await wanted.growth();
    const isFree = growth.bytes <= 0 && growth.objects <= 0;
    const done = isFree
      ? await attempt(run, growth)
      : await reserved(services, quota, { ...wanted, amount: growth }, run);
    if (done.type === 'done') return done.value;
    await services.clock.sleep(PAUSE_MILLIS);
  }
  throw accountExceeded('account');
}

type Attempt<T> = { readonly type: 'done'; readonly value: T } | { readonly type: 'again' };

async function reserved<T>(
  services: Services,
  quota: AccountQuota,
  wanted: Reserved & { readonly amount: Growth },
  run: (allowance: Growth) => Promise<T>,
): Promise<Attempt<T>> {
  const { account, policy, amount } = wanted;
  const accountId = accountIdOf(account);
  const id = newId(services.random);
  const { rows } = services;
  // Registered before the sums are read: whoever is not among the others is in the sums, or comes later and sees us.
  const others = await rows.execute({ type: 'account.reserve', accountId, id, policy, ...amount });
  let isOver = true;
  try {
    const usage = await rows.accountUsage(accountId);
    const exceeded = exceededBy(quota, usage, policy, amount);
    if (exceeded !== undefined) throw accountExceeded(exceeded);
    const together = addAccountUsage(usage, others);
    if (exceededBy(quota, together, policy, amount) === undefined)
      return await attempt(run, amount);
    // Others that are under way may yet fail, and for a moment they are counted twice.
    return { type: 'again' };
  } catch (error) {
    // A commit that may still happen keeps its reservation until that runs out.
    isOver = !(error instanceof StoreError && error.kind === 'unavailable');
    throw error;
  } finally {
    if (isOver) await rows.execute({ type: 'account.release', accountId, id });
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

export function accountExceeded(quota: 'account' | 'policy'): StoreError {
  const text = quota === 'policy' ? 'Upload exceeds policy quota.' : 'Upload exceeds quota.';
  return new StoreError('quota-exceeded', 'quota', text, { detail: { quota } });
}

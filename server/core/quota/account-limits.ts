/** The limits of an account, as its settings have them (decision 0026). */
import type { Metadata } from '../model.ts';
import { numberOf, type Quota } from './quota.ts';

/** Settings of an account's row. Those of a policy have `:` and its name behind them. */
export const accountQuotaSettings = { bytes: 'quota-bytes', objects: 'quota-count' } as const;

export interface AccountQuota {
  readonly total: Quota;
  readonly policies: Readonly<Record<string, Quota>>;
}

/** undefined: there is none. */
export function accountQuotaOf(settings: Metadata | undefined): AccountQuota | undefined {
  let total: Quota = {};
  const policies: Record<string, Quota> = {};
  for (const [name, value] of Object.entries(settings ?? {})) {
    const [what, policy] = splitName(name);
    const limit = numberOf(value);
    if (what === undefined || limit === undefined) continue;
    if (policy === undefined) total = { ...total, [what]: limit };
    else policies[policy] = { ...policies[policy], [what]: limit };
  }
  const isNone = Object.keys(total).length === 0 && Object.keys(policies).length === 0;
  return isNone ? undefined : { total, policies };
}

function splitName(name: string): [what: keyof Quota | undefined, policy: string | undefined] {
  const colon = name.indexOf(':');
  const head = colon < 0 ? name : name.slice(0, colon);
  const policy = colon < 0 ? undefined : name.slice(colon + 1);
  if (head === accountQuotaSettings.bytes) return ['bytes', policy];
  return [head === accountQuotaSettings.objects ? 'objects' : undefined, policy];
}

import type { AccountSums, AccountUsageRow } from '../model.ts';

export const noAccountUsage: AccountUsageRow = { containers: 0, objects: 0, bytes: 0 };

/** Both together, policy by policy. Exact: the sums are whole numbers. */
export function addAccountUsage(a: AccountUsageRow, b: AccountUsageRow): AccountUsageRow {
  const policies: Record<string, AccountSums> = { ...a.policies };
  for (const [policy, sums] of Object.entries(b.policies ?? {})) {
    policies[policy] = addSums(policies[policy] ?? noAccountUsage, sums);
  }
  return { ...addSums(a, b), ...(Object.keys(policies).length === 0 ? {} : { policies }) };
}

function addSums(a: AccountSums, b: AccountSums): AccountSums {
  return {
    containers: a.containers + b.containers,
    objects: a.objects + b.objects,
    bytes: a.bytes + b.bytes,
  };
}

/**
 * What an account has under one policy; undefined when it never had a container there. Rows of
 * stores that had one policy only do not tell policies apart: what no other policy has is the
 * default one's.
 */
export function usageUnder(
  usage: AccountUsageRow,
  policy: string,
  defaultPolicy: string,
): AccountSums | undefined {
  if (policy !== defaultPolicy) return usage.policies?.[policy];
  let rest: AccountSums = usage;
  for (const [other, { containers, objects, bytes }] of Object.entries(usage.policies ?? {})) {
    if (other === policy) continue;
    rest = addSums(rest, { containers: -containers, objects: -objects, bytes: -bytes });
  }
  const isKnown = usage.policies?.[policy] !== undefined || rest.containers > 0;
  return isKnown ? rest : undefined;
}

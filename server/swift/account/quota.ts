/** `X-Account-Quota-{Bytes,Count}[-Policy-<policy>]`: set by operators alone, shown to whoever may see the account. */
import { accountQuotaSettings } from '../../core/quota/account-limits.ts';
import type { MetadataPatch } from '../../core/commands.ts';
import type { Metadata } from '../../core/model.ts';
import type { AccountCall } from '../call.ts';
import type { Headers } from '../headers.ts';
import { refuse } from '../reply.ts';
import { policyInHeader } from './policy-in-header.ts';

const kinds = [
  ['Bytes', accountQuotaSettings.bytes],
  ['Count', accountQuotaSettings.objects],
] as const;

/** The old name of the first of them. */
const legacy = 'x-account-meta-quota-bytes';

/** Every quota that there can be: name of the header without `X-`, and of the setting. */
function allQuotas(call: AccountCall): readonly (readonly [header: string, setting: string])[] {
  const policies = call.door.core.policies.all;
  return kinds.flatMap(([kind, setting]) => [
    [`Account-Quota-${kind}`, setting] as const,
    ...policies.map(
      ({ name }) =>
        [`Account-Quota-${kind}-Policy-${policyInHeader(name)}`, `${setting}:${name}`] as const,
    ),
  ]);
}

/** Throws Refusal 403 unless an operator asks, and 400 for what is no number. */
export function readQuotaPatch(call: AccountCall): MetadataPatch {
  const headers = withoutLegacy(call.headers);
  const patch: Record<string, string | null> = {};
  for (const [header, setting] of allQuotas(call)) {
    const removal = headers.get(`x-remove-${header.toLowerCase()}`) ?? '';
    const value = removal === '' ? headers.get(`x-${header.toLowerCase()}`) : '';
    if (value === undefined) continue;
    if (call.principal.role !== 'reseller') throw refuse(403);
    if (!/^\d*$/.test(value)) throw refuse(400);
    patch[setting] = value === '' ? null : value;
  }
  return patch;
}

/** A request that uses the old name means the new one. */
function withoutLegacy(headers: Headers): Headers {
  const shown = new Map(headers);
  for (const [old, now] of [
    [legacy, 'x-account-quota-bytes'],
    [legacy.replace('x-', 'x-remove-'), 'x-remove-account-quota-bytes'],
  ] as const) {
    const value = headers.get(old);
    if (value !== undefined && (headers.get(now) ?? '') === '') shown.set(now, value);
  }
  return shown;
}

/** The old name is no metadata: it is kept as the quota that it means. */
export function isLegacyQuota(name: string): boolean {
  return name === 'quota-bytes';
}

export function quotaHeaders(call: AccountCall, settings: Metadata): [string, string][] {
  return allQuotas(call).flatMap(([header, setting]): [string, string][] => {
    const value = settings[setting];
    return value === undefined ? [] : [[`X-${header}`, value]];
  });
}

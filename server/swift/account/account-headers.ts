/** What every answer about an account shows. */
import { micros } from '../../../base/units.ts';
import { usageUnder } from '../../core/account/usage.ts';
import type { AccountInfo } from '../../core/api.ts';
import { accountAclHeaders, visibleMetadata } from '../access/privileged.ts';
import type { AccountCall } from '../call.ts';
import { etagHeaders } from '../filters/etag-quoter.ts';
import { wireOf } from '../../http/header-text.ts';
import type { ListingFormat } from '../listing/format.ts';
import { metadataHeaders } from '../metadata.ts';
import { formatTimestamp } from '../timestamps.ts';
import { policyInHeader } from './policy-in-header.ts';
import { quotaHeaders } from './quota.ts';

export function accountHeaders(
  call: AccountCall,
  info: AccountInfo,
  format: ListingFormat,
): [string, string][] {
  // An account that nobody wrote to yet is shown empty and new: its first write makes it.
  const now = Math.floor(call.door.clock.now() * 100) * 10;
  const { usage } = info;
  const headers: [string, string][] = [
    ['Content-Type', format.contentType],
    ['X-Account-Container-Count', String(usage.containers)],
    ['X-Account-Object-Count', String(usage.objects)],
    ['X-Account-Bytes-Used', String(usage.bytes)],
    ['X-Timestamp', formatTimestamp(info.createdAt ?? micros(now))],
    ...(info.domain === undefined ? [] : [projectDomain(info.domain)]),
    ...policyHeaders(call, info),
    ...quotaHeaders(call, info.settings),
    ...etagHeaders(info.settings, 'account'),
    ...accountAclHeaders(call, info.settings),
    ...metadataHeaders('account', visibleMetadata(call, info.metadata)),
  ];
  if (format.varies) headers.push(['Vary', 'Accept']);
  return headers;
}

function projectDomain(domain: string): [string, string] {
  return ['X-Account-Project-Domain-Id', wireOf(domain)];
}

/** Sums of every policy that the account has, or had, a container of. */
function policyHeaders(call: AccountCall, info: AccountInfo): [string, string][] {
  const { all, defaultPolicy } = call.door.core.policies;
  return all.flatMap(({ name }): [string, string][] => {
    const sums = usageUnder(info.usage, name, defaultPolicy);
    if (sums === undefined) return [];
    const prefix = `X-Account-Storage-Policy-${policyInHeader(name)}`;
    return [
      [`${prefix}-Container-Count`, String(sums.containers)],
      [`${prefix}-Object-Count`, String(sums.objects)],
      [`${prefix}-Bytes-Used`, String(sums.bytes)],
    ];
  });
}

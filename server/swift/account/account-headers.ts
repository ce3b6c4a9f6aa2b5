/** What every answer about an account shows. */
import { micros } from '../../../base/units.ts';
import type { AccountInfo } from '../../core/api.ts';
import type { AccountCall } from '../call.ts';
import { titleCase } from '../../http/header-text.ts';
import type { ListingFormat } from '../listing/format.ts';
import { metadataHeaders } from '../metadata.ts';
import { formatTimestamp } from '../timestamps.ts';

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
    ...policyHeaders(call, info),
    ...metadataHeaders('account', info.metadata),
  ];
  if (format.varies) headers.push(['Vary', 'Accept']);
  return headers;
}

/** Sums by policy, while one policy has them all. A name that no header can hold is left out. */
function policyHeaders(call: AccountCall, info: AccountInfo): [string, string][] {
  const [policy, ...others] = call.door.core.policies.names;
  if (policy === undefined || others.length > 0 || !/^[\w.+-]+$/.test(policy)) return [];
  const prefix = `X-Account-Storage-Policy-${titleCase(policy)}`;
  return [
    [`${prefix}-Container-Count`, String(info.usage.containers)],
    [`${prefix}-Object-Count`, String(info.usage.objects)],
    [`${prefix}-Bytes-Used`, String(info.usage.bytes)],
  ];
}

/** What every answer about a container shows. */
import type { ContainerInfo } from '../../core/api.ts';
import { wireOf } from '../../http/header-text.ts';
import { aclHeaders, visibleMetadata } from '../access/privileged.ts';
import { archiveHeaders } from '../archive/location.ts';
import type { ContainerCall } from '../call.ts';
import { etagHeaders } from '../filters/etag-quoter.ts';
import type { ListingFormat } from '../listing/format.ts';
import { metadataHeaders, metadataOfSettings } from '../metadata.ts';
import { syncHeaders } from '../sync/settings.ts';
import { versioningHeaders } from '../versions/enabled.ts';
import { formatLastModified, formatTimestamp } from '../timestamps.ts';

export function containerHeaders(
  call: ContainerCall,
  info: ContainerInfo,
  format: ListingFormat,
): [string, string][] {
  const { row, usage } = info;
  const headers: [string, string][] = [
    ['Content-Type', format.contentType],
    ['X-Container-Object-Count', String(usage.objects)],
    // Old versions are paid for too.
    ['X-Container-Bytes-Used', String(usage.versionBytes)],
    ['X-Timestamp', formatTimestamp(row.createdAt)],
    ['Last-Modified', formatLastModified(row.modifiedAt)],
    ['X-Storage-Policy', wireOf(row.policy)],
    ...versioningHeaders(row),
    ...archiveHeaders(row),
    ...aclHeaders(call, row.settings),
    ...syncHeaders(call, row.settings),
    ...etagHeaders(row.settings, 'container'),
    ...metadataHeaders('container', visibleMetadata(call, metadataOfSettings(row.settings))),
  ];
  if (format.varies) headers.push(['Vary', 'Accept']);
  return headers;
}

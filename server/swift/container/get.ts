/** GET of a container: its listing. */
import type { ContainerInfo } from '../../core/api.ts';
import { bareEtag, type VersionRow, type Versioning, versionIdOf } from '../../core/model.ts';
import type { PageItem } from '../../core/ports.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { ContainerCall } from '../call.ts';
import { collectListing } from '../listing/collect.ts';
import { chooseFormat } from '../listing/format.ts';
import { readListingParameters } from '../listing/parameters.ts';
import { type ListingEntry, listingReply, renderListing } from '../listing/render.ts';
import { linkEntry } from '../symlink/link.ts';
import { getVersions } from '../versions/list.ts';
import { versionPath } from '../versions/version-id.ts';
import { containerHeaders } from './container-headers.ts';
import { formatListed } from '../timestamps.ts';

export async function getContainer(call: ContainerCall): Promise<HttpReply> {
  if (call.query.has('versions')) return getVersions(call);
  const { core } = call.door;
  const format = chooseFormat(call.query, call.headers);
  const parameters = readListingParameters(call.query);
  const address = { account: call.account, container: call.container };
  let info: ContainerInfo | undefined;
  const items = await collectListing(parameters, core.limits.maxPageItems, async (query) => {
    const answer = await core.listObjects(call.context, address, query);
    info ??= answer.container;
    return answer.page;
  });
  // A page of limit 0 asks core for nothing, and still needs the container.
  info ??= await core.headContainer(call.context, address);
  const about = { versioning: info.row.versioning, isJson: format.type === 'application/json' };
  const entries = items.map((item) => entryOf(call, item, about));
  const body = renderListing({ root: 'container', name: call.container, entries }, format);
  const headers = containerHeaders(call, info, format);
  return listingReply(headers, body);
}

function entryOf(
  call: ContainerCall,
  item: PageItem<VersionRow>,
  about: { readonly versioning: Versioning; readonly isJson: boolean },
): ListingEntry {
  if (item.type === 'group') return { subdir: item.name };
  const { name, row } = item;
  const { manifest } = row;
  const slo = manifest !== undefined && about.isJson ? { slo_etag: `"${bareEtag(row.etag)}"` } : {};
  const entry = {
    name,
    hash: manifest?.etag ?? row.etag,
    bytes: row.size,
    content_type: row.contentType,
    last_modified: formatListed(row.modifiedAt),
    ...slo,
  };
  if (!about.isJson) return entry;
  const linked = row.link === undefined ? entry : { ...entry, ...linkEntry(call, row.link) };
  if (about.versioning === 'off' || row.isNull) return linked;
  // Swift's current version is a link to the version itself, and says so.
  const symlink_path = versionPath(call, name, versionIdOf(row));
  return { ...entry, symlink_path, version_symlink: true };
}

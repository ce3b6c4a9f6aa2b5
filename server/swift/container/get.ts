/** GET of a container: its listing. */
import type { ContainerInfo } from '../../core/api.ts';
import type { VersionRow } from '../../core/model.ts';
import type { PageItem } from '../../core/ports.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { ContainerCall } from '../call.ts';
import { collectListing } from '../listing/collect.ts';
import { chooseFormat } from '../listing/format.ts';
import { readListingParameters } from '../listing/parameters.ts';
import { type ListingEntry, listingReply, renderListing } from '../listing/render.ts';
import { formatIso } from '../timestamps.ts';
import { containerHeaders } from './container-headers.ts';

export async function getContainer(call: ContainerCall): Promise<HttpReply> {
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
  const entries = items.map(entryOf);
  const body = renderListing({ root: 'container', name: call.container, entries }, format);
  const headers = containerHeaders(info, format);
  return listingReply(headers, body);
}

function entryOf(item: PageItem<VersionRow>): ListingEntry {
  if (item.type === 'group') return { subdir: item.name };
  return {
    name: item.name,
    hash: item.row.etag,
    bytes: item.row.size,
    content_type: item.row.contentType,
    last_modified: formatIso(item.row.modifiedAt),
  };
}

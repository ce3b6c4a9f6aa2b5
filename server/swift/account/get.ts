/** GET of an account: its containers. */
import type { ContainerInfo } from '../../core/api.ts';
import type { PageItem } from '../../core/ports.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { AccountCall } from '../call.ts';
import { collectListing } from '../listing/collect.ts';
import { chooseFormat } from '../listing/format.ts';
import { readListingParameters } from '../listing/parameters.ts';
import { type ListingEntry, listingReply, renderListing } from '../listing/render.ts';
import { accountHeaders } from './account-headers.ts';
import { formatListed } from '../timestamps.ts';

export async function getAccount(call: AccountCall): Promise<HttpReply> {
  const { core } = call.door;
  const format = chooseFormat(call.query, call.headers);
  // `path=` is a container's parameter only.
  const parameters = { ...readListingParameters(call.query.without('path')), path: undefined };
  const info = await core.headAccount(call.context, call.account);
  const items = await collectListing(parameters, core.limits.maxPageItems, (query) =>
    core.listContainers(call.context, call.account, query),
  );
  const entries = items.map(entryOf);
  const body = renderListing({ root: 'account', name: call.account, entries }, format);
  const headers = accountHeaders(call, info, format);
  return listingReply(headers, body);
}

function entryOf(item: PageItem<ContainerInfo>): ListingEntry {
  if (item.type === 'group') return { subdir: item.name };
  const { row, usage } = item.row;
  return {
    name: item.name,
    count: usage.objects,
    bytes: usage.versionBytes,
    last_modified: formatListed(row.modifiedAt),
    storage_policy: row.policy,
  };
}

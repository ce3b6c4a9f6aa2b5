/** GET of a container with `versions`: all versions of its objects, in JSON only. */
import type { ContainerInfo, Core, VersionPage } from '../../core/api.ts';
import { versionIdOf } from '../../core/model.ts';
import type { HttpReply } from '../../http/exchange.ts';
import type { ContainerCall } from '../call.ts';
import { containerHeaders } from '../container/container-headers.ts';
import { take } from '../listing/collect.ts';
import { chooseJson } from '../listing/format.ts';
import { readListingParameters } from '../listing/parameters.ts';
import { type ListingEntry, listingReply, renderListing } from '../listing/render.ts';
import { refuse } from '../reply.ts';
import { linkEntry } from '../symlink/link.ts';
import { markerType, parseVersion } from './version-id.ts';
import { formatListed } from '../timestamps.ts';

type VersionQuery = Parameters<Core['listVersions']>[2];
type Item = VersionPage['items'][number];

/** MD5 of nothing: what Swift shows of a marker. */
const emptyHash = 'd41d8cd98f00b204e9800998ecf8427e';

export async function getVersions(call: ContainerCall): Promise<HttpReply> {
  const { core } = call.door;
  const format = chooseJson(call.query, call.headers);
  const query = readVersionQuery(call);
  const { account, container } = call;
  const info: ContainerInfo = await core.headContainer(call.context, { account, container });
  const items = await take(walkVersions(call, query), query.limit);
  const entries = items.map((item) => entryOf(call, item));
  const body = renderListing({ root: 'container', name: container, entries }, format);
  return listingReply(containerHeaders(call, info, format), body);
}

function readVersionQuery(call: ContainerCall): VersionQuery {
  const { query } = call;
  // `path=` is for listings of objects only.
  const { page } = readListingParameters(query.without('path'));
  // These are what Swift's ids of versions are made of.
  if (/[\d.\0]/.test(page.delimiter)) throw refuse(400, 'invalid delimiter param');
  const marker = query.text('version_marker');
  if (marker === undefined) return page;
  if (!query.has('marker')) throw refuse(400, 'version_marker param requires marker');
  const versionId = parseVersion(marker);
  if (versionId === undefined) throw refuse(400, 'invalid version_marker param');
  return page.reverse
    ? { ...page, beforeVersionId: versionId }
    : { ...page, afterVersionId: versionId };
}

async function* walkVersions(call: ContainerCall, query: VersionQuery): AsyncGenerator<Item> {
  const { core } = call.door;
  const address = { account: call.account, container: call.container };
  let next = { ...query, limit: Math.min(query.limit, core.limits.maxPageItems) };
  for (;;) {
    const page = await core.listVersions(call.context, address, next);
    yield* page.items;
    const last = page.items.at(-1);
    if (!page.truncated || last === undefined) return;
    const versionId = last.type === 'row' ? versionIdOf(last.row) : undefined;
    next = query.reverse
      ? { ...next, before: last.name, beforeVersionId: versionId }
      : { ...next, after: last.name, afterVersionId: versionId };
  }
}

function entryOf(call: ContainerCall, item: Item): ListingEntry {
  if (item.type === 'group') return { subdir: item.name };
  const { name, row, isLatest } = item;
  const isMarker = row.kind === 'delete-marker';
  return {
    name,
    hash: isMarker ? emptyHash : row.etag,
    bytes: row.size,
    content_type: isMarker ? markerType : row.contentType,
    last_modified: formatListed(row.modifiedAt),
    ...(row.link === undefined ? {} : linkEntry(call, row.link)),
    version_id: versionIdOf(row),
    is_latest: isLatest && !isHiddenByMarker(call, name, isMarker),
  };
}

/** Swift does not know whether an object is current in a page that begins right above its versions (its bug 2147042), and its tests hold it to that. */
function isHiddenByMarker(call: ContainerCall, name: string, isMarker: boolean): boolean {
  if (isMarker || call.query.text('version_marker') !== 'null') return false;
  return call.query.text('marker') === name;
}

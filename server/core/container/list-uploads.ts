import type { ContainerAddress, RequestContext } from '../request.ts';
import type { UploadRow } from '../model.ts';
import type { Page, PageItem, PageQuery } from '../ports.ts';
import type { Services } from '../services.ts';
import { boundedQuery } from './page.ts';
import { resolveContainer } from './resolve.ts';

/** Open uploads; completed ones are kept for a while but are nobody's to see. */
export async function listUploads(
  services: Services,
  ctx: RequestContext,
  address: ContainerAddress,
  query: PageQuery,
): Promise<Page<UploadRow>> {
  const found = await resolveContainer(services, ctx, {
    address,
    action: 'container.list-uploads',
  });
  const { containerId } = found;
  const items: PageItem<UploadRow>[] = [];
  let next: PageQuery | undefined = boundedQuery(services, query);
  const { limit } = next;
  if (limit === 0) return { items, truncated: false };
  while (next !== undefined) {
    const page: Page<UploadRow> = await services.rows.listUploads(containerId, next);
    for (const item of page.items) {
      if (!(await isVisible(services, { containerId, item, query }))) continue;
      if (items.length === limit) return { items, truncated: true };
      items.push(item);
    }
    next = page.truncated ? following(next, page.items.at(-1)) : undefined;
  }
  return { items, truncated: false };
}

/** A group is shown when an open upload is in it: looked up, because its rows were skipped. */
async function isVisible(
  services: Services,
  at: { containerId: string; item: PageItem<UploadRow>; query: PageQuery },
): Promise<boolean> {
  const { containerId, item, query } = at;
  if (item.type === 'row') return item.row.completed === undefined;
  let next: PageQuery | undefined = {
    ...query,
    prefix: item.name,
    delimiter: '',
    reverse: false,
    limit: 100,
  };
  while (next !== undefined) {
    const page: Page<UploadRow> = await services.rows.listUploads(containerId, next);
    if (page.items.some((row) => row.type === 'row' && row.row.completed === undefined))
      return true;
    next = page.truncated ? following(next, page.items.at(-1)) : undefined;
  }
  return false;
}

/** Where the next page begins; a group's rows are all before the next name that lacks its prefix. */
function following(query: PageQuery, last: PageItem<UploadRow> | undefined): PageQuery | undefined {
  if (last === undefined) return undefined;
  if (last.type === 'group') {
    const { afterUpload: _none, ...rest } = query;
    return { ...rest, after: last.name };
  }
  const { startedAt, uploadId } = last.row;
  return { ...query, after: last.name, afterUpload: { startedAt, uploadId } };
}

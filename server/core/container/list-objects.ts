import type { ContainerInfo } from '../api.ts';
import type { ContainerAddress, RequestContext } from '../request.ts';
import type { VersionRow } from '../model.ts';
import type { Page, PageQuery } from '../ports.ts';
import type { Services } from '../services.ts';
import { readInfo } from './info.ts';
import { boundedQuery } from './page.ts';
import { resolveContainer } from './resolve.ts';

/** Current objects. The table holds no delete markers, so a page costs what it returns. */
export async function listObjects(
  services: Services,
  ctx: RequestContext,
  address: ContainerAddress,
  query: PageQuery,
): Promise<{ readonly container: ContainerInfo; readonly page: Page<VersionRow> }> {
  const found = await resolveContainer(services, ctx, { address, action: 'container.list' });
  const container = await readInfo(services, found);
  if (query.limit === 0) return { container, page: { items: [], truncated: false } };
  const page = await services.rows.listCurrent(found.containerId, boundedQuery(services, query));
  return { container, page };
}

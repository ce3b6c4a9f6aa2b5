import { compareUtf8 } from '../../../base/bytes.ts';
import type { Micros } from '../../../base/units.ts';
import type { ContainerAddress, Core, RequestContext, VersionPage } from '../api.ts';
import type { VersionRow } from '../model.ts';
import type { Page, PageItem, PageQuery } from '../ports.ts';
import type { Services } from '../services.ts';
import { parseVersionId } from '../version-id.ts';
import { boundedQuery } from './page.ts';
import { resolveContainer } from './resolve.ts';

type Item = VersionPage['items'][number];

/** The stamp that a version id marker means for this key; undefined when there is no such version. */
async function stampOf(
  services: Services,
  at: { readonly containerId: string; readonly key: string },
  versionId: string,
): Promise<Micros | undefined> {
  const wanted = parseVersionId(versionId, 'container.listVersions');
  if (wanted !== 'null') return wanted;
  const row = await services.rows.get('current', at);
  return row?.isNull === true ? row.version : row?.nullVersion;
}

/** Both tables in one order: by key, the newest version first. */
function merge(current: Page<VersionRow>, older: Page<VersionRow>, limit: number): VersionPage {
  const items: Item[] = [];
  let a = 0;
  let b = 0;
  while (items.length < limit) {
    const left = current.items[a];
    const right = older.items[b];
    if (left === undefined && right === undefined) break;
    // A page that was cut hides what follows it: nothing behind its end may be shown.
    if (left === undefined && current.truncated) break;
    if (right === undefined && older.truncated) break;
    const order =
      left === undefined ? 1 : right === undefined ? -1 : compareUtf8(left.name, right.name);
    if (order === 0 && left?.type === 'group' && right?.type === 'group') b++;
    if (order <= 0 && left !== undefined) {
      items.push(toItem(left));
      a++;
    } else if (right !== undefined) {
      items.push(toItem(right));
      b++;
    }
  }
  const rest = a < current.items.length || b < older.items.length;
  return { items, truncated: rest || current.truncated || older.truncated };
}

function toItem(item: PageItem<VersionRow>): Item {
  if (item.type === 'group') return item;
  return { ...item, isLatest: item.row.newer === undefined };
}

export async function listVersions(
  services: Services,
  ctx: RequestContext,
  input: {
    readonly address: ContainerAddress;
    readonly query: Parameters<Core['listVersions']>[2];
  },
): Promise<VersionPage> {
  const { address } = input;
  const found = await resolveContainer(services, ctx, { address, action: 'object.list' });
  const { containerId } = found;
  const { afterVersionId, ...rest } = input.query;
  const query: PageQuery = boundedQuery(services, rest);
  if (query.limit === 0) return { items: [], truncated: false };
  const { after } = query;
  const afterVersion =
    afterVersionId === undefined || after === undefined
      ? undefined
      : await stampOf(services, { containerId, key: after }, afterVersionId);
  const [current, older] = await Promise.all([
    services.rows.listCurrent(containerId, query),
    services.rows.listVersions(
      containerId,
      afterVersion === undefined ? query : { ...query, afterVersion },
    ),
  ]);
  return merge(current, older, query.limit);
}

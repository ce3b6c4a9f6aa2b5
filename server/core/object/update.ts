import { mayBypassGovernance } from '../access/bypass.ts';
import type { Core } from '../api.ts';
import type { RequestContext } from '../request.ts';
import type { ObjectChange } from '../commands.ts';
import { resolveContainer } from '../container/resolve.ts';
import { causeOf, wakeFeeds } from '../feed/cause.ts';
import type { ObjectEvent } from '../feed/events.ts';
import type { VersionRow } from '../model.ts';
import type { Services } from '../services.ts';
import { locateVersion } from './locate.ts';

export async function updateObject(
  services: Services,
  ctx: RequestContext,
  input: {
    readonly address: Parameters<Core['updateObject']>[1];
    readonly change: ObjectChange;
    readonly event?: ObjectEvent | undefined;
  },
): Promise<VersionRow> {
  const { address, change, event } = input;
  const { key, versionId, allowExpired } = address;
  const { containerId, row } = await resolveContainer(services, ctx, {
    address,
    action: 'object.write',
  });
  const hasHistory = row.versioning !== 'off';
  const at =
    versionId === undefined
      ? undefined
      : await locateVersion(services, { containerId, key, versionId, hasHistory, withBody: false });
  const updated = await services.rows.execute({
    type: 'object.update',
    containerId,
    key,
    ...(at === undefined ? {} : { version: at.row.version }),
    change,
    ...(allowExpired === undefined ? {} : { allowExpired }),
    ...causeOf(ctx, row, event),
    ...(await mayBypassGovernance(services, ctx, address)),
  });
  wakeFeeds(services, row);
  return updated;
}

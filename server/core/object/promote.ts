import type { Core, RequestContext } from '../api.ts';
import { resolveContainer } from '../container/resolve.ts';
import type { VersionRow } from '../model.ts';
import type { Services } from '../services.ts';
import { locateVersion } from './locate.ts';

export async function promoteVersion(
  services: Services,
  ctx: RequestContext,
  address: Parameters<Core['promoteVersion']>[1],
): Promise<VersionRow> {
  const { key, versionId } = address;
  const found = await resolveContainer(services, ctx, { address, action: 'object.write' });
  const { containerId } = found;
  const hasHistory = found.row.versioning !== 'off';
  const { row } = await locateVersion(services, {
    ...{ containerId, key, versionId, hasHistory },
    withBody: false,
  });
  const { version } = row;
  return services.rows.execute({ type: 'object.promote', containerId, key, version });
}

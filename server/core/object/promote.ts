import type { Core } from '../api.ts';
import type { RequestContext } from '../request.ts';
import { resolveContainer } from '../container/resolve.ts';
import type { VersionRow } from '../model.ts';
import { executeWrite } from '../quota/write.ts';
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
  // Its bytes are counted already; as a current object it may be new.
  const about = { container: found, bytes: () => 0 };
  return executeWrite(services, ctx, about, { type: 'object.promote', containerId, key, version });
}

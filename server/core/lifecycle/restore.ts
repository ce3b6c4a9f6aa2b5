import type { ObjectAddress, RequestContext } from '../request.ts';
import { resolveContainer } from '../container/resolve.ts';
import type { Services } from '../services.ts';
import type { RestoreOutcome } from './commands.ts';
import { locateVersion } from '../object/locate.ts';

export interface RestoreObject extends ObjectAddress {
  readonly versionId?: string | undefined;
  readonly days: number;
}

export async function restoreObject(
  services: Services,
  ctx: RequestContext,
  command: RestoreObject,
): Promise<RestoreOutcome> {
  const { key, versionId, days } = command;
  const { containerId, row } = await resolveContainer(services, ctx, {
    address: command,
    action: 'object.restore',
  });
  const hasHistory = row.versioning !== 'off';
  const at = { containerId, key, versionId, hasHistory, withBody: false };
  const { version } = (await locateVersion(services, at)).row;
  return services.rows.execute({ type: 'object.restore', containerId, key, version, days });
}

import type { Core } from '../api.ts';
import type { ContainerAddress, RequestContext } from '../request.ts';
import type { Services } from '../services.ts';
import { resolveContainer } from './resolve.ts';

export async function updateContainer(
  services: Services,
  ctx: RequestContext,
  address: ContainerAddress,
  change: Parameters<Core['updateContainer']>[2],
): Promise<void> {
  const found = await resolveContainer(services, ctx, { address, action: 'container.write' });
  const { settings, versioning, feeds, lock, lifecycle, later } = change;
  await services.rows.execute({
    type: 'container.update',
    containerId: found.containerId,
    settings,
    limits: services.metadataLimits,
    ...(versioning === undefined ? {} : { versioning }),
    ...(feeds === undefined ? {} : { feeds }),
    ...(lifecycle === undefined ? {} : { lifecycle }),
    ...(lock === undefined ? {} : { lock }),
    ...(later === undefined ? {} : { later }),
  });
}

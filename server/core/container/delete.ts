import type { ContainerAddress, RequestContext } from '../api.ts';
import type { Services } from '../services.ts';
import { cleanUp } from './find.ts';
import { resolveContainer } from './resolve.ts';

/** The tombstone decides; the name and the directory line follow, by us or by whoever meets them. */
export async function deleteContainer(
  services: Services,
  ctx: RequestContext,
  address: ContainerAddress,
): Promise<void> {
  const found = await resolveContainer(services, ctx, { address, action: 'container.delete' });
  const { containerId, row } = found;
  await services.rows.execute({ type: 'container.delete', containerId });
  const { account, name } = row;
  await cleanUp(services, { account, name, containerId }, row);
}

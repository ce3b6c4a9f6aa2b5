import type { ContainerInfo } from '../api.ts';
import type { ContainerAddress, RequestContext } from '../request.ts';
import type { Services } from '../services.ts';
import { readInfo } from './info.ts';
import { resolveContainer } from './resolve.ts';

export async function headContainer(
  services: Services,
  ctx: RequestContext,
  address: ContainerAddress,
): Promise<ContainerInfo> {
  const found = await resolveContainer(services, ctx, { address, action: 'container.list' });
  return readInfo(services, found);
}

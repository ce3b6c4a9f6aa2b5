import type { ContainerInfo } from '../api.ts';
import type { Services } from '../services.ts';
import type { ResolvedContainer } from './find.ts';

/** Joins the sums, as they are now. */
export async function readInfo(
  services: Services,
  container: ResolvedContainer,
): Promise<ContainerInfo> {
  const { containerId, row } = container;
  const usage = await services.rows.usage(containerId);
  return { containerId, row, usage };
}

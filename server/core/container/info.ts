import type { ContainerInfo } from '../api.ts';
import type { UsageRow } from '../model.ts';
import type { Services } from '../services.ts';
import type { ResolvedContainer } from './find.ts';

/** The sums of a container that never held anything. */
export const noUsage: UsageRow = {
  objects: 0,
  bytes: 0,
  versions: 0,
  versionBytes: 0,
  uploads: 0,
};

/** Joins the sums, as they are now. */
export async function readInfo(
  services: Services,
  container: ResolvedContainer,
): Promise<ContainerInfo> {
  const { containerId, row } = container;
  const usage = (await services.rows.get('usage', { containerId })) ?? noUsage;
  return { containerId, row, usage };
}

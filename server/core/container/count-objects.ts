import type { Services } from '../services.ts';
import { findByAccount } from './find.ts';

/** See `Core.countObjects`. */
export async function countObjects(
  services: Services,
  at: { readonly account: string; readonly container: string },
): Promise<number> {
  const found = await findByAccount(services, at.account, at.container);
  if (found === undefined) return 0;
  const { containerId } = found;
  return (await services.rows.usage(containerId)).objects;
}

import type { Principal } from '../api.ts';
import type { ContainerRow } from '../model.ts';
import type { Services } from '../services.ts';
import { findByName } from './find.ts';

/** See `Core.peekContainer`. */
export async function peekContainer(
  services: Services,
  principal: Principal,
  container: string,
): Promise<ContainerRow | undefined> {
  return (await findByName(services, principal, container))?.row;
}
